package pipeline

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/history/settings"
	"github.com/framebeam/framebeam/transforms/files/output"
)

func TestAGenerationSaysWhichSettingsItHasOtherwise(t *testing.T) {
	made := func(number int, opencv string) settings.Made {
		return settings.Made{Generation: output.Generation{Number: number, ConfigDigest: "d", OpenCV: opencv, CodeVersion: "1", Arch: "amd64"}}
	}
	analysis := func(name, params string) settings.Analysis {
		return settings.Analysis{Name: name, Params: json.RawMessage(params)}
	}
	list := listed([]settings.Config{
		{Cameras: "", Made: []settings.Made{made(1, "4.6")}, Analyses: []settings.Analysis{analysis("motion", `{"blur":3,"area":{"min":5}}`), analysis("quality", `{}`)}},
		{Cameras: "", Made: []settings.Made{made(2, "4.7")}, Analyses: []settings.Analysis{analysis("motion", `{"blur":3,"area":{"min":6}}`), analysis("faces", `{"size":1}`)}},
		{Cameras: "gate", Made: []settings.Made{made(1, "4.6"), made(2, "4.7")}, Analyses: []settings.Analysis{analysis("motion", `{"blur":9}`)}},
	})
	want := []change{
		{"", "faces", "", "", "on"}, {"", "motion", "area.min", "5", "6"}, {"", "program", "OpenCV", "4.6", "4.7"}, {"", "quality", "", "on", ""},
	}
	if len(list) != 2 || list[0].Number != 2 || len(list[1].Changes) != 0 {
		t.Fatalf("%+v", list)
	}
	if d := cmp.Diff(want, list[0].Changes); d != "" {
		t.Error(d)
	}
}

func TestARecordIsShownAsWhatItIs(t *testing.T) {
	for _, c := range []struct {
		name, value, kind, shown string
		cut                      bool
	}{
		{"JSON", `{"a": 1}`, "json", `{"a": 1}`, false},
		{"text", "grüße\n", "text", "grüße\n", false},
		{"nothing", "", "text", "", false},
		{"bytes", "\xff\xd8\xff", "hex", "00000000  ff d8 ff                                          |...|\n", false},
		{"text with a bell", "a\x07", "hex", "00000000  61 07                                             |a.|\n", false},
		{"a long text", strings.Repeat("ü", 3000), "text", strings.Repeat("ü", 2048), true},
	} {
		if kind, shown, cut := show([]byte(c.value)); kind != c.kind || shown != c.shown || cut != c.cut {
			t.Errorf("%s: %s %v %.60q", c.name, kind, cut, shown)
		}
	}
}

func FuzzARecordIsShownInBounds(f *testing.F) {
	for _, s := range []string{"", "{}", "\xff", strings.Repeat("ü", 3000), "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, text, cut := show(b)
		if len(text) > 8<<10 || !cut && len(b) > mostShown {
			t.Errorf("%d bytes are shown as %d", len(b), len(text))
		}
		if _, err := json.Marshal(text); err != nil {
			t.Error(err)
		}
	})
}

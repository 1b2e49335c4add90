package settings

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

func stages(t *testing.T, text string) profiles.Stages {
	t.Helper()
	c, err := profiles.Parse("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	st, err := c.Stages()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// changed is an output whose configuration changed after its first chunk, of one camera only.
func changed(t *testing.T) (o *output.Output, before, after profiles.Stages) {
	t.Helper()
	before = stages(t, "motion:\n  min_area: 300\ncameras:\n  - match: gate\n    motion: false\n")
	after = stages(t, "motion:\n  min_area: 300\ncameras:\n  - match: gate\n    motion:\n      min_area: 500\n")
	folder, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := chunk.Partition{Topic: "frames"}
	for k, st := range []profiles.Stages{before, after} {
		o, err = output.Open(t.Context(), folder, output.OpenConfig{N: 4, ConfigDigest: st.Digest, ConfigText: st.Text, CodeVersion: "v1", OpenCV: "4.6.0"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Begin(t.Context(), p, 0); err != nil {
			t.Fatal(err)
		}
		w, err := output.OpenWriter(t.Context(), o.Spec())
		if err != nil {
			t.Fatal(err)
		}
		begin := int64(k) * 4
		var rows []result.Frame
		for off := begin; off < begin+4; off++ {
			rows = append(rows, result.Frame{Topic: "frames", Offset: off, Status: result.OK})
		}
		end := chunk.End{ID: chunk.ID{Partition: p, Index: int64(k)}, N: 4, Offsets: chunk.Span(begin, begin+4)}
		if _, err := w.Commit(t.Context(), end, rows, []element.State{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return o, before, after
}

func find(t *testing.T, o *output.Output, text string) ([]Config, error) {
	t.Helper()
	all, err := All(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return Find(all, text)
}

func TestTheSettingsOfARowAreFoundByItsConfig(t *testing.T) {
	o, before, after := changed(t)
	gateThen, others := before.PerFrame.Profiles[0].Digest, before.PerFrame.Profiles[1].Digest
	gateNow := after.PerFrame.Profiles[0].Digest
	for _, c := range []struct {
		name, text string
		want, not  []string
	}{
		{"one that is no more", gateThen, []string{gateThen, "cameras  gate\n", "generation 1: frames/0 offsets 0 to 3 ("}, []string{"motion:", "generation 2"}},
		{"its first digits", gateNow[:6], []string{gateNow, "cameras  gate\n", "generation 2: frames/0 from offset 4", "motion:\n", "min_area: 500\n"}, []string{"generation 1"}},
		{"one that did not change", others, []string{"(all others)", "generation 1", "generation 2", "min_area: 300\n", "silence  10s"}, nil},
		{"a generation's", after.Digest[:12], []string{gateNow, others, after.Digest}, []string{gateThen}},
	} {
		found, err := find(t, o, c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var b bytes.Buffer
		if err := Show(&b, found); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %q is not in\n%s", c.name, want, b.String())
			}
		}
		for _, not := range c.not {
			if strings.Contains(b.String(), not) {
				t.Errorf("%s: %q is in\n%s", c.name, not, b.String())
			}
		}
	}
}

func TestADigestThatIsUnknownOrOfSeveralIsAnError(t *testing.T) {
	o, before, _ := changed(t)
	digest := before.PerFrame.Profiles[0].Digest
	for text, want := range map[string]string{
		"":                "config list lists them",
		"zz":              "there are: ",
		digest[:15] + "x": `did you mean "` + digest + `"?`,
	} {
		if _, err := find(t, o, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	several := []Config{{Digest: "abc1"}, {Digest: "abc2"}}
	if _, err := Find(several, "abc"); err == nil || !strings.Contains(err.Error(), "abc1, abc2") {
		t.Error(err)
	}
}

func TestAllAreListed(t *testing.T) {
	o, before, after := changed(t)
	all, err := All(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := List(&b, all); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != 5 || !strings.Contains(b.String(), before.Digest) || !strings.Contains(b.String(), after.Digest) {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
	b.Reset()
	if err := JSON(&b, all); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		var o struct {
			Config string `json:"config_digest"`
			Made   []any  `json:"made_by"`
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil || len(o.Config) != 16 || len(o.Made) == 0 {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestWhetherAnAnalysisMayHaveMadeRows(t *testing.T) {
	o, _, _ := changed(t)
	for analysis, want := range map[string]bool{"motion": true, "activity": false, "": false} {
		if got := MayHave(o, func(name string) bool { return name == analysis }); got != want {
			t.Errorf("%q: %v", analysis, got)
		}
	}
	folder, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := output.Open(t.Context(), folder, output.OpenConfig{N: 4, ConfigDigest: "d", ConfigText: "by hand"})
	if err != nil {
		t.Fatal(err)
	}
	if !MayHave(byHand, func(string) bool { return false }) {
		t.Error("of a text by hand nobody knows")
	}
}

func TestATextByHandIsShownAsItIs(t *testing.T) {
	all := []Config{{Digest: "d", Made: []Made{{Generation: output.Generation{Number: 1, ConfigDigest: "d", Config: "by hand"}}}}}
	var b bytes.Buffer
	if err := Show(&b, all); err != nil || !strings.Contains(b.String(), "\nby hand\n") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

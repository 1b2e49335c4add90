package retention

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/result"
)

func TestRulesAreRead(t *testing.T) {
	dir := t.TempDir()
	id := strings.Repeat("ab", 16)
	if err := os.WriteFile(filepath.Join(dir, "ids.txt"), []byte("# the fire\n"+id+" gate\n\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Parse(filepath.Join(dir, "retention.yaml"), []byte(`
keep: 30d
size: 500GB
archive: {keep: 1w, size: 400GB}
states: {keep: 12h}
results: {keep: forever}
cameras:
  - {match: "gate-*", keep: 90d, archive: 2w}
  - {match: "*", images: 1d}
pin:
  ids: ids.txt
  events: [{type: "LineDetector/*", camera: "gate-*"}]
`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([kinds]time.Duration{7 * days, 30 * days, 12 * time.Hour, Forever}, r.Keep); d != "" {
		t.Error(d)
	}
	if r.Size != 500e9 || r.Sizes[Archive] != 400e9 {
		t.Errorf("sizes are %d, %v", r.Size, r.Sizes)
	}
	for _, c := range []struct {
		kind   Kind
		camera string
		want   time.Duration
	}{
		{Archive, "gate-1", 14 * days}, {Archive, "yard", 7 * days}, {Images, "gate-1", 90 * days}, {Images, "yard", days},
		{Results, "yard", Forever}, {Results, "gate-1", 90 * days}, {States, "gate-1", 90 * days}, {States, "yard", 12 * time.Hour},
	} {
		if got := r.camera(c.kind, c.camera); got != c.want {
			t.Errorf("%v of %s: %v, want %v", c.kind, c.camera, got, c.want)
		}
	}
	crossed := &result.Event{ID: "x", Type: result.EventLineCrossed}
	if !r.Pins.fits("gate-2", crossed) || r.Pins.fits("yard", crossed) || !r.Pins.fits("yard", &result.Event{ID: id}) {
		t.Error("the wrong events are pinned")
	}
}

func TestAllThatIsWrongWithRulesIsSaidWithItsLine(t *testing.T) {
	_, err := Parse("r.yaml", []byte(`keep: 30
size: much
archive: {keep: -1d}
videos: {keep: 1d}
cameras:
  - {keep: 1d}
  - {match: "[", images: 1x}
pin:
  ids: /nosuch
  events: [{}, {colour: red}]
`))
	if err == nil {
		t.Fatal("it was read")
	}
	for _, want := range []string{
		`r.yaml:1: the file: keep: "30" is not an age`, `r.yaml:2: the file: size: "much" is not a size`, `r.yaml:3: archive: keep: "-1d"`,
		`r.yaml:4: the file: unknown field "videos"`, "r.yaml:6: cameras: match is missing", `r.yaml:7: cameras: match: "[" is not a pattern`,
		`r.yaml:7: cameras: images: "1x"`, "r.yaml:9: pin: ids: open /nosuch", "r.yaml:10: events: one that fits every event", `unknown field "colour"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
}

func TestAgesAndSizes(t *testing.T) {
	for s, want := range map[string]time.Duration{"90m": 90 * time.Minute, "12h": 12 * time.Hour, "30d": 30 * days, "4w": 28 * days, "1y": 365 * days, "forever": Forever} {
		if got, err := ParseAge(s); got != want || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "30", "0d", "-1d", "1.5d", "999999999y", "d", "30 d"} {
		if got, err := ParseAge(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
	for s, want := range map[string]int64{"500GB": 500e9, "1.5TiB": 3 << 39, "1000": 1000} {
		if got, err := ParseSize(s); got != want || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "0", "-1GB", "much", "99999999EB"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("keep: 30d\nsize: 1GB\ncameras: [{match: a, keep: 1d}]\npin: {events: [{type: a}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "ids") { // files of the machine
			t.Skip()
		}
		r, err := Parse("r.yaml", data)
		if err != nil {
			return
		}
		for k := range kinds {
			if r.Keep[k] < 0 || r.Sizes[k] < 0 || r.Size < 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

func FuzzParseIDs(f *testing.F) {
	f.Add([]byte(strings.Repeat("ab", 16) + "\n#x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ids, err := ParseIDs("ids", data)
		for id := range ids {
			if len(id) != 32 || err != nil {
				t.Errorf("%q, %v", id, err)
			}
		}
	})
}

package profiles

import (
	"slices"
	"strings"
	"testing"
)

const chosenFrom = `
background: true
tracking: true
lines:
  gate: {points: [[0.5, 0.2], [0.5, 0.9]]}
  yard: {points: [[0.2, 0.2], [0.2, 0.9]]}
health: true
cameras:
  - match: lobby
    lines: false
`

func steps(s Stages, profile int) (names []string) {
	for _, p := range s.PerFrame.Profiles[profile].Analyses {
		names = append(names, p.Name)
	}
	for _, p := range s.Sequence.Profiles[profile].Steps {
		names = append(names, p.Name)
	}
	return names
}

func TestOnlySomeAnalysesAndWhatTheyRead(t *testing.T) {
	whole := stages(t, parse(t, chosenFrom))
	for _, c := range []struct {
		only          string
		lobby, others string
	}{
		{"lines/gate", "", "background tracking lines/gate"},
		{"lines", "", "background tracking lines/gate lines/yard"},
		{"health,quality", "quality health", "quality health"},
		{"tracking", "background tracking", "background tracking"},
		{"", "quality background health motion tracking", "quality background health motion tracking lines/gate lines/yard"},
	} {
		var names []string
		if c.only != "" {
			names = strings.Split(c.only, ",")
		}
		got, err := whole.Only(names)
		if err != nil {
			t.Fatal(err)
		}
		if l, e := strings.Join(steps(got, 0), " "), strings.Join(steps(got, 1), " "); l != c.lobby || e != c.others {
			t.Errorf("only %q is %q for the lobby and %q for others", c.only, l, e)
		}
		if (got.Digest == whole.Digest) != (c.only == "") {
			t.Errorf("only %q: digest %s, of all %s", c.only, got.Digest, whole.Digest)
		}
		again, err := FromRecord(got.Text)
		if err != nil || again.Digest != got.Digest {
			t.Errorf("only %q is not what is recorded of it: %v", c.only, err)
		}
		if !slices.Equal(got.Patterns, whole.Patterns) {
			t.Errorf("the patterns are %q", got.Patterns)
		}
	}
	if _, err := whole.Only([]string{"lines/gaet", "health"}); err == nil || !strings.Contains(err.Error(), `no camera has an analysis "lines/gaet"; did you mean "lines/gate"?`) {
		t.Error(err)
	}
}

func TestASelectionOfCamerasChangesTheWholeAndNoCamera(t *testing.T) {
	whole := stages(t, parse(t, chosenFrom))
	some, err := whole.OfCameras([]string{"lobby", "gate-*", "lobby"})
	if err != nil {
		t.Fatal(err)
	}
	if some.Digest == whole.Digest || !slices.Equal(some.PerFrame.Cameras, []string{"gate-*", "lobby"}) || whole.PerFrame.Cameras != nil {
		t.Errorf("%+v", some.PerFrame.Cameras)
	}
	for i := range whole.PerFrame.Profiles {
		if whole.PerFrame.Profiles[i].Digest != some.PerFrame.Profiles[i].Digest {
			t.Error("a profile's digest has changed")
		}
	}
	for name, again := range map[string]func() (Stages, error){
		"as it is recorded": func() (Stages, error) { return FromRecord(some.Text) },
		"in another order":  func() (Stages, error) { return whole.OfCameras([]string{"gate-*", "lobby"}) },
		"once more":         func() (Stages, error) { return some.OfCameras([]string{"gate-*", "lobby"}) },
	} {
		if got, err := again(); err != nil || got.Digest != some.Digest || !slices.Equal(got.PerFrame.Cameras, some.PerFrame.Cameras) {
			t.Errorf("%s: %v, %v", name, got.PerFrame.Cameras, err)
		}
	}
	if got, err := whole.OfCameras(nil); err != nil || got.Digest != whole.Digest {
		t.Error("nothing was selected, and it is another configuration")
	}
	if _, err := whole.OfCameras([]string{"[a-"}); err == nil {
		t.Error("no pattern is one")
	}
}

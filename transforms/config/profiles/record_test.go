package profiles_test

import (
	"testing"

	"github.com/framebeam/framebeam/transforms/config/profiles"
)

func TestARecordedConfigurationIsTheSameAgain(t *testing.T) {
	cfg, err := profiles.Load("../../../testdata/golden/analyses.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scheduled, err := profiles.Parse("a.yaml", []byte(`
silence: 3s
schedules: [{name: night, from: "20:00", to: "06:00", zone: Europe/Berlin}]
motion: {during: {night: {threshold: 40}}}
background: true
tracking: true
lines: {gate: {points: [[0.5, 0.2], [0.5, 1]], only: [night]}}
cameras: [{match: "yard-*", silence: 5s, background: false, tracking: false, lines: false, motion: {min_area: 9}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]profiles.Config{"default": profiles.Default(), "everything": cfg, "schedules": scheduled} {
		want, err := cfg.Stages()
		if err != nil {
			t.Fatal(err)
		}
		again, err := profiles.FromRecord(want.Text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		twice, err := profiles.FromRecord(again.Text)
		for _, got := range []profiles.Stages{again, twice} {
			if err != nil || got.Text != want.Text || got.Digest != want.Digest {
				t.Errorf("%s: it has digest %s, not %s, %v", name, got.Digest, want.Digest, err)
			}
		}
	}
	for _, bad := range []string{"", "{", "{}", `{"Config":{},"Profiles":[{"Match":"","Colour":"red"}]}`, `{"Config":{},"Profiles":[{"PerFrame":[{"Kind":"nosuch","Name":"nosuch"}]}]}`} {
		if _, err := profiles.FromRecord(bad); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

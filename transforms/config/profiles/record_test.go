package profiles_test

import (
	"encoding/json"
	"testing"

	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/sequence"
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

func TestARecordSaysWithWhichDigestsResultsWereMade(t *testing.T) {
	c := profiles.Default()
	c.Set("background", "{}")
	c.Set("tracking", "{}")
	c.Set("lines", `{"gate": {"points": [[0.5, 0], [0.5, 1]]}}`)
	c.Cameras = []profiles.Override{{Match: "yard-*", Analyses: map[string]json.RawMessage{"background": json.RawMessage(`{"contrast": 30}`)}}}
	st, err := c.Stages()
	if err != nil {
		t.Fatal(err)
	}
	r, err := profiles.ReadRecord(st.Text)
	if err != nil {
		t.Fatal(err)
	}
	for i, camera := range []string{"yard-1", "gate"} {
		got := r.Of(camera)
		if got != &r.Profiles[i] || got.Digest != st.PerFrame.Profiles[i].Digest {
			t.Fatalf("the profile of %s is %+v", camera, got)
		}
		a, err := st.Sequence.Profiles[i].Analyzer(0, func(s sequence.Step) sequence.Step {
			if got.Digests[s.Name()] != s.Digest() {
				t.Errorf("%s: %s has digest %q, recorded is %q", camera, s.Name(), s.Digest(), got.Digests[s.Name()])
			}
			return nil
		})
		if err != nil || a.Pixels() != got.Pixels {
			t.Errorf("%v", err)
		}
		if got.Digests["quality"] != "quality v1" || len(got.Steps) != 4 {
			t.Errorf("%+v", got.Digests)
		}
	}
	if a, b := r.Profiles[0].Digests, r.Profiles[1].Digests; a["lines/gate"] == b["lines/gate"] || a["motion"] != b["motion"] {
		t.Error("a line is another where what it counts is found otherwise, and nothing else is")
	}
	for _, text := range []string{"", "{}", `{"Profiles": 1}`} {
		if _, err := profiles.ReadRecord(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

package profiles_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

func TestPicturesKnowTheLinesAndZonesOfARecordedConfiguration(t *testing.T) {
	cfg, err := profiles.Parse("a.yaml", []byte(`
schedules: [{name: night, from: "20:00", to: "06:00"}]
background: true
tracking: true
lines: {gate: {points: [[0.5, 0.2], [0.5, 1]], direction: forward, during: {night: {points: [[0.4, 0.2], [0.4, 1]]}}}}
zones: {ramp: {polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]], only: [night]}}
activity: {all: {}, part: {within: [[[0, 0], [1, 0], [1, 1]]]}}
cameras: [{match: "yard-*", lines: false, zones: false, activity: false}]
`))
	if err != nil {
		t.Fatal(err)
	}
	stages, err := cfg.Stages()
	if err != nil {
		t.Fatal(err)
	}
	set := profiles.Shapes("no configuration", stages.Text)
	yard, other := stages.PerFrame.Profiles[0].Digest, stages.PerFrame.Profiles[1].Digest
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	line := func(x float64) []geometry.Shape {
		return []geometry.Shape{{Points: []geometry.Position{{x, 0.2}, {x, 1}}, Forward: true}}
	}
	for _, c := range []struct {
		config, analysis string
		at               time.Time
		want             []geometry.Shape
	}{
		{other, "lines/gate", noon, line(0.5)},
		{other, "lines/gate", noon.Add(10 * time.Hour), line(0.4)},
		{other, "zones/ramp", noon, nil},
		{other, "zones/ramp", noon.Add(10 * time.Hour), []geometry.Shape{{Points: []geometry.Position{{0.1, 0.1}, {0.9, 0.1}, {0.9, 0.9}}, Closed: true}}},
		{other, "activity/part", noon, []geometry.Shape{{Points: []geometry.Position{{0, 0}, {1, 0}, {1, 1}}, Closed: true}}},
		{other, "activity/all", noon, nil},
		{other, "tracking", noon, nil},
		{yard, "lines/gate", noon, nil},
	} {
		if d := cmp.Diff(c.want, set.At(c.config, c.analysis, c.at)); d != "" {
			t.Errorf("%s of %s at %v: %s", c.analysis, c.config, c.at, d)
		}
	}
}

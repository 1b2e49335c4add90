package sequence_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/sequence"
	_ "github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
)

// Frames come every ten seconds, so that half a minute has three of them.
func TestAScheduledStepFollowsTheTimeOfCapture(t *testing.T) {
	s, err := scene.Parse("size=96x72&frames=18&fps=1&objects=8")
	if err != nil {
		t.Fatal(err)
	}
	var items []element.Item
	for i := range s.Frames() {
		bgr, _ := s.Frame(i)
		items = append(items, steptest.Item(i, 0.1, 96, 72, bgr))
	}
	// From 08:01 to 08:02 nothing is looked for.
	spec := params.Spec{Kind: "motion", Name: "motion", Params: json.RawMessage(`{"min_area": 12}`),
		During: []params.Variant{{Schedule: schedule.Schedule{Name: "pause", From: "08:01", To: "08:02"}, Off: true}}}
	step, err := sequence.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for i, r := range steptest.Check(t, step, items, 200<<10) {
		if len(r.Detections) > 0 {
			found = append(found, i)
		}
	}
	// 6 to 11 are off; 0 and 12 are the first of a stretch.
	for _, i := range []int{0, 6, 7, 8, 9, 10, 11, 12} {
		if slices.Contains(found, i) {
			t.Errorf("motion was found in frame %d", i)
		}
	}
	if !slices.Contains(found, 1) || !slices.Contains(found, 13) {
		t.Errorf("motion was found in %v only", found)
	}
	plain, err := sequence.Make(params.Spec{Kind: "motion", Name: "motion", Params: spec.Params})
	if err != nil {
		t.Fatal(err)
	}
	if plain.Digest() == step.Digest() {
		t.Error("the schedule is not part of the digest")
	}
}

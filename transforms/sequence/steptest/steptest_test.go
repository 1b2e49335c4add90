package steptest_test

import (
	"testing"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
)

func TestMotionKeepsTheContract(t *testing.T) {
	s, err := scene.Parse("size=96x72&frames=12&objects=4")
	if err != nil {
		t.Fatal(err)
	}
	var items []element.Item
	for i := range s.Frames() {
		bgr, _ := s.Frame(i)
		items = append(items, steptest.Item(i, 10, 96, 72, bgr))
	}
	cfg := steps.DefaultMotion()
	cfg.MinArea = 12
	step, err := steps.NewMotion(cfg)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range steptest.Check(t, step, items, cfg.StateLimit) {
		found += len(r.Detections)
	}
	if found == 0 {
		t.Error("nothing moved")
	}
}

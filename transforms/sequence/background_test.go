package sequence_test

import (
	"fmt"
	"image"
	"testing"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
)

func sceneOf(t testing.TB, text string) *scene.Scene {
	t.Helper()
	s, err := scene.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// play runs the step over a scene and returns the results with the truths.
func play(t testing.TB, step sequence.Step, s *scene.Scene) ([]result.Frame, []scene.Truth) {
	t.Helper()
	items := make([]sequence.Item, 0, s.Frames())
	var truths []scene.Truth
	for i := range s.Frames() {
		bgr, truth := s.Frame(i)
		if truth.Dropped {
			continue
		}
		items = append(items, steptest.Item(i, s.FPS(), s.Size().X, s.Size().Y, bgr))
		truths = append(truths, truth)
	}
	return steptest.Run(t, step, items, nil), truths
}

func newBackground(t testing.TB, change func(*sequence.BackgroundConfig)) sequence.Step {
	t.Helper()
	cfg := sequence.DefaultBackground()
	if change != nil {
		change(&cfg)
	}
	s, err := sequence.NewBackground(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func boxesOf(row result.Frame) []image.Rectangle {
	var boxes []image.Rectangle
	for _, d := range row.Detections {
		boxes = append(boxes, image.Rect(int(d.X), int(d.Y), int(d.X+d.Width), int(d.Y+d.Height)))
	}
	return boxes
}

func TestBackgroundScores(t *testing.T) {
	for _, text := range []string{"seed=%d&objects=5&noise=3", "seed=%d&objects=2&noise=3", "seed=%d&objects=2&noise=8", "seed=%d&objects=5&ramp=100-150:40&switch=200-250:50"} {
		var all, single score.Boxes
		for seed := 1; seed <= 4; seed++ {
			s := sceneOf(t, fmt.Sprintf(text+"&frames=300", seed))
			var one score.Boxes
			rows, truths := play(t, newBackground(t, nil), s)
			alone := score.DefaultRules()
			alone.Gap = -1
			for i, r := range rows {
				if i < 30 {
					continue
				}
				truth := score.DefaultRules().Of(truths[i], s.Size())
				all.Add(boxesOf(r), truth)
				one.Add(boxesOf(r), truth)
				single.Add(boxesOf(r), alone.Of(truths[i], s.Size()))
			}
			t.Log(seed, one.String())
		}
		t.Log(text, all.String())
		t.Log(text, "each alone", single.String())
	}
}

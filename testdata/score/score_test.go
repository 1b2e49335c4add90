package score_test

import (
	"image"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
)

func TestBoxesAreMatchedAtMostOnce(t *testing.T) {
	at := func(x int) image.Rectangle { return image.Rect(x, 0, x+10, 10) }
	for _, c := range []struct {
		name  string
		found []image.Rectangle
		truth score.Truth
		want  score.Tally
	}{
		{"nothing", nil, score.Truth{}, score.Tally{}},
		{"the same", []image.Rectangle{at(0), at(50)}, score.Truth{Wanted: []image.Rectangle{at(50), at(0)}}, score.Tally{Hits: 2}},
		{"two of one", []image.Rectangle{at(1), at(0)}, score.Truth{Wanted: []image.Rectangle{at(0)}}, score.Tally{Hits: 1, False: 1}},
		{"one of two", []image.Rectangle{at(1)}, score.Truth{Wanted: []image.Rectangle{at(0), at(2)}}, score.Tally{Hits: 1, Misses: 1}},
		{"too far", []image.Rectangle{at(5)}, score.Truth{Wanted: []image.Rectangle{at(0)}}, score.Tally{Misses: 1, False: 1}},
		{"tolerated", []image.Rectangle{at(5), at(99)}, score.Truth{Tolerated: []image.Rectangle{at(0)}}, score.Tally{False: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b score.Boxes
			b.Add(c.found, c.truth)
			if b.Tally != c.want {
				t.Errorf("%+v, want %+v", b.Tally, c.want)
			}
		})
	}
	var b score.Boxes
	b.Add([]image.Rectangle{at(0), at(52)}, score.Truth{Wanted: []image.Rectangle{at(0), at(50)}})
	if want := (1 + 80./120) / 2; math.Abs(b.IoU()-want) > 1e-12 {
		t.Errorf("mean IoU %v, want %v", b.IoU(), want)
	}
}

func TestTallyOfNothingIsPerfect(t *testing.T) {
	if n := (score.Tally{}); n.F1() != 1 || n.Precision() != 1 || n.Recall() != 1 {
		t.Error(n)
	}
	if n := (score.Tally{Hits: 3, Misses: 1, False: 2}); n.Precision() != 0.6 || n.Recall() != 0.75 || n.F1() != 6./9 {
		t.Error(n)
	}
}

func TestRulesJoinWhatTouches(t *testing.T) {
	object := func(x int, visible float64, resting bool) scene.Object {
		return scene.Object{X: x, Y: 10, Width: 20, Height: 30, Pixels: 400, Visible: visible, Resting: resting}
	}
	size := image.Pt(320, 240)
	rules := score.DefaultRules()
	truth := scene.Truth{Objects: []scene.Object{
		object(0, 1, false), object(19, 0.4, false), object(60, 1, true), object(100, 0.3, false), object(150, 1, false),
		{X: 200, Y: 10, Width: 20, Height: 30}, // hidden
	}}
	want := score.Truth{
		Wanted:    []image.Rectangle{image.Rect(0, 10, 39, 40), image.Rect(150, 10, 170, 40)},
		Tolerated: []image.Rectangle{image.Rect(60, 10, 80, 40), image.Rect(100, 10, 120, 40)},
	}
	if d := cmp.Diff(want, rules.Of(truth, size)); d != "" {
		t.Error(d)
	}
	rules.Gap, rules.Resting = -1, true
	if got := rules.Of(truth, size); len(got.Wanted) != 3 || len(got.Tolerated) != 2 {
		t.Errorf("each alone, and resting ones too: %v", got)
	}
}

func TestIntervalsBridgeShortPauses(t *testing.T) {
	var at []time.Duration
	var on []bool
	for i, c := range "..##.##....#....##" {
		at, on = append(at, time.Duration(i)*time.Second), append(on, c == '#')
	}
	got := score.Intervals(at, on, 3*time.Second, time.Second)
	want := []score.Interval{{Begin: 2 * time.Second, End: 6 * time.Second}, {Begin: 16 * time.Second, End: 17 * time.Second}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var s score.Spans
	s.Add([]score.Interval{{2 * time.Second, 7 * time.Second}, {10 * time.Second, 12 * time.Second}}, want, time.Second)
	if s.Tally != (score.Tally{Hits: 1, Misses: 1, False: 1}) || math.Abs(s.TimeF1()-2*4./(7+5)) > 1e-12 {
		t.Error(s.String())
	}
	s = score.Spans{Bridged: 2 * time.Second}
	s.Add([]score.Interval{{0, 9 * time.Second}}, []score.Interval{{0, 4 * time.Second}, {6 * time.Second, 9 * time.Second}}, time.Second)
	s.Add([]score.Interval{{0, 9 * time.Second}}, []score.Interval{{0, 4 * time.Second}, {7 * time.Second, 9 * time.Second}}, time.Second)
	if s.Tally != (score.Tally{Hits: 1, Misses: 2, False: 1}) {
		t.Error(s.String())
	}
}

package steps_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
)

// side is that of the pictures of these tests, so that pixels lie exactly on the grid.
const side = 4096

// stands is a track whose anchor is at a pixel.
func stands(track int64, x, y int) result.Detection {
	return result.Detection{
		Analysis: "tracking", Label: "person", X: int32(x) - 1, Y: int32(y) - 2, Width: 2, Height: 2,
		Score: 1, Track: track, State: "confirmed",
	}
}

// as is the detection with another state and label.
func as(d result.Detection, state, label string) result.Detection {
	d.State, d.Label = state, label
	return d
}

// tenth makes items of what is seen every tenth of a second.
func tenth(frames ...[]result.Detection) []element.Item {
	var items []element.Item
	for i, found := range frames {
		items = append(items, steptest.Item(i, 10, side, side, nil, found...))
	}
	return items
}

// places are pixels at one height; 0: unseen.
func places(y int, xs ...int) (ps [][]int) {
	for _, x := range xs {
		if x == 0 {
			ps = append(ps, nil)
			continue
		}
		ps = append(ps, []int{x, y})
	}
	return ps
}

// way is one track alone, every tenth of a second at one of these pixels; nil: unseen.
func way(track int64, pixels ...[]int) []element.Item {
	var frames [][]result.Detection
	for _, p := range pixels {
		var found []result.Detection
		if p != nil {
			found = append(found, stands(track, p[0], p[1]))
		}
		frames = append(frames, found)
	}
	return tenth(frames...)
}

// told are the events of a step, as "frame: type transition track value", or without
// what is not there.
func told(rows []result.Frame, step sequence.Step) []string {
	var all []string
	for i := range rows {
		for _, e := range rows[i].Events {
			if e.Analysis != step.Name() {
				continue
			}
			s := fmt.Sprintf("%d:", i)
			if e.Type == result.EventLoitering {
				s += " loiters"
			}
			if e.Transition != "" {
				s += " " + e.Transition
			}
			if e.Track != 0 {
				s += fmt.Sprintf(" #%d", e.Track)
			}
			all = append(all, s+fmt.Sprintf(" %v", e.Value))
		}
	}
	return all
}

// feed is steptest.Run for properties, whose T is no testing.TB.
func feed(t *rapid.T, step sequence.Step, items []element.Item) (rows []result.Frame) {
	a, err := sequence.NewAnalyzer([]sequence.Step{step}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer c.Close()
	for i := range items {
		if err := c.Next(&items[i]); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, items[i].Result)
	}
	return rows
}

// later moves the items from i on by a time.
func later(items []element.Item, i int, d time.Duration) []element.Item {
	for ; i < len(items); i++ {
		f := &items[i].Frame
		f.Captured = f.Captured.Add(d)
		items[i].Result.Describe(f)
	}
	return items
}

// anew begins another epoch at item i.
func anew(items []element.Item, i int) []element.Item {
	for n := 0; i < len(items); i, n = i+1, n+1 {
		f := &items[i].Frame
		f.Epoch, f.Sequence = "e2", int64(n)
		items[i].Result.Describe(f)
	}
	return items
}

// bytesOf is what a kind of step may take.
func bytesOf(t *testing.T, kind string) int {
	t.Helper()
	for _, k := range sequence.Kinds() {
		if k.Name == kind {
			return k.Bytes
		}
	}
	t.Fatalf("there is no kind %s", kind)
	return 0
}

// input is a frame without pixels.
type input struct{ it *element.Item }

func (in input) Frame() *frame.Frame { return &in.it.Frame }

func (in input) Gray() (gocv.Mat, error) {
	return gocv.Mat{}, errors.New("no step here looks at pixels")
}

func (in input) Color() (gocv.Mat, error) {
	return gocv.Mat{}, errors.New("no step here looks at pixels")
}

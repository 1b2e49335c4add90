// Package score compares what analyses find with the truth of generated scenes.
package score

import (
	"cmp"
	"fmt"
	"image"
	"slices"
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Tally counts what was found of what there was.
type Tally struct {
	Hits   int // found, and there
	Misses int // there, and not found
	False  int // found, and not there
}

// Plus adds up two tallies.
func (t Tally) Plus(u Tally) Tally {
	return Tally{t.Hits + u.Hits, t.Misses + u.Misses, t.False + u.False}
}

// Precision is the part of what was found that is there; 1 if nothing was found.
func (t Tally) Precision() float64 { return ratio(t.Hits, t.Hits+t.False) }

// Recall is the part of what is there that was found; 1 if nothing is there.
func (t Tally) Recall() float64 { return ratio(t.Hits, t.Hits+t.Misses) }

// F1 is the harmonic mean of precision and recall; 1 if there is nothing and
// nothing was found.
func (t Tally) F1() float64 { return ratio(2*t.Hits, 2*t.Hits+t.Misses+t.False) }

func (t Tally) String() string {
	return fmt.Sprintf("precision %.3f recall %.3f F1 %.3f (%d hits, %d misses, %d false)",
		t.Precision(), t.Recall(), t.F1(), t.Hits, t.Misses, t.False)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// Truth is what is to be found in a frame.
type Truth struct {
	// Wanted are boxes that must be found.
	Wanted []image.Rectangle
	// Tolerated are boxes that may be found: what lies in one of them with half of
	// its area and hits nothing wanted does not count.
	Tolerated []image.Rectangle
}

// Rules say which objects of a scene are wanted. Start from [DefaultRules].
type Rules struct {
	// Visible is the part of an object, and Area the part of the picture, that must
	// be seen of it; both are exceeded or it is only tolerated.
	Visible, Area float64
	// Resting says that objects which rest are wanted too.
	Resting bool
	// Gap joins objects whose boxes overlap or are at most this many pixels apart
	// into one, since no method without knowledge of objects can tell them apart. It
	// is wanted if one of its objects is. Below 0: none.
	Gap int
}

// DefaultRules want objects that move, of which more than half can be seen and
// more than 0.2 % of the picture, and join those whose boxes touch.
func DefaultRules() Rules { return Rules{Visible: 0.5, Area: 0.002, Gap: 0} }

// Of is the truth of a frame of a scene of that size.
func (r Rules) Of(t scene.Truth, size image.Point) Truth {
	type group struct {
		box    image.Rectangle
		wanted bool
	}
	var groups []group
	for _, o := range t.Objects {
		if o.Pixels == 0 {
			continue
		}
		groups = append(groups, group{o.Box(), o.Visible > r.Visible &&
			float64(o.Pixels) > r.Area*float64(size.X*size.Y) && (r.Resting || !o.Resting)})
	}
	for joined := r.Gap >= 0; joined; {
		joined = false
		for i := 0; i < len(groups); i++ {
			for j := len(groups) - 1; j > i; j-- {
				if groups[i].box.Inset(-r.Gap).Overlaps(groups[j].box) {
					groups[i].box = groups[i].box.Union(groups[j].box)
					groups[i].wanted = groups[i].wanted || groups[j].wanted
					groups = slices.Delete(groups, j, j+1)
					joined = true
				}
			}
		}
	}
	var truth Truth
	for _, g := range groups {
		if g.wanted {
			truth.Wanted = append(truth.Wanted, g.box)
		} else {
			truth.Tolerated = append(truth.Tolerated, g.box)
		}
	}
	return truth
}

// Found are the boxes that an analysis gave for a frame.
func Found(row result.Frame, analysis string) []image.Rectangle {
	var boxes []image.Rectangle
	for _, d := range row.Detections {
		if d.Analysis == analysis {
			boxes = append(boxes, image.Rect(int(d.X), int(d.Y), int(d.X+d.Width), int(d.Y+d.Height)))
		}
	}
	return boxes
}

// OfBoxes scores what a step finds in the frames of a scene, beginning after a
// while in which it may learn.
func OfBoxes(step sequence.Step, s *scene.Scene, rules Rules, after time.Duration) (*Boxes, error) {
	rows, truths, err := Play(s, step)
	if err != nil {
		return nil, err
	}
	b := &Boxes{}
	for i, row := range rows {
		if at(s, truths[i]) >= after {
			b.Add(Found(row, step.Name()), rules.Of(truths[i], s.Size()))
		}
	}
	return b, nil
}

// Plus adds up two scores.
func (b Boxes) Plus(c Boxes) Boxes {
	return Boxes{b.Tally.Plus(c.Tally), b.Frames + c.Frames, b.iou + c.iou}
}

// Boxes adds up frames in which boxes were found.
type Boxes struct {
	Tally
	// Frames with anything wanted or found.
	Frames int
	iou    float64
}

// MinIoU is the intersection over union from which a box is the other.
const MinIoU = 0.5

// Add matches what was found in a frame with its truth, each box at most once,
// the best pairs first.
func (b *Boxes) Add(found []image.Rectangle, truth Truth) {
	type pair struct {
		found, wanted int
		iou           float64
	}
	var pairs []pair
	for i, f := range found {
		for j, w := range truth.Wanted {
			if v := IoU(f, w); v >= MinIoU {
				pairs = append(pairs, pair{i, j, v})
			}
		}
	}
	slices.SortStableFunc(pairs, func(p, q pair) int { return cmp.Compare(q.iou, p.iou) })
	usedFound, usedWanted := make([]bool, len(found)), make([]bool, len(truth.Wanted))
	hits := 0
	for _, p := range pairs {
		if usedFound[p.found] || usedWanted[p.wanted] {
			continue
		}
		usedFound[p.found], usedWanted[p.wanted] = true, true
		hits++
		b.iou += p.iou
	}
	b.Hits += hits
	b.Misses += len(truth.Wanted) - hits
	for i, f := range found {
		tolerated := slices.ContainsFunc(truth.Tolerated, func(t image.Rectangle) bool {
			return 2*area(f.Intersect(t)) >= area(f)
		})
		if !usedFound[i] && !tolerated {
			b.False++
		}
	}
	if len(found)+len(truth.Wanted) > 0 {
		b.Frames++
	}
}

// IoU is the mean intersection over union of the hits; 0 if there are none.
func (b *Boxes) IoU() float64 {
	if b.Hits == 0 {
		return 0
	}
	return b.iou / float64(b.Hits)
}

func (b *Boxes) String() string {
	return fmt.Sprintf("%v, mean IoU %.3f, %d frames", b.Tally, b.IoU(), b.Frames)
}

// IoU is the intersection over union of two boxes.
func IoU(a, b image.Rectangle) float64 {
	both := area(a.Intersect(b))
	all := area(a) + area(b) - both
	if all == 0 {
		return 0
	}
	return float64(both) / float64(all)
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }

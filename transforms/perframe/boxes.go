package perframe

import (
	"cmp"
	"errors"
	"image"
	"math"
	"slices"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// mostDetections of one analysis in one frame; the strongest are kept.
const mostDetections = 1000

// viewed is a picture in the size in which it is looked at.
type viewed struct {
	gocv.Mat
	from  image.Point // its size in pixels of the frame
	whole image.Point // the size of all of the picture, as it is looked at
	owned bool
}

// view makes the longer side of a picture that many pixels long, shorter or longer;
// 0 leaves it as it is. A part of a picture is shown as large as it is in the whole.
func view(in pixels.Input, m gocv.Mat, longer int) viewed {
	v := viewed{Mat: m, from: image.Pt(m.Cols(), m.Rows())}
	v.whole = wholeOf(in, m)
	whole := fitted(v.whole, longer)
	to := image.Pt(scaled(v.from.X, whole.X, v.whole.X), scaled(v.from.Y, whole.Y, v.whole.Y))
	v.whole = whole
	if to == v.from {
		return v
	}
	v.Mat, v.owned = gocv.NewMat(), true
	how := gocv.InterpolationLinear
	if to.X < v.from.X {
		how = gocv.InterpolationArea
	}
	gocv.Resize(m, &v.Mat, to, 0, 0, how)
	return v
}

// wholeOf is the size of all of the picture of which m is shown.
func wholeOf(in pixels.Input, m gocv.Mat) image.Point {
	if p, ok := in.(pixels.Part); ok {
		return p.Whole()
	}
	return image.Pt(m.Cols(), m.Rows())
}

// fitted is the size with a longer side of that many pixels.
func fitted(size image.Point, longer int) image.Point {
	from := max(size.X, size.Y)
	if longer == 0 || longer == from {
		return size
	}
	return image.Pt(scaled(size.X, longer, from), scaled(size.Y, longer, from))
}

// scaled is v*to/from, rounded, at least 1.
func scaled(v, to, from int) int { return max(1, (2*v*to+from)/(2*from)) }

// size is that of the picture that is looked at.
func (v viewed) size() image.Point { return image.Pt(v.Cols(), v.Rows()) }

func (v viewed) close() {
	if v.owned {
		v.Close()
	}
}

// span maps [from, to) of a side of so many pixels to pixels of a side of the frame,
// rounded, and cut at its ends. The length is 0 when nothing is left.
func span(from, to float64, side, frame int) (start, length int32) {
	at := func(v float64) int32 {
		return int32(min(max(math.Floor(float64(v*float64(frame))/float64(side)+0.5), 0), float64(frame)))
	}
	a, b := at(from), at(to)
	return a, max(b-a, 0)
}

// place sets the detection's box from one in the viewed picture; false if it lies outside.
func place(d *result.Detection, left, top, right, bottom float64, side, frame image.Point) bool {
	d.X, d.Width = span(left, right, side.X, frame.X)
	d.Y, d.Height = span(top, bottom, side.Y, frame.Y)
	return d.Width > 0 && d.Height > 0
}

// placed are detections by the one rule for what programs and networks answer: a box is
// cut at the edges of the picture and rounded to pixels; one of which nothing is left is
// dropped and counted; one that is not made of numbers is a wrong answer.
type placed struct {
	all     []result.Detection
	dropped int
}

// errNoNumber is a wrong answer.
var errNoNumber = errors.New("not a number, or infinite")

// finite reports whether all are numbers, and not infinite.
func finite(vs ...float64) bool {
	for _, v := range vs {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// add adds the detection with a box in the viewed picture, of that side.
func (b *placed) add(d result.Detection, left, top, right, bottom float64, side, frame image.Point) error {
	if !finite(left, top, right, bottom) {
		return errNoNumber
	}
	if !place(&d, left, top, right, bottom, side, frame) {
		b.dropped++
		return nil
	}
	b.all = append(b.all, d)
	return nil
}

// strongest sorts detections by falling score, then by label and place.
func strongest(ds []result.Detection) {
	slices.SortFunc(ds, func(a, b result.Detection) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X),
			cmp.Compare(a.Height, b.Height), cmp.Compare(a.Width, b.Width))
	})
}

// suppress keeps what does not overlap something stronger of its label by more than
// that share of what both cover (greedy non-maximum suppression), sorted by
// [strongest], at most mostDetections. 1 drops only equal boxes.
func suppress(ds []result.Detection, overlap float64) []result.Detection {
	strongest(ds)
	var kept []result.Detection
	for i := range ds {
		if len(kept) == mostDetections {
			break
		}
		if !slices.ContainsFunc(kept, func(k result.Detection) bool {
			both, either := shared(&k, &ds[i])
			return k.Label == ds[i].Label && (both == either || float64(both) > overlap*float64(either))
		}) {
			kept = append(kept, ds[i])
		}
	}
	return kept
}

// shared is how many pixels two boxes cover both, and either.
func shared(a, b *result.Detection) (both, either int64) {
	w := min(int64(a.X)+int64(a.Width), int64(b.X)+int64(b.Width)) - int64(max(a.X, b.X))
	h := min(int64(a.Y)+int64(a.Height), int64(b.Y)+int64(b.Height)) - int64(max(a.Y, b.Y))
	if w > 0 && h > 0 {
		both = w * h
	}
	return both, int64(a.Width)*int64(a.Height) + int64(b.Width)*int64(b.Height) - both
}

// scored makes a score of a weight from 0 up that has no upper end: 0 is 0, 1 is a
// half, 3 three quarters. Where a box came from does not matter for it, only that
// more is more.
func scored(weight float64) float64 {
	weight = max(weight, 0)
	return weight / (1 + weight)
}

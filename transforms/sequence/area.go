package sequence

import (
	"fmt"
	"math"

	"github.com/framebeam/framebeam/transforms/params"
)

// An outline is a polygon in relative coordinates, [x, y] from 0 to 1, the origin
// at the top left.
type outline = [][2]float64

// checkOutlines returns what is wrong with the polygons of a parameter.
func checkOutlines(field string, outlines []outline) (errs []error) {
	for i, o := range outlines {
		if len(o) < 3 || len(o) > maxCorners {
			errs = append(errs, params.Wrong(fmt.Sprintf("%s/%d", field, i), "has %d corners, not 3 to %d", len(o), maxCorners))
		}
	}
	return errs
}

// maxCorners of a polygon.
const maxCorners = 64

// inside says of every cell whether its centre lies in one of the polygons.
func (c cells) inside(outlines []outline) []bool {
	in := make([]bool, c.count())
	for _, o := range outlines {
		// In whole 1/65536ths, so that no rounding depends on the machine.
		const unit = 1 << 16
		xs, ys := make([]int64, len(o)), make([]int64, len(o))
		for i, p := range o {
			xs[i], ys[i] = int64(math.Round(p[0]*unit)), int64(math.Round(p[1]*unit))
		}
		for i := range in {
			left, top := i%c.cols*c.size, i/c.cols*c.size
			x := int64(left+min(left+c.size, c.width)) * unit / int64(2*c.width)
			y := int64(top+min(top+c.size, c.height)) * unit / int64(2*c.height)
			if pointIn(x, y, xs, ys) {
				in[i] = true
			}
		}
	}
	return in
}

// pointIn counts the edges to the right of the point: odd is inside.
func pointIn(x, y int64, xs, ys []int64) bool {
	in := false
	for i, j := 0, len(xs)-1; i < len(xs); j, i = i, i+1 {
		if (ys[i] > y) == (ys[j] > y) {
			continue
		}
		// x < xs[i] + (y-ys[i]) * (xs[j]-xs[i]) / (ys[j]-ys[i]), without dividing.
		left, right := (x-xs[i])*(ys[j]-ys[i]), (y-ys[i])*(xs[j]-xs[i])
		if ys[j] < ys[i] {
			left, right = right, left
		}
		if left < right {
			in = !in
		}
	}
	return in
}

package steps

import (
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// An outline is the corners of a polygon as configurations say it.
type outline = []geometry.Position

// maxCorners of an outline.
const maxCorners = 32

// zonesOf are outlines as pictures show them.
func zonesOf(outlines []outline) []geometry.Shape {
	var all []geometry.Shape
	for _, o := range outlines {
		all = append(all, geometry.Shape{Points: o, Closed: true})
	}
	return all
}

// area is the part of the picture that an analysis looks at.
type area struct {
	ignore, within []geometry.Polygon
}

// newArea makes an area, or says what is wrong with the parameters "ignore" and "within".
func newArea(ignore, within []outline) (area, error) {
	var errs []error
	polygons := func(field string, outlines []outline) []geometry.Polygon {
		var all []geometry.Polygon
		for i, o := range outlines {
			p, err := geometry.NewPolygon(o)
			if err == nil && len(o) > maxCorners {
				err = fmt.Errorf("%d corners are more than %d", len(o), maxCorners)
			}
			if err != nil {
				errs = append(errs, params.Wrong(fmt.Sprintf("%s/%d", field, i), "%v", err))
			}
			all = append(all, p)
		}
		return all
	}
	a := area{polygons("ignore", ignore), polygons("within", within)}
	return a, errors.Join(errs...)
}

// of says which cells are to be ignored, and which lie within the polygons in
// which things count: those with their centres there.
func (a area) of(c cells) (ignore, within []bool) {
	ignore, within = make([]bool, c.count()), make([]bool, c.count())
	in := func(all []geometry.Polygon, p geometry.Point) bool {
		for _, g := range all {
			if g.Contains(p) {
				return true
			}
		}
		return false
	}
	for i := range ignore {
		p := c.centre(i)
		ignore[i], within[i] = in(a.ignore, p), len(a.within) == 0 || in(a.within, p)
	}
	return ignore, within
}

// centre is the middle of cell i.
func (c cells) centre(i int) geometry.Point {
	left, top := i%c.cols*c.size, i/c.cols*c.size
	at := func(low, high, of int) int32 { return int32(int64(low+high) * geometry.Unit / int64(2*of)) }
	return geometry.Point{
		X: at(left, min(left+c.size, c.width), c.width),
		Y: at(top, min(top+c.size, c.height), c.height),
	}
}

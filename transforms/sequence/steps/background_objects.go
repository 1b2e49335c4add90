package steps

import (
	"cmp"
	"image"
	"slices"

	"github.com/framebeam/framebeam/transforms/result"
)

// blob is a connected part of the foreground.
type blob struct {
	cells            int
	sure             int   // cells that stand out for certain
	standsOut        int64 // the sum of their differences from the model
	old              int   // cells that have shown the same for as long as makes them background
	texture          texture
	edges            int   // neighbours across its edge
	nowEdge, wasEdge int64 // sums of their differences in the frame and in the model
	finding          finding
}

type finding uint8

const (
	isNoise finding = iota
	isLight
	isGhost
	isObject
)

// judge says what a blob is.
func (s *background) judge(b *blob) finding {
	switch {
	case b.sure*4 < b.cells && b.sure < 4:
		return isNoise
	case s.Texture > 0 && b.texture.same(s.Texture):
		return isLight
	case b.ghost():
		return isGhost
	}
	return isObject
}

// ghost reports whether there is an edge around the blob in the model and none in
// the frame.
func (b *blob) ghost() bool { return b.edges >= 8 && b.nowEdge*5 < b.wasEdge*2 }

// object is one or more parts of blobs that belong together.
type object struct {
	cells      int
	within     int             // those in the polygons
	difference int64           // sum of the differences from the model
	box        image.Rectangle // in cells
}

// objects joins parts that lie one above the other, and drops what is too small.
func (s *background) objects(objects []object, c cells) []object {
	// The largest are the ones that can matter, and comparing all pairs must end.
	slices.SortStableFunc(objects, func(a, b object) int { return cmp.Compare(b.cells, a.cells) })
	objects = objects[:min(len(objects), 400)]
	gap := int(float64(s.Merge * float64(c.height)))
	for joined := true; joined; {
		joined = false
		for i := 0; i < len(objects); i++ {
			for j := len(objects) - 1; j > i; j-- {
				a, b := &objects[i], objects[j]
				across := min(a.box.Max.X, b.box.Max.X) - max(a.box.Min.X, b.box.Min.X)
				down := max(a.box.Min.Y, b.box.Min.Y) - min(a.box.Max.Y, b.box.Max.Y)
				if 2*across < min(a.box.Dx(), b.box.Dx()) || down*c.size > gap {
					continue
				}
				a.cells += b.cells
				a.within += b.within
				a.difference += b.difference
				a.box = a.box.Union(b.box)
				objects = slices.Delete(objects, j, j+1)
				joined = true
			}
		}
	}
	least := s.MinArea * float64(c.width*c.height)
	return slices.DeleteFunc(objects, func(o object) bool {
		return float64(o.cells*c.size*c.size) < least || 2*o.within < o.cells
	})
}

// detection is an object with its box fitted to the pixels.
func (s *background) detection(o object, c cells, pixels []byte, model func(i int) int) result.Detection {
	mean := int(o.difference / int64(o.cells))
	box := c.fit(o.box, pixels, model, max(s.Contrast*gray16, mean/2))
	return result.Detection{
		Analysis: backgroundName, Label: backgroundLabel,
		X: int32(box.Min.X), Y: int32(box.Min.Y), Width: int32(box.Dx()), Height: int32(box.Dy()),
		Area:  float64(min(o.cells*c.size*c.size, c.width*c.height)),
		Score: min(1, float64(mean)/float64(4*s.Contrast*gray16)),
	}
}

// fit moves each side of a box of cells to where pixels differ from the model: at
// most one cell outwards and two inwards.
func (c cells) fit(b image.Rectangle, pixels []byte, model func(i int) int, least int) image.Rectangle {
	box := c.box(b)
	differs := func(x, y int) int {
		d := int(pixels[y*c.width+x])*gray16 - model(y/c.size*c.cols+x/c.size)
		if max(d, -d) >= least {
			return 1
		}
		return 0
	}
	column := func(x int) bool {
		n := 0
		for y := box.Min.Y; y < box.Max.Y; y++ {
			n += differs(x, y)
		}
		return n >= max(1, min(box.Dy()/6, max(c.size*3/2, 4)))
	}
	row := func(y int) bool {
		n := 0
		for x := box.Min.X; x < box.Max.X; x++ {
			n += differs(x, y)
		}
		return n >= max(1, min(box.Dx()/6, max(c.size*3/2, 4)))
	}
	// side goes outwards as long as is holds, or inwards until it does.
	side := func(from, inwards, low, high int, is func(int) bool) int {
		if is(from) {
			for k := 1; k <= c.size; k++ {
				if at := from - inwards*k; at < low || at >= high || !is(at) {
					return at + inwards
				}
			}
			return from - inwards*c.size
		}
		for k := 1; k < 2*c.size; k++ {
			if at := from + inwards*k; at >= low && at < high && is(at) {
				return at
			}
		}
		return from
	}
	fitted := image.Rect(
		side(box.Min.X, 1, 0, c.width, column), side(box.Min.Y, 1, 0, c.height, row),
		side(box.Max.X-1, -1, 0, c.width, column)+1, side(box.Max.Y-1, -1, 0, c.height, row)+1,
	)
	if fitted.Empty() {
		return box
	}
	return fitted
}

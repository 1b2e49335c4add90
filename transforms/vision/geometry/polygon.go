package geometry

import (
	"errors"
	"fmt"
	"math"
)

// Polygon is a simple polygon: its edges meet in its corners only. The order of the
// corners may go round either way.
type Polygon struct{ corners []Point }

// NewPolygon makes the polygon with these corners, or says what is wrong with them:
// it needs three or more, must not touch itself, and must have an area.
func NewPolygon(corners []Position) (Polygon, error) {
	g := Polygon{make([]Point, len(corners))}
	if len(corners) < 3 {
		return Polygon{}, fmt.Errorf("%d corners are no polygon", len(corners))
	}
	for i, c := range corners {
		g.corners[i] = c.Point()
	}
	for i := range g.corners {
		if e := g.edge(i); e.A == e.B {
			return Polygon{}, fmt.Errorf("corners %d and %d are the same", i, (i+1)%len(g.corners))
		}
	}
	if g.doubleArea() == 0 && len(corners) == 3 {
		return Polygon{}, errors.New("it has no area")
	}
	for i := range g.corners {
		for j := i + 1; j < len(g.corners); j++ {
			if !g.apart(i, j) {
				return Polygon{}, fmt.Errorf("edges %d and %d touch: it crosses itself", i, j)
			}
		}
	}
	return g, nil
}

// edge is that from corner i to the next.
func (g Polygon) edge(i int) Segment {
	return Segment{g.corners[i], g.corners[(i+1)%len(g.corners)]}
}

// apart reports whether edges i and j, i below j, meet nowhere but in a common corner.
func (g Polygon) apart(i, j int) bool {
	a, b := g.edge(i), g.edge(j)
	switch {
	case j == i+1:
		return !foldsBack(a, b)
	case i == 0 && j == len(g.corners)-1:
		return !foldsBack(b, a)
	}
	return !a.Touches(b)
}

// foldsBack reports whether b, which begins where a ends, runs back over it.
func foldsBack(a, b Segment) bool {
	return cross(a.A, a.B, b.B) == 0 && dot(b.A, a.A, b.B) > 0
}

// doubleArea is positive where the corners go round clockwise on the picture.
func (g Polygon) doubleArea() int64 {
	var sum int64
	for i := range g.corners {
		e := g.edge(i)
		sum += cross(g.corners[0], e.A, e.B)
	}
	return sum
}

// Area is the polygon's, of the picture's 1.
func (g Polygon) Area() float64 {
	return math.Abs(float64(g.doubleArea())) / 2 / Unit / Unit
}

// Contains reports whether p lies inside. The edges and corners belong to the inside.
func (g Polygon) Contains(p Point) bool {
	in := false
	for i := range g.corners {
		e := g.edge(i)
		if e.Contains(p) {
			return true
		}
		// A ray to the right, of which a corner belongs to the edge above it.
		if a, b := e.A, e.B; (a.Y > p.Y) != (b.Y > p.Y) {
			if b.Y < a.Y {
				a, b = b, a
			}
			if cross(a, b, p) > 0 {
				in = !in
			}
		}
	}
	return in
}

// Side is 1 if p lies inside, at least margin away from every edge, -1 if it lies
// outside and as far away, and 0 between. With a margin of 0 it is never 0.
func (g Polygon) Side(p Point, margin int32) int {
	for i := range g.corners {
		if !g.edge(i).Beyond(p, margin) {
			return 0
		}
	}
	if g.Contains(p) {
		return 1
	}
	return -1
}

// Distance is how far p is from the nearest edge, relative: more than 0 inside, less
// outside. It is rounded: [Polygon.Side] decides.
func (g Polygon) Distance(p Point) float64 {
	d := math.Inf(1)
	for i := range g.corners {
		d = min(d, g.edge(i).Distance(p))
	}
	if !g.Contains(p) {
		return -d
	}
	return d
}

// Deep reports whether there is a point inside that is at least margin away from
// every edge, and where something can stand. A polygon in which it would hardly fit counts as too narrow. It looks
// for the point as Agafonkin's polylabel does (2016): in squares, of which those are
// cut into four that may still hold it.
func (g Polygon) Deep(margin int32) bool {
	lo, hi := g.corners[0], g.corners[0]
	for _, c := range g.corners {
		lo = Point{min(lo.X, c.X), min(lo.Y, c.Y)}
		hi = Point{max(hi.X, c.X), max(hi.Y, c.Y)}
	}
	half := max(hi.X-lo.X, hi.Y-lo.Y)/2 + 1
	return g.deep(Point{lo.X + (hi.X-lo.X)/2, lo.Y + (hi.Y-lo.Y)/2}, half, margin)
}

// deep is Deep in the square around c.
func (g Polygon) deep(c Point, half, margin int32) bool {
	if g.Side(c, margin) == 1 && anchor(c) {
		return true
	}
	const diagonal = 1.4143 // more than the root of 2
	farthest := g.Distance(c) + float64(diagonal*float64(half))/Unit
	if farthest < float64(margin)/Unit || half < max(margin/32, Unit/4096) {
		return false
	}
	q := half/2 + 1
	for _, d := range [4]Point{{-q, -q}, {q, -q}, {-q, q}, {q, q}} {
		if g.deep(Point{c.X + d.X, c.Y + d.Y}, q, margin) {
			return true
		}
	}
	return false
}

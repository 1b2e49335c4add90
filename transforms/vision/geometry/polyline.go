package geometry

import (
	"fmt"
	"math"
)

// Polyline is a line of straight segments that does not touch itself.
type Polyline struct{ points []Point }

// NewPolyline makes the line through these points, or says what is wrong with them:
// it needs two or more, and must not touch itself.
func NewPolyline(points []Position) (Polyline, error) {
	l := Polyline{make([]Point, len(points))}
	if len(points) < 2 {
		return Polyline{}, fmt.Errorf("%d points are no line", len(points))
	}
	for i, p := range points {
		l.points[i] = p.Point()
	}
	for i := range l.Segments() {
		if s := l.Segment(i); s.A == s.B {
			return Polyline{}, fmt.Errorf("points %d and %d are the same", i, i+1)
		}
	}
	for i := range l.Segments() {
		for j := i + 1; j < l.Segments(); j++ {
			a, b := l.Segment(i), l.Segment(j)
			if j == i+1 && foldsBack(a, b) || j > i+1 && a.Touches(b) {
				return Polyline{}, fmt.Errorf("segments %d and %d touch: it crosses itself", i, j)
			}
		}
	}
	return l, nil
}

// Segments is how many segments the line has.
func (l Polyline) Segments() int { return len(l.points) - 1 }

// Segment is that from point i to the next.
func (l Polyline) Segment(i int) Segment { return Segment{l.points[i], l.points[i+1]} }

// Beyond reports whether p is at least margin away from every point of the line.
func (l Polyline) Beyond(p Point, margin int32) bool {
	for i := range l.Segments() {
		if !l.Segment(i).Beyond(p, margin) {
			return false
		}
	}
	return true
}

// Crossed says how often the straight path from one point to another crosses the
// line from left to right, less how often from right to left, as [Segment.Crossed]
// says it; and the first segment that it crosses in the direction that prevails.
// A path around the line's end crosses nothing.
func (l Polyline) Crossed(from, to Point) (net, through int) {
	var crossed [2]int // first segment + 1, of the ways to the left and to the right
	for i := range l.Segments() {
		c := l.Segment(i).Crossed(from, to)
		net += c
		if c != 0 && crossed[(c+1)/2] == 0 {
			crossed[(c+1)/2] = i + 1
		}
	}
	if net == 0 {
		return 0, 0
	}
	if net > 0 {
		return net, crossed[1] - 1
	}
	return net, crossed[0] - 1
}

// Crossable reports whether something that stands in the picture can get straight
// across the line, from left to right (or from right to left) and the margin beyond it.
// It looks along the line in small steps.
func (l Polyline) Crossable(toRight bool, margin int32) bool {
	const steps = 256
	const slack = 4     // of the grid, for rounding
	const before = 1e-4 // how far from the line one must be able to stand before
	for i := range l.Segments() {
		s := l.Segment(i)
		dx, dy := float64(s.B.X-s.A.X), float64(s.B.Y-s.A.Y)
		// To the side where one gets: x is to the right, y is down.
		side := 1 / math.Hypot(dx, dy)
		if !toRight {
			side = -side
		}
		for n := range steps + 1 {
			at := float64(n) / steps
			off := func(d float64) Point {
				x := float64(s.A.X) + float64(at*dx) - float64(float64(d*dy)*side)
				y := float64(s.A.Y) + float64(at*dy) + float64(float64(d*dx)*side)
				return Point{int32(math.RoundToEven(x)), int32(math.RoundToEven(y))}
			}
			if to := off(float64(margin)); anchor(to) && anchor(off(-before*Unit)) && l.Beyond(to, margin-slack) {
				return true
			}
		}
	}
	return false
}

// Right reports whether p lies to the right of the part of the line that is nearest
// to it; the ends count as if they went on straight.
func (l Polyline) Right(p Point) bool {
	k, least := 0, l.Segment(0).Distance(p)
	for i := 1; i < l.Segments(); i++ {
		if d := l.Segment(i).Distance(p); d < least {
			k, least = i, d
		}
	}
	s := l.Segment(k)
	if k+1 < l.Segments() && dot(s.A, s.B, p) >= dot(s.A, s.B, s.B) {
		// The bend itself is nearest, so p lies outside of it.
		if bend := cross(s.A, s.B, l.points[k+2]); bend != 0 {
			return bend < 0
		}
	}
	return s.Right(p)
}

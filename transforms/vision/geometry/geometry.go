// Package geometry says where points lie: inside of polygons, beside lines, how far
// away, and what a path has crossed.
//
// Positions are relative: 0 to 1 of the picture's width and height, x to the right
// and y down. Distances are measured in these coordinates, as if the picture were a
// square of side 1: 0.02 is a fiftieth of the width sideways and a fiftieth of the
// height up and down. So they say the same of every size of picture.
//
// All decisions are exact: positions are rounded once, to a grid of 1/[Unit], and
// everything else is arithmetic in integers that cannot overflow.
package geometry

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
)

// Unit is the side of the picture on the grid.
const Unit = 1 << 24

// reach is how far outside of the picture a position can be told: beyond it counts
// as there. It bounds the products of two differences to 2^54.
const reach = 4 * Unit

// Position is a point in configurations: x and y, relative.
type Position [2]float64

// UnmarshalJSON reads [x, y], and neither more nor less.
func (p *Position) UnmarshalJSON(b []byte) error {
	var v []float64
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("a position is [x, y]: %w", err)
	}
	if len(v) != 2 {
		return fmt.Errorf("a position is [x, y], not %d numbers", len(v))
	}
	*p = Position(v)
	return nil
}

// Point is a point of the grid.
type Point struct{ X, Y int32 }

// Point is the grid's point that is nearest to the position.
func (p Position) Point() Point { return Point{grid(p[0]), grid(p[1])} }

// Length is a relative distance on the grid, rounded to the nearest.
func Length(d float64) int32 { return grid(d) }

func grid(v float64) int32 {
	// The product with a power of two is exact.
	return int32(max(-reach, min(reach, math.RoundToEven(v*Unit))))
}

// Position is the point as configurations say it.
func (p Point) Position() Position { return Position{float64(p.X) / Unit, float64(p.Y) / Unit} }

func (p Point) String() string {
	return fmt.Sprintf("(%.4g, %.4g)", float64(p.X)/Unit, float64(p.Y)/Unit)
}

// BottomCentre is the middle of the lower edge of a box in a picture, both in pixels:
// where something that stands on the floor touches it.
func BottomCentre(x, y, width, height, pictureWidth, pictureHeight int32) Point {
	at := func(n, of int64) int32 {
		of = max(1, of)
		q := n * Unit / of
		if n*Unit%of < 0 {
			q-- // down, not towards 0
		}
		return int32(max(-reach, min(reach, q)))
	}
	return Point{
		at(2*int64(x)+int64(width), 2*int64(pictureWidth)),
		at(int64(y)+int64(height), int64(pictureHeight)),
	}
}

// Anchors are where [BottomCentre] can be of a box of one pixel or more that lies in a
// picture of some two thousand pixels: nearly everywhere, but neither at its left, upper
// or right edge nor beyond any.
var anchors = struct{ low, high Point }{Point{Unit / 4096, Unit / 2048}, Point{Unit - Unit/4096, Unit}}

// anchor reports whether a [BottomCentre] can be there.
func anchor(p Point) bool {
	return p.X >= anchors.low.X && p.X <= anchors.high.X && p.Y >= anchors.low.Y && p.Y <= anchors.high.Y
}

// cross is positive when c lies to the right of the way from a to b, as one sees it
// on the picture; its amount is twice the area of the triangle.
func cross(a, b, c Point) int64 {
	return int64(b.X-a.X)*int64(c.Y-a.Y) - int64(b.Y-a.Y)*int64(c.X-a.X)
}

func dot(a, b, c Point) int64 {
	return int64(b.X-a.X)*int64(c.X-a.X) + int64(b.Y-a.Y)*int64(c.Y-a.Y)
}

func sign(v int64) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// Segment is the straight line from A to B. If they are one point, so is it.
type Segment struct{ A, B Point }

// Contains reports whether p lies on the segment, its ends included.
func (s Segment) Contains(p Point) bool {
	return cross(s.A, s.B, p) == 0 && dot(p, s.A, s.B) <= 0
}

// Touches reports whether the segments have a point in common.
func (s Segment) Touches(t Segment) bool {
	if s.Contains(t.A) || s.Contains(t.B) || t.Contains(s.A) || t.Contains(s.B) {
		return true
	}
	return sign(cross(s.A, s.B, t.A))*sign(cross(s.A, s.B, t.B)) < 0 &&
		sign(cross(t.A, t.B, s.A))*sign(cross(t.A, t.B, s.B)) < 0
}

// Beyond reports whether p is at least margin away from every point of the segment.
func (s Segment) Beyond(p Point, margin int32) bool {
	m := uint64(max(0, margin)) * uint64(max(0, margin))
	along, length := dot(s.A, s.B, p), dot(s.A, s.B, s.B)
	switch {
	case along <= 0:
		return uint64(dot(s.A, p, p)) >= m
	case along >= length:
		return uint64(dot(s.B, p, p)) >= m
	}
	c := cross(s.A, s.B, p)
	c = max(c, -c)
	hi, lo := bits.Mul64(uint64(c), uint64(c))
	mhi, mlo := bits.Mul64(m, uint64(length))
	return hi > mhi || hi == mhi && lo >= mlo
}

// Distance is how far p is from the segment, relative; 0 on it. It is rounded:
// [Segment.Beyond] decides.
func (s Segment) Distance(p Point) float64 {
	along, length := dot(s.A, s.B, p), dot(s.A, s.B, s.B)
	switch {
	case along <= 0:
		return math.Sqrt(float64(dot(s.A, p, p))) / Unit
	case along >= length:
		return math.Sqrt(float64(dot(s.B, p, p))) / Unit
	}
	c := cross(s.A, s.B, p)
	return float64(max(c, -c)) / math.Sqrt(float64(length)) / Unit
}

// SignedDistance is how far p is from the segment: more than 0 on the right of the
// line through it, less on the left.
func (s Segment) SignedDistance(p Point) float64 {
	if cross(s.A, s.B, p) < 0 {
		return -s.Distance(p)
	}
	return s.Distance(p)
}

// Right reports whether p lies to the right of the line through the segment, as one
// sees it on the picture when one looks from A to B. A point on the line counts as if
// it lay a trifle further right in the picture and, far less, further down; see
// [Segment.Crossed].
func (s Segment) Right(p Point) bool {
	if c := cross(s.A, s.B, p); c != 0 {
		return c > 0
	}
	if s.A.Y != s.B.Y {
		return s.B.Y < s.A.Y
	}
	return s.B.X > s.A.X
}

// Crossed says whether the straight path from one point to another crosses the
// segment: 1 from its left to its right, -1 from its right to its left, 0 not.
//
// A path that only touches is decided as if it ran e further right in the picture and
// e*e further down, for an e smaller than anything else (simulation of simplicity,
// Edelsbrunner and Mücke 1990). What is crossed by a path is therefore the sum of what
// its pieces cross, however it is cut; the way back crosses the opposite; and a path
// through a common end of two segments crosses none of them, both, or the one that
// truly bars the way.
func (s Segment) Crossed(from, to Point) int {
	a, b := s.Right(from), s.Right(to)
	if a == b {
		return 0 // also where from is to
	}
	// On which side of the path the ends are, which must differ.
	if side(from, to, s.A) == side(from, to, s.B) {
		return 0
	}
	if b {
		return 1
	}
	return -1
}

// side reports whether p lies to the right of the path, after its trifling shift.
func side(from, to, p Point) bool {
	if c := cross(from, to, p); c != 0 {
		return c > 0
	}
	if from.Y != to.Y {
		return to.Y > from.Y
	}
	return to.X < from.X
}

// Told reports whether a point of the grid may have these coordinates: for decoders.
func Told(x, y int64) bool {
	return x >= -reach && x <= reach && y >= -reach && y <= reach
}

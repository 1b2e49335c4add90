package geometry

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The oracle knows how far an upright or level line is from the picture's edges.
func TestALineIsCrossableWhereThereIsRoomForTheMarginBeyondIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, margin := rapid.Float64Range(0, 1).Draw(t, "at"), rapid.Float64Range(0, 0.25).Draw(t, "margin")
		from, to := rapid.Float64Range(0, 0.4).Draw(t, "from"), rapid.Float64Range(0.6, 1).Draw(t, "to")
		level, back := rapid.Bool().Draw(t, "level"), rapid.Bool().Draw(t, "back")
		if back {
			from, to = to, from
		}
		points := []Position{{from, at}, {to, at}}
		// Right of the way to the right is down; of the way down it is left.
		more := !back
		if !level {
			points = []Position{{at, from}, {at, to}}
			more = back
		}
		l, err := NewPolyline(points)
		if err != nil {
			t.Fatal(err)
		}
		for _, toRight := range []bool{true, false} {
			room := 1 - at
			before := at
			if more != toRight {
				room, before = at, 1-at
			}
			if math.Abs(room-margin) < 0.001 || before < 0.001 {
				continue // a pixel more or less
			}
			if got, want := l.Crossable(toRight, Length(margin)), room > margin; got != want {
				t.Fatalf("%v to the right (%v) with %v: %v", points, toRight, margin, got)
			}
		}
	})
}

// Who got straight across and the margin beyond it has shown that one can.
func TestWhatWasCrossedIsCrossable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.Float64Range(0, 1)
		place := func(name string) Position { return Position{in.Draw(t, name+" x"), in.Draw(t, name+" y")} }
		l, err := NewPolyline([]Position{place("a"), place("b")})
		if err != nil {
			t.Skip()
		}
		margin := Length(rapid.Float64Range(0.001, 0.2).Draw(t, "margin"))
		// Straight off a point of the line, well within it and the picture.
		s := l.Segment(0)
		along := rapid.Float64Range(0.05, 0.95).Draw(t, "along")
		dx, dy := float64(s.B.X-s.A.X), float64(s.B.Y-s.A.Y)
		side := float64(margin) * 1.01 / math.Hypot(dx, dy)
		if math.Hypot(dx, dy) < Unit/20 {
			t.Skip()
		}
		toRight := rapid.Bool().Draw(t, "to the right")
		if !toRight {
			side = -side
		}
		x, y := float64(s.A.X)+along*dx, float64(s.A.Y)+along*dy
		to, from := Point{int32(x - dy*side), int32(y + dx*side)}, Point{int32(x + dy*side/10), int32(y - dx*side/10)}
		inside := func(p Point) bool {
			const room = Unit / 500
			return p.X > room && p.X < Unit-room && p.Y > room && p.Y < Unit-room
		}
		if !inside(to) || !inside(from) || !l.Beyond(to, margin) {
			t.Skip()
		}
		if net, _ := l.Crossed(from, to); net == 0 || !l.Crossable(toRight, margin) {
			t.Fatalf("from %v to %v crosses %d, and is not crossable", from, to, net)
		}
	})
}

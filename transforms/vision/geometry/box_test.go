package geometry

import (
	"testing"

	"pgregory.net/rapid"
)

// Small coordinates on the grid: what polygons and boxes of them have in common, if they have
// something, includes a corner of one in the other, or a point of an edge of the one on an edge
// of the other. The oracle asks rational arithmetic for each of them.
func TestAPolygonMeetsABoxWhereFractionsSay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		const most = 12
		number := rapid.Int32Range(0, most)
		var corners []Position
		for range rapid.IntRange(3, 6).Draw(r, "corners") {
			corners = append(corners, Point{number.Draw(r, "x"), number.Draw(r, "y")}.Position())
		}
		g, err := NewPolygon(corners)
		if err != nil {
			r.Skip(err)
		}
		b := Box{Min: Point{number.Draw(r, "left"), number.Draw(r, "top")}}
		b.Max = Point{b.Min.X + rapid.Int32Range(0, 6).Draw(r, "width"), b.Min.Y + rapid.Int32Range(0, 6).Draw(r, "height")}
		rect := b.corners()
		want := false
		for _, p := range rect {
			want = want || inside(g, p)
		}
		for i, p := range g.corners {
			want = want || p.X >= b.Min.X && p.X <= b.Max.X && p.Y >= b.Min.Y && p.Y <= b.Max.Y
			next := g.corners[(i+1)%len(g.corners)]
			for j, q := range rect {
				// Which is never on the line through both ends of the other, or its end counts above.
				if _, ok := meets(exact(p), exact(next), exact(q), exact(rect[(j+1)%4])); ok {
					want = true
				}
			}
		}
		if got := g.Meets(b); got != want {
			r.Fatalf("%v and %v: %v", g.corners, b, got)
		}
		if bounds := g.Bounds(); g.Meets(b) && (b.Max.X < bounds.Min.X || b.Min.X > bounds.Max.X || b.Max.Y < bounds.Min.Y || b.Min.Y > bounds.Max.Y) {
			r.Fatalf("%v is not around %v", bounds, g.corners)
		}
	})
}

func TestABoxInPixelsIsOnTheGrid(t *testing.T) {
	if got, want := BoxOf(64, 120, 32, 48, 640, 480), (Box{Position{0.1, 0.25}.Point(), Position{0.15, 0.35}.Point()}); got.Min.X-want.Min.X > 1 || got.Min.X-want.Min.X < -1 ||
		got.Min.Y != want.Min.Y || got.Max.X-want.Max.X > 1 || got.Max.X-want.Max.X < -1 || got.Max.Y-want.Max.Y > 1 || got.Max.Y-want.Max.Y < -1 {
		t.Errorf("%v, want %v", got, want)
	}
}

package geometry

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// The oracles count with fractions, and as one does by hand.

// vector is a point with fractions for coordinates.
type vector struct{ x, y *big.Rat }

func exact(p Point) vector {
	return vector{big.NewRat(int64(p.X), 1), big.NewRat(int64(p.Y), 1)}
}

func rat(n int64) *big.Rat { return big.NewRat(n, 1) }

func minus(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }
func plus(a, b *big.Rat) *big.Rat  { return new(big.Rat).Add(a, b) }
func times(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }

// squared is the squared distance of p from the segment.
func squared(s Segment, p Point) *big.Rat {
	a, b, q := exact(s.A), exact(s.B), exact(p)
	dx, dy := minus(b.x, a.x), minus(b.y, a.y)
	length := plus(times(dx, dx), times(dy, dy))
	t := new(big.Rat)
	if length.Sign() != 0 {
		t.Quo(plus(times(minus(q.x, a.x), dx), times(minus(q.y, a.y), dy)), length)
	}
	if t.Sign() < 0 {
		t = new(big.Rat)
	}
	if t.Cmp(rat(1)) > 0 {
		t = rat(1)
	}
	ex, ey := minus(q.x, plus(a.x, times(t, dx))), minus(q.y, plus(a.y, times(t, dy)))
	return plus(times(ex, ex), times(ey, ey))
}

// meets says where, 0 to 1 of the way along a, the segments cross properly.
func meets(a, b, c, d vector) (t *big.Rat, ok bool) {
	rx, ry := minus(b.x, a.x), minus(b.y, a.y)
	sx, sy := minus(d.x, c.x), minus(d.y, c.y)
	det := minus(times(rx, sy), times(ry, sx))
	if det.Sign() == 0 {
		return nil, false
	}
	cx, cy := minus(c.x, a.x), minus(c.y, a.y)
	t = new(big.Rat).Quo(minus(times(cx, sy), times(cy, sx)), det)
	u := new(big.Rat).Quo(minus(times(cx, ry), times(cy, rx)), det)
	return t, t.Sign() > 0 && u.Sign() > 0 && t.Cmp(rat(1)) < 0 && u.Cmp(rat(1)) < 0
}

// shifted is the point a trifle to the right and, far less, down.
func shifted(p Point) vector {
	e := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 80))
	v := exact(p)
	return vector{plus(v.x, e), plus(v.y, times(e, e))}
}

// crossed is what the shifted path crosses of the segment.
func crossed(s Segment, from, to Point) int {
	a, b, c, d := exact(s.A), exact(s.B), shifted(from), shifted(to)
	if _, ok := meets(a, b, c, d); !ok {
		return 0
	}
	det := minus(times(minus(b.x, a.x), minus(d.y, a.y)), times(minus(b.y, a.y), minus(d.x, a.x)))
	return det.Sign()
}

// points draws from a coarse grid, so that points often coincide and lie on lines.
func points(most int32) *rapid.Generator[Point] {
	return rapid.Custom(func(t *rapid.T) Point {
		scale := int32(Unit / 8)
		if rapid.Bool().Draw(t, "fine") {
			return Point{rapid.Int32Range(-reach, reach).Draw(t, "x"), rapid.Int32Range(-reach, reach).Draw(t, "y")}
		}
		n := rapid.Int32Range(0, most)
		return Point{scale * n.Draw(t, "x"), scale * n.Draw(t, "y")}
	})
}

func segments() *rapid.Generator[Segment] {
	return rapid.Custom(func(t *rapid.T) Segment {
		for {
			s := Segment{points(8).Draw(t, "a"), points(8).Draw(t, "b")}
			if s.A != s.B {
				return s
			}
			s.B.X++
			if s.B.X <= reach {
				return s
			}
		}
	})
}

func TestDistancesAreThoseOfFractions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Segment{points(8).Draw(t, "a"), points(8).Draw(t, "b")}
		p := points(8).Draw(t, "p")
		want := squared(s, p)
		margin := rapid.Int32Range(0, Unit).Draw(t, "margin")
		if rapid.Bool().Draw(t, "just there") {
			f, _ := want.Float64()
			margin = int32(min(Unit, math.Round(math.Sqrt(f)))) + rapid.Int32Range(-1, 1).Draw(t, "more")
			margin = max(margin, 0)
		}
		if got := s.Beyond(p, margin); got != (want.Cmp(rat(int64(margin)*int64(margin))) >= 0) {
			t.Fatalf("%v beyond %d of %v: %v", p, margin, s, got)
		}
		f, _ := want.Float64()
		if d := s.Distance(p); math.Abs(d-math.Sqrt(f)/Unit) > 1e-12 {
			t.Fatalf("distance %v, want %v", d, math.Sqrt(f)/Unit)
		}
		if d := s.SignedDistance(p); math.Abs(d) != s.Distance(p) || d < 0 != (cross(s.A, s.B, p) < 0 && d != 0) {
			t.Fatalf("signed distance %v", d)
		}
		if s.Contains(p) != (want.Sign() == 0) {
			t.Fatalf("%v on %v: %v", p, s, s.Contains(p))
		}
	})
}

func TestAPathCrossesWhatItsShiftedCopyCrosses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := segments().Draw(t, "s")
		from, to := points(8).Draw(t, "from"), points(8).Draw(t, "to")
		got, want := s.Crossed(from, to), crossed(s, from, to)
		if got != want {
			t.Fatalf("from %v to %v over %v: %d, want %d", from, to, s, got, want)
		}
		if back := s.Crossed(to, from); back != -got {
			t.Fatalf("the way back crosses %d, the way there %d", back, got)
		}
		if round := (Segment{s.B, s.A}).Crossed(from, to); round != -got {
			t.Fatalf("the segment turned round: %d, else %d", round, got)
		}
	})
}

func TestAPathCutIntoPiecesCrossesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := segments().Draw(t, "s")
		// Every piece ends exactly on the path.
		const pieces = 64
		scale := int32(Unit / 16)
		n := rapid.Int32Range(0, 16)
		from := Point{scale * n.Draw(t, "x1"), scale * n.Draw(t, "y1")}
		to := Point{scale * n.Draw(t, "x2"), scale * n.Draw(t, "y2")}
		sum, last := 0, from
		for i := int32(1); i <= pieces; i++ {
			next := Point{from.X + (to.X-from.X)/pieces*i, from.Y + (to.Y-from.Y)/pieces*i}
			sum += s.Crossed(last, next)
			last = next
		}
		if whole := s.Crossed(from, to); sum != whole {
			t.Fatalf("the pieces cross %d, the whole %d", sum, whole)
		}
	})
}

func polygons() *rapid.Generator[Polygon] {
	return rapid.Custom(func(t *rapid.T) Polygon {
		for range 100 {
			n := rapid.IntRange(3, 6).Draw(t, "corners")
			corners := make([]Position, n)
			for i := range corners {
				corners[i] = points(8).Draw(t, "corner").Position()
			}
			if g, err := NewPolygon(corners); err == nil {
				return g
			}
		}
		g, err := NewPolygon([]Position{{0, 0}, {1, 0}, {0, 1}})
		if err != nil {
			t.Fatal(err)
		}
		return g
	})
}

// inside counts the edges that a ray in a direction crosses that meets no corner.
func inside(g Polygon, p Point) bool {
	for _, c := range g.corners {
		if c == p {
			return true
		}
	}
	from := exact(p)
	for n := int64(1); ; n++ {
		to := vector{plus(from.x, rat(1<<40)), plus(from.y, big.NewRat(1<<20, n))}
		clear, hits := true, 0
		for i := range g.corners {
			e := g.edge(i)
			a, b := exact(e.A), exact(e.B)
			if squared(e, p).Sign() == 0 {
				return true
			}
			toCorner := minus(times(minus(to.x, from.x), minus(a.y, from.y)), times(minus(to.y, from.y), minus(a.x, from.x)))
			if toCorner.Sign() == 0 {
				clear = false
				break
			}
			if _, ok := meets(from, to, a, b); ok {
				hits++
			}
		}
		if clear {
			return hits%2 == 1
		}
	}
}

func TestAPolygonContainsWhatFractionsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := polygons().Draw(t, "g")
		p := points(8).Draw(t, "p")
		if rapid.IntRange(0, 3).Draw(t, "on an edge") == 0 {
			e := g.edge(rapid.IntRange(0, len(g.corners)-1).Draw(t, "edge"))
			p = Point{e.A.X + (e.B.X-e.A.X)/4, e.A.Y + (e.B.Y-e.A.Y)/4}
		}
		in := inside(g, p)
		if got := g.Contains(p); got != in {
			t.Fatalf("%v in %v: %v, want %v", p, g, got, in)
		}
		least := squared(g.edge(0), p)
		for i := range g.corners {
			if d := squared(g.edge(i), p); d.Cmp(least) < 0 {
				least = d
			}
		}
		margin := rapid.Int32Range(0, Unit/2).Draw(t, "margin")
		want := 0
		if least.Cmp(rat(int64(margin)*int64(margin))) >= 0 {
			want = -1
			if in {
				want = 1
			}
		}
		if got := g.Side(p, margin); got != want {
			t.Fatalf("side %d, want %d", got, want)
		}
		f, _ := least.Float64()
		if d := g.Distance(p); math.Abs(math.Abs(d)-math.Sqrt(f)/Unit) > 1e-12 || d != 0 && (d > 0) != in {
			t.Fatalf("distance %v, inside: %v", d, in)
		}
	})
}

func TestAPathCrossesAPolygonsEdgesAsItGoesInAndOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := polygons().Draw(t, "g")
		from, to := points(8).Draw(t, "from"), points(8).Draw(t, "to")
		for _, p := range []Point{from, to} {
			for i := range g.corners {
				if g.edge(i).Contains(p) {
					t.Skip("a shifted point on an edge is another matter")
				}
			}
		}
		net := 0
		for i := range g.corners {
			net += g.edge(i).Crossed(from, to)
		}
		if g.doubleArea() < 0 {
			net = -net // the inside is on the left
		}
		want := 0
		if g.Contains(to) {
			want++
		}
		if g.Contains(from) {
			want--
		}
		if net != want {
			t.Fatalf("net %d, want %d", net, want)
		}
	})
}

func TestOnlySimplePolygonsAreTaken(t *testing.T) {
	for _, c := range []struct {
		name    string
		corners []Position
		good    bool
	}{
		{"a triangle", []Position{{0, 0}, {1, 0}, {0, 1}}, true},
		{"a triangle the other way round", []Position{{0, 0}, {0, 1}, {1, 0}}, true},
		{"a square with a corner on an edge's line", []Position{{0, 0}, {.5, 0}, {1, 0}, {1, 1}, {0, 1}}, true},
		{"a horseshoe", []Position{{0, 0}, {1, 0}, {1, 1}, {.8, 1}, {.8, .2}, {.2, .2}, {.2, 1}, {0, 1}}, true},
		{"two points", []Position{{0, 0}, {1, 0}}, false},
		{"no points", nil, false},
		{"a line of three points", []Position{{0, 0}, {.5, .5}, {1, 1}}, false},
		{"a line there and back", []Position{{0, 0}, {1, 0}, {1, 1}, {1, 0}}, false},
		{"a bow tie", []Position{{0, 0}, {1, 1}, {1, 0}, {0, 1}}, false},
		{"two triangles that share a corner", []Position{{0, 0}, {.5, .5}, {1, 0}, {1, 1}, {.5, .5}, {0, 1}}, false},
		{"a corner twice in a row", []Position{{0, 0}, {0, 0}, {1, 0}, {1, 1}}, false},
		{"the first corner again as the last", []Position{{0, 0}, {1, 0}, {1, 1}, {0, 0}}, false},
		{"a corner on another edge", []Position{{0, 0}, {1, 0}, {1, 1}, {.5, 0}, {0, 1}}, false},
		{"corners nearer than the grid", []Position{{0, 0}, {1e-9, 0}, {0, 1}}, false},
		{"a spike", []Position{{0, 0}, {1, 0}, {1, 1}, {.5, 1}, {.5, 2}, {.5, 1}, {0, 1}}, false},
	} {
		if _, err := NewPolygon(c.corners); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestOnlyPlainLinesAreTaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		points []Position
		good   bool
	}{
		{"one segment", []Position{{0, 0}, {1, 0}}, true},
		{"a bend", []Position{{0, 0}, {1, 0}, {1, 1}}, true},
		{"straight on", []Position{{0, 0}, {.5, .5}, {1, 1}}, true},
		{"one point", []Position{{0, 0}}, false},
		{"a point twice", []Position{{0, 0}, {0, 0}, {1, 1}}, false},
		{"back over itself", []Position{{0, 0}, {1, 0}, {.5, 0}}, false},
		{"a loop", []Position{{0, 0}, {1, 1}, {1, 0}, {0, 1}}, false},
		{"a ring", []Position{{0, 0}, {1, 0}, {1, 1}, {0, 0}}, false},
	} {
		if _, err := NewPolyline(c.points); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAreaAndDepth(t *testing.T) {
	g, err := NewPolygon([]Position{{.25, .25}, {.75, .25}, {.75, .35}, {.25, .35}})
	if err != nil {
		t.Fatal(err)
	}
	if a := g.Area(); math.Abs(a-.05) > 1e-6 {
		t.Errorf("area %v", a)
	}
	for margin, want := range map[float64]bool{0: true, .01: true, .04: true, .051: false, .2: false} {
		if got := g.Deep(Length(margin)); got != want {
			t.Errorf("deep enough for %v: %v", margin, got)
		}
	}
}

func TestDirectionsAreThoseThatOneSees(t *testing.T) {
	for _, c := range []struct {
		name               string
		line               []Position
		from, to           Position
		net                int
		startRight, endsIn bool
	}{
		{"a line upwards, to the right", []Position{{.5, 1}, {.5, 0}}, Position{.2, .5}, Position{.8, .5}, 1, false, true},
		{"a line upwards, to the left", []Position{{.5, 1}, {.5, 0}}, Position{.8, .5}, Position{.2, .5}, -1, true, false},
		{"a line to the right, downwards", []Position{{0, .5}, {1, .5}}, Position{.5, .2}, Position{.5, .9}, 1, false, true},
		{"round the end", []Position{{0, .5}, {.4, .5}}, Position{.5, .2}, Position{.5, .9}, 0, false, true},
		{"through both arms of a roof", []Position{{.2, .8}, {.5, .5}, {.8, .8}}, Position{.1, .7}, Position{.9, .7}, 0, false, false},
		{"through one arm of a roof", []Position{{.2, .8}, {.5, .5}, {.8, .8}}, Position{.1, .7}, Position{.5, .7}, 1, false, true},
		{"above the top of a sharp roof", []Position{{.45, .8}, {.5, .5}, {.55, .8}}, Position{.4, .45}, Position{.6, .45}, 0, false, false},
		{"through the bend of a roof", []Position{{.2, .8}, {.5, .5}, {.8, .8}}, Position{.5, .2}, Position{.5, .9}, 1, false, true},
	} {
		l, err := NewPolyline(c.line)
		if err != nil {
			t.Fatal(err)
		}
		net, _ := l.Crossed(c.from.Point(), c.to.Point())
		if net != c.net || l.Right(c.from.Point()) != c.startRight || l.Right(c.to.Point()) != c.endsIn {
			t.Errorf("%s: net %d, right at first %v, at last %v", c.name, net, l.Right(c.from.Point()), l.Right(c.to.Point()))
		}
	}
}

func TestABoxStandsOnTheMiddleOfItsLowerEdge(t *testing.T) {
	for _, c := range []struct {
		name       string
		x, y, w, h int32
		want       Position
	}{
		{"in the middle", 300, 200, 40, 40, Position{.5, .5}},
		{"a pixel of odd width", 0, 0, 1, 1, Position{1. / 1280, 1. / 480}},
		{"beyond the left and upper edge", -640, -480, 0, 0, Position{-1, -1}},
		{"absurdly far away", 1 << 30, -1 << 30, 1 << 30, 0, Position{4, -4}},
	} {
		got, want := BottomCentre(c.x, c.y, c.w, c.h, 640, 480), c.want.Point()
		if abs(got.X-want.X) > 1 || abs(got.Y-want.Y) > 1 {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
	BottomCentre(1, 1, 1, 1, 0, 0) // no picture is no crash
}

func abs(v int32) int32 { return max(v, -v) }

func TestAPositionIsTwoNumbers(t *testing.T) {
	var p Position
	if err := json.Unmarshal([]byte("[0.25, 1]"), &p); err != nil || p != (Position{.25, 1}) {
		t.Error(p, err)
	}
	for _, bad := range []string{"[1]", "[1,2,3]", "1", `["a","b"]`, "null"} {
		if err := json.Unmarshal([]byte(bad), &p); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestTheGridIsFineEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-4, 4).Draw(t, "v")
		if p := (Position{v, -v}).Point(); math.Abs(float64(p.X)/Unit-v) > .5/Unit || p.Y != -p.X {
			t.Fatalf("%v is %v", v, p)
		}
	})
}

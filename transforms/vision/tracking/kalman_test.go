package tracking

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// matrix is a plain one, for the filter as textbooks have it.
type matrix [][]float64

func zeros(n, m int) matrix {
	a := make(matrix, n)
	for i := range a {
		a[i] = make([]float64, m)
	}
	return a
}

func (a matrix) times(b matrix) matrix {
	c := zeros(len(a), len(b[0]))
	for i := range a {
		for j := range b[0] {
			for k := range b {
				c[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return c
}

func (a matrix) plus(b matrix, sign float64) matrix {
	c := zeros(len(a), len(a[0]))
	for i := range a {
		for j := range a[i] {
			c[i][j] = a[i][j] + sign*b[i][j]
		}
	}
	return c
}

func (a matrix) turned() matrix {
	c := zeros(len(a[0]), len(a))
	for i := range a {
		for j := range a[i] {
			c[j][i] = a[i][j]
		}
	}
	return c
}

// inverse is by Gauss and Jordan with pivots.
func (a matrix) inverse() matrix {
	n := len(a)
	w := zeros(n, 2*n)
	for i := range n {
		copy(w[i], a[i])
		w[i][n+i] = 1
	}
	for c := range n {
		p := c
		for i := c; i < n; i++ {
			if math.Abs(w[i][c]) > math.Abs(w[p][c]) {
				p = i
			}
		}
		w[c], w[p] = w[p], w[c]
		d := w[c][c]
		for j := range w[c] {
			w[c][j] /= d
		}
		for i := range n {
			if f := w[i][c]; i != c {
				for j := range w[i] {
					w[i][j] -= f * w[c][j]
				}
			}
		}
	}
	inv := zeros(n, n)
	for i := range n {
		copy(inv[i], w[i][n:])
	}
	return inv
}

func diagonal(v ...float64) matrix {
	a := zeros(len(v), len(v))
	for i := range v {
		a[i][i] = v[i]
	}
	return a
}

// textbook is the filter of eight numbers: x, y, aspect, height, and their velocities.
type textbook struct{ x, p matrix }

func beginTextbook(b Box, jitter float64) *textbook {
	h := b.Height
	sq := func(v float64) float64 { return v * v }
	return &textbook{
		x: matrix{{b.X + b.Width/2}, {b.Y + h/2}, {b.Width / h}, {h}, {0}, {0}, {0}, {0}},
		p: diagonal(sq(jitter*h), sq(jitter*h), sq(aspectJitter), sq(heightJitter*jitter*h),
			sq(firstSpeed*h), sq(firstSpeed*h), sq(firstAspectSpeed), sq(firstSpeed*h)),
	}
}

func (k *textbook) predict(dt, agility float64) {
	f := diagonal(1, 1, 1, 1, 1, 1, 1, 1)
	q := zeros(8, 8)
	h := k.x[3][0]
	for i := range 4 {
		f[i][4+i] = dt
		density := agility * agility * h * h
		if i == 2 {
			density = aspectAgility * aspectAgility
		}
		q[i][i], q[4+i][4+i] = density*dt*dt*dt/3, density*dt
		q[i][4+i], q[4+i][i] = density*dt*dt/2, density*dt*dt/2
	}
	k.x = f.times(k.x)
	k.p = f.times(k.p).times(f.turned()).plus(q, 1)
}

func (k *textbook) update(b Box, jitter float64) {
	h := zeros(4, 8)
	for i := range 4 {
		h[i][i] = 1
	}
	s := jitter * k.x[3][0]
	r := diagonal(s*s, s*s, aspectJitter*aspectJitter, heightJitter*heightJitter*s*s)
	z := matrix{{b.X + b.Width/2}, {b.Y + b.Height/2}, {b.Width / b.Height}, {b.Height}}
	gain := k.p.times(h.turned()).times(h.times(k.p).times(h.turned()).plus(r, 1).inverse())
	k.x = k.x.plus(gain.times(z.plus(h.times(k.x), -1)), 1)
	k.p = diagonal(1, 1, 1, 1, 1, 1, 1, 1).plus(gain.times(h), -1).times(k.p)
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) }

func TestTheFilterIsTheOneOfMatrices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		jitter, agility := rapid.Float64Range(0.01, 0.5).Draw(t, "jitter"), rapid.Float64Range(0.1, 3).Draw(t, "agility")
		at := Box{rapid.Float64Range(0, 600).Draw(t, "x"), rapid.Float64Range(0, 400).Draw(t, "y"),
			rapid.Float64Range(5, 80).Draw(t, "width"), rapid.Float64Range(5, 80).Draw(t, "height")}
		f, want := begin(at, jitter), beginTextbook(at, jitter)
		for range rapid.IntRange(0, 30).Draw(t, "frames") {
			dt := rapid.Float64Range(0, 0.4).Draw(t, "dt")
			f.predict(dt, agility)
			want.predict(dt, agility)
			if want.x[3][0] < leastSide || want.x[2][0] < leastAspect {
				return // the textbook's has no bounds
			}
			if rapid.Bool().Draw(t, "seen") {
				move := func(v float64, what string) float64 { return v + rapid.Float64Range(-3, 3).Draw(t, what) }
				at = Box{move(at.X, "x"), move(at.Y, "y"), max(5, move(at.Width, "width")), max(5, move(at.Height, "height"))}
				f.update(at, jitter)
				want.update(at, jitter)
			}
			if want.x[3][0] < leastSide || want.x[2][0] < leastAspect {
				return
			}
			for i, a := range f.axes() {
				got := [...]float64{a.at, a.speed, a.p00, a.p01, a.p11}
				exp := [...]float64{want.x[i][0], want.x[4+i][0], want.p[i][i], want.p[i][4+i], want.p[4+i][4+i]}
				for n := range got {
					if !near(got[n], exp[n]) {
						t.Fatalf("axis %d has %v, the textbook's %v", i, got, exp)
					}
				}
			}
			if !f.sound() {
				t.Fatalf("the filter says of itself that it is impossible: %+v", f)
			}
		}
	})
}

func TestOneLongStepIsTwoShortOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := begin(Box{100, 100, 20, 50}, 0.05)
		f.predict(0.1, 1)
		f.update(Box{103, 101, 21, 50}, 0.05)
		f.height.speed = 0 // the noise follows the height
		g := f
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		f.predict(a+b, 1)
		g.predict(a, 1)
		g.predict(b, 1)
		for i, x := range f.axes() {
			y := g.axes()[i]
			if !near(x.at, y.at) || !near(x.speed, y.speed) || !near(x.p00, y.p00) || !near(x.p01, y.p01) || !near(x.p11, y.p11) {
				t.Fatalf("axis %d is %+v after one step, %+v after two", i, *x, *y)
			}
		}
	})
}

func TestTheFilterStaysBoundedWhateverIsMeasured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		extreme := rapid.SampledFrom([]float64{-mostPixel, -1, 0, 0.1, 1, 1000, mostPixel})
		side := rapid.SampledFrom([]float64{leastSide, 1, 1000, mostPixel})
		draw := func() Box {
			return Box{extreme.Draw(t, "x"), extreme.Draw(t, "y"), side.Draw(t, "width"), side.Draw(t, "height")}
		}
		jitter := rapid.SampledFrom([]float64{0.001, 0.05, 1}).Draw(t, "jitter")
		f := begin(draw(), jitter)
		for range 20 {
			f.predict(rapid.SampledFrom([]float64{0, 1e-9, 0.04, 10, 3600}).Draw(t, "dt"), 100)
			if rapid.Bool().Draw(t, "seen") {
				f.update(draw(), jitter)
			}
			if !f.sound() {
				t.Fatalf("impossible: %+v", f)
			}
		}
	})
}

package scene

import (
	"cmp"
	"image"
	"slices"
)

// actor is an object in one frame.
type actor struct {
	id      int
	label   string
	resting bool
	box     image.Rectangle // in the world
	foot    int             // where it stands: the greater, the nearer
	tones   [2][3]byte      // BGR of its stripes
}

// Labels of objects.
const (
	Person  = "person"
	Vehicle = "vehicle"
)

// actors returns the objects of frame i, the farthest first. Each walks across
// the world, beginning and ending out of sight; then another takes its place.
func (s *Scene) actors(i int) []actor {
	as := make([]actor, s.cfg.Objects)
	for k := range as {
		d := dice(hash(s.cfg.Seed, uint64(k), 1<<32))
		period := max(12, d.roll(6000, 16000)*s.milliFPS/1_000_000) // 6 to 16 seconds
		t := i + d.roll(0, period-1)
		as[k] = s.actor(k, t/period, t%period, period)
	}
	slices.SortStableFunc(as, func(a, b actor) int { return cmp.Compare(a.foot, b.foot) })
	return as
}

// actor is the k-th object's n-th successor at a phase of its way.
func (s *Scene) actor(k, n, phase, period int) actor {
	d := dice(hash(s.cfg.Seed, uint64(k), uint64(n)))
	a := actor{id: n*s.cfg.Objects + k + 1, label: Person}

	foot := d.roll(s.cfg.Height*6/10, s.cfg.Height*97/100)
	height := max(6, foot*d.roll(35, 50)/100)
	width := max(4, height*2/5)
	if d.roll(1, 4) == 1 {
		a.label, height, width = Vehicle, max(5, height*6/10), max(8, height)
	}

	// One in four rests in the middle third of its time.
	way := phase
	if d.roll(1, 4) == 1 {
		switch third := period / 3; {
		case phase < third:
			way = phase * (period / 2) / third
		case phase < 2*third:
			way, a.resting = period/2, true
		default:
			way = period/2 + (phase-2*third)*(period-period/2)/(period-2*third)
		}
	}
	x := -width + (s.world.X+width)*way/period
	if d.roll(0, 1) == 1 {
		x = s.world.X - width - x
	}
	// People bob as they walk, two steps a second.
	lifted := 0
	if a.label == Person && !a.resting && phase*4000/s.milliFPS%2 == 1 {
		lifted = max(1, height/24)
	}
	a.foot = foot
	a.box = image.Rect(x, foot-height-lifted, x+width, foot-lifted)

	dark := d.roll(0, 1) == 0
	for c := range 3 {
		if dark {
			a.tones[0][c] = byte(d.roll(10, 45))
			a.tones[1][c] = a.tones[0][c] + 14
		} else {
			a.tones[0][c] = byte(d.roll(210, 245))
			a.tones[1][c] = a.tones[0][c] - 14
		}
	}
	return a
}

// covers reports whether the object's shape has a pixel at (u, v) of its box.
func (a *actor) covers(u, v int) bool {
	w, h := a.box.Dx(), a.box.Dy()
	if a.label == Vehicle {
		return true
	}
	head := h / 4
	return inEllipse(u-w/4, v, w-w/4*2, head) || inEllipse(u, v-head, w, h-head)
}

// inEllipse reports whether the pixel (x, y) has its centre in the ellipse that
// fills the w x h box at the origin.
func inEllipse(x, y, w, h int) bool {
	dx, dy := 2*x+1-w, 2*y+1-h
	return dx*dx*h*h+dy*dy*w*w <= w*w*h*h
}

// tone is the colour at row v of the box.
func (a *actor) tone(v int) [3]byte {
	stripe := max(2, a.box.Dy()/6)
	return a.tones[v/stripe%2]
}

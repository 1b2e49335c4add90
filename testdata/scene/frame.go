package scene

import (
	"cmp"
	"image"
	"slices"
)

// Truth is what is really in a frame.
type Truth struct {
	Frame int `json:"frame"`
	// Light is in per cent of the light without faults.
	Light   int  `json:"light"`
	Covered bool `json:"covered,omitempty"`
	Frozen  bool `json:"frozen,omitempty"`
	// Dropped frames were never sent: whoever plays the camera leaves them out.
	Dropped bool `json:"dropped,omitempty"`
	// MovedX and MovedY say how many pixels the camera looks to the right and down
	// of where it should.
	MovedX int `json:"moved_x,omitempty"`
	MovedY int `json:"moved_y,omitempty"`
	// Blur is how many pixels on each side the lens takes the mean over.
	Blur     int  `json:"blur,omitempty"`
	Infrared bool `json:"infrared,omitempty"`
	// Lost frames are Dropped too. Epoch is how often the signal came back before.
	Lost  bool `json:"lost,omitempty"`
	Epoch int  `json:"epoch,omitempty"`
	// Objects are those of which the box reaches into the picture, by id. In a
	// frozen picture they are those shown.
	Objects []Object `json:"objects"`
}

// Object is the truth about one object in a frame.
type Object struct {
	ID      int    `json:"id"` // the same as long as it is on its way; never used again
	Label   string `json:"label"`
	Resting bool   `json:"resting,omitempty"`
	// The box of the whole object, also of what other objects hide, as far as it
	// lies in the picture, in pixels.
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`
	// Pixels is how many of its pixels can be seen, and Visible which part of all
	// its pixels that is, 0 to 1: 0 if it is hidden or the lens is covered.
	Pixels  int     `json:"pixels"`
	Visible float64 `json:"visible"`
}

// Box is the object's box.
func (o Object) Box() image.Rectangle { return image.Rect(o.X, o.Y, o.X+o.Width, o.Y+o.Height) }

// coveredLevel is the gray level of a covered lens.
const coveredLevel = 6

// Frame renders frame i, 0 or more: packed BGR pixels, and what is in them. The
// memory belongs to the caller. A dropped frame is rendered as if it were sent.
func (s *Scene) Frame(i int) (bgr []byte, truth Truth) {
	shown, frozen := s.shown(i)
	truth = s.conditions(shown)
	_, truth.Dropped = s.during(Dropped, i)
	if _, truth.Lost = s.during(Lost, i); truth.Lost {
		truth.Dropped = true
	}
	truth.Epoch = s.epoch(i)
	truth.Frame, truth.Frozen = i, frozen

	view := image.Rect(0, 0, s.cfg.Width, s.cfg.Height).Add(image.Pt(truth.MovedX, truth.MovedY))
	bgr = make([]byte, 0, 3*s.cfg.Width*s.cfg.Height)
	for y := view.Min.Y; y < view.Max.Y; y++ {
		row := 3 * (y*s.world.X + view.Min.X)
		bgr = append(bgr, s.background[row:row+3*s.cfg.Width]...)
	}
	truth.Objects = s.paint(bgr, view, s.actors(shown))
	if truth.Covered {
		for j := range truth.Objects {
			truth.Objects[j].Pixels, truth.Objects[j].Visible = 0, 0
		}
	}
	defocus(bgr, s.cfg.Width, truth.Blur)
	if truth.Infrared {
		s.infrared(bgr)
	}
	s.expose(bgr, shown, truth)
	return bgr, truth
}

// epoch is how many losses of the signal ended at or before frame i. Those that
// overlap or touch are one.
func (s *Scene) epoch(i int) int {
	n := 0
	for j, f := range s.cfg.Faults {
		if f.Kind != Lost || f.To > i {
			continue
		}
		last := true
		for k, g := range s.cfg.Faults {
			if g.Kind == Lost && g.From <= f.To && (g.To > f.To || g.To == f.To && k > j) {
				last = false
			}
		}
		if last {
			n++
		}
	}
	return n
}

// during returns the last fault of a kind that frame i is in.
func (s *Scene) during(kind Kind, i int) (f Fault, ok bool) {
	for _, g := range s.cfg.Faults {
		if g.Kind == kind && g.From <= i && i < g.To {
			f, ok = g, true
		}
	}
	return f, ok
}

// shown returns the frame whose picture frame i shows.
func (s *Scene) shown(i int) (shown int, frozen bool) {
	for {
		f, ok := s.during(Frozen, i)
		if !ok || f.From == i {
			return i, frozen
		}
		i, frozen = f.From, true
	}
}

// conditions says how light and camera are in frame i.
func (s *Scene) conditions(i int) Truth {
	t := Truth{Light: 100}
	for _, f := range s.cfg.Faults {
		switch {
		case f.Kind == Ramp && i >= f.From:
			done, all := min(i, f.To)-f.From, f.To-f.From
			t.Light = t.Light * (100*all + (f.Amount-100)*done) / (100 * all)
		case f.Kind == Switch && f.From <= i && i < f.To:
			t.Light = t.Light * f.Amount / 100
		case f.Kind == Cloud && f.From <= i && i < f.To:
			done, all := 2*min(i-f.From, f.To-i), f.To-f.From
			t.Light = t.Light * (100*all + (f.Amount-100)*done) / (100 * all)
		}
	}
	_, t.Covered = s.during(Covered, i)
	if f, ok := s.during(Moved, i); ok {
		t.MovedX, t.MovedY = f.Amount, f.Amount/2
	}
	if f, ok := s.during(Blurred, i); ok {
		t.Blur = f.Amount
	}
	_, t.Infrared = s.during(Infrared, i)
	return t
}

// paint paints the objects over the background, the farthest first, and the pillar
// over them, and returns the truth about those objects that reach into the view.
func (s *Scene) paint(bgr []byte, view image.Rectangle, actors []actor) []Object {
	owner := make([]int8, view.Dx()*view.Dy()) // of a pixel: index of the actor + 1
	whole := make([]int, len(actors))
	for k := range actors {
		a := &actors[k]
		for y := a.box.Min.Y; y < a.box.Max.Y; y++ {
			tone := a.tone(y - a.box.Min.Y)
			for x := a.box.Min.X; x < a.box.Max.X; x++ {
				if !a.covers(x-a.box.Min.X, y-a.box.Min.Y) {
					continue
				}
				whole[k]++
				if image.Pt(x, y).In(view) {
					p := (y-view.Min.Y)*view.Dx() + x - view.Min.X
					owner[p] = int8(k + 1)
					copy(bgr[3*p:], tone[:])
				}
			}
		}
	}
	s.paintPillar(bgr, view, owner)
	seen := make([]int, len(actors)+1)
	for _, k := range owner {
		seen[k]++
	}
	objects := []Object{}
	for k := range actors {
		a := &actors[k]
		box := a.box.Intersect(view)
		if box.Empty() {
			continue
		}
		objects = append(objects, Object{
			ID: a.id, Label: a.label, Resting: a.resting,
			X: box.Min.X - view.Min.X, Y: box.Min.Y - view.Min.Y, Width: box.Dx(), Height: box.Dy(),
			Pixels: seen[k+1], Visible: float64(seen[k+1]) / float64(whole[k]),
		})
	}
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
	return objects
}

// paintPillar paints the pillar, which nobody owns.
func (s *Scene) paintPillar(bgr []byte, view image.Rectangle, owner []int8) {
	p := s.cfg.Pillar
	column := image.Rect(p.X, view.Min.Y, p.X+p.Width, view.Max.Y).Intersect(view)
	for y := column.Min.Y; y < column.Max.Y; y++ {
		for x := column.Min.X; x < column.Max.X; x++ {
			at := (y-view.Min.Y)*view.Dx() + x - view.Min.X
			level := byte(brightest - 20*min(x-p.X, p.X+p.Width-1-x, 3) - int(hash(s.cfg.Seed, uint64(x), uint64(y))%9))
			owner[at], bgr[3*at], bgr[3*at+1], bgr[3*at+2] = 0, level, level, level
		}
	}
}

// defocus takes the mean over the square of 2r+1 pixels around each; the picture
// goes on at its edges as it ends there.
func defocus(bgr []byte, width, r int) {
	if r == 0 {
		return
	}
	height := len(bgr) / 3 / width
	alongLines(bgr, height, 3*width, width, 3, r)
	alongLines(bgr, width, 3, height, 3*width, r)
}

// alongLines takes the mean over 2r+1 pixels along each of n lines, which begin
// a stride apart and have a number of pixels a step apart.
func alongLines(bgr []byte, n, stride, pixels, step, r int) {
	line := make([]int, pixels)
	for l := range n {
		for c := range 3 {
			at := func(i int) *byte { return &bgr[l*stride+i*step+c] }
			for i := range line {
				line[i] = int(*at(i))
			}
			sum := 0
			for i := -r; i <= r; i++ {
				sum += line[min(max(i, 0), pixels-1)]
			}
			for i := range line {
				*at(i) = byte((2*sum + 2*r + 1) / (4*r + 2))
				sum += line[min(i+r+1, pixels-1)] - line[max(i-r, 0)]
			}
		}
	}
}

// infrared makes of a picture by daylight one by the lamp of the camera: red
// counts most, what is dark shines, and it gets darker towards the corners.
func (s *Scene) infrared(bgr []byte) {
	w, h := s.cfg.Width, s.cfg.Height
	for p := range len(bgr) / 3 {
		x, y := 2*(p%w)-w, 2*(p/w)-h
		lamp := 130 - 35*x*x/(w*w) - 35*y*y/(h*h) // per cent
		v := (int(bgr[3*p]) + 2*int(bgr[3*p+1]) + 5*int(bgr[3*p+2])) / 8
		switch {
		case v < darkest: // dark objects
			v = 200 - v
		case v <= brightest:
			v = 40 + (v-darkest)*7/5
		default: // bright ones
			v -= 80
		}
		v = min(v*lamp/100, 255)
		bgr[3*p], bgr[3*p+1], bgr[3*p+2] = byte(v), byte(v), byte(v)
	}
}

// expose makes of what there is what the sensor of the camera sees.
func (s *Scene) expose(bgr []byte, shown int, t Truth) {
	var lit [256]int
	for v := range lit {
		lit[v] = v * t.Light / 100
		if t.Covered {
			lit[v] = coveredLevel
		}
	}
	frame := hash(s.cfg.Seed, uint64(shown), 1<<33)
	for p := range len(bgr) / 3 {
		n := 0
		if s.cfg.Noise > 0 {
			n = noise(mix(frame^uint64(p)), s.cfg.Noise)
		}
		for c := 3 * p; c < 3*p+3; c++ {
			bgr[c] = byte(min(max(lit[bgr[c]]+n, 0), 255))
		}
	}
}

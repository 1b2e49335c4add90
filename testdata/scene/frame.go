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
	truth.Frame, truth.Frozen = i, frozen

	view := image.Rect(0, 0, s.cfg.Width, s.cfg.Height).Add(image.Pt(truth.MovedX, truth.MovedY))
	bgr = make([]byte, 0, 3*s.cfg.Width*s.cfg.Height)
	for y := view.Min.Y; y < view.Max.Y; y++ {
		row := 3 * (y*s.world.X + view.Min.X)
		bgr = append(bgr, s.background[row:row+3*s.cfg.Width]...)
	}
	truth.Objects = paint(bgr, view, s.actors(shown))
	if truth.Covered {
		for j := range truth.Objects {
			truth.Objects[j].Pixels, truth.Objects[j].Visible = 0, 0
		}
	}
	s.expose(bgr, shown, truth)
	return bgr, truth
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
		}
	}
	_, t.Covered = s.during(Covered, i)
	if f, ok := s.during(Moved, i); ok {
		t.MovedX, t.MovedY = f.Amount, f.Amount/2
	}
	return t
}

// paint paints the objects over the background, the farthest first, and returns
// the truth about those that reach into the view.
func paint(bgr []byte, view image.Rectangle, actors []actor) []Object {
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

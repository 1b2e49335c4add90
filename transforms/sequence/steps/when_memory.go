package steps

import (
	"errors"
	"fmt"
	"image"

	"github.com/framebeam/framebeam/transforms/analysis"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
)

// whenMemory is when it looked and what moved.
type whenMemory struct {
	step          *when
	activity      *activityMemory // nil: another analysis says what moves
	width, height int             // of the pictures; 0: none was seen
	// Times of capture, µs since 1970; never: not yet.
	looked, whole, moved int64
	// places are where something has moved since the last look, or before it if nothing has.
	places []image.Rectangle
	fresh  bool // something has moved since the last look
}

// never is before all times.
const never = -1 << 62

// mostPlaces are remembered; more are joined. Of more than mostMoving at once no difference
// is made between them.
const (
	mostPlaces = 8
	mostMoving = 64
)

func (s *when) start() *whenMemory {
	m := &whenMemory{step: s, looked: never, whole: never, moved: never}
	if s.activity != nil {
		m.activity = &activityMemory{step: s.activity}
	}
	return m
}

func (m *whenMemory) Next(in pixels.Input, out *result.Frame) error {
	f := in.Frame()
	at := f.Captured.UnixMicro()
	if f.Width != m.width || f.Height != m.height {
		m.forget()
		m.width, m.height = f.Width, f.Height
	}
	// Clocks are set back: nothing has happened in the future.
	m.looked, m.whole, m.moved = min(m.looked, at), min(m.whole, at), min(m.moved, at)
	moving, err := m.moving(in, out)
	if err != nil {
		return err
	}
	m.note(at, moving)
	rects := m.due(at)
	var found []result.Detection
	if len(rects) > 0 {
		m.looked, m.fresh = at, false
		if rects[0] == m.picture() {
			m.whole = at
		}
		if found, err = m.look(in, rects); err != nil {
			return err
		}
	}
	out.Detections = append(out.Detections, found...)
	out.Features = append(out.Features, lookedAt(m.step.Name(), rects, len(rects) == 0 && at-m.moved > m.step.hold))
	return nil
}

func (m *whenMemory) picture() image.Rectangle { return image.Rect(0, 0, m.width, m.height) }

// moving is where something moves.
func (m *whenMemory) moving(in pixels.Input, out *result.Frame) (boxes []image.Rectangle, err error) {
	if m.activity == nil {
		for i := range out.Detections {
			if d := &out.Detections[i]; d.Analysis == m.step.Moves {
				boxes = append(boxes, image.Rect(int(d.X), int(d.Y), int(d.X+d.Width), int(d.Y+d.Height)))
			}
		}
		return boxes, nil
	}
	gray, err := in.Gray()
	if err != nil {
		return nil, err
	}
	a := m.activity
	if _, err = a.look(in.Frame().Captured.UnixMilli(), gray, nil); err != nil || a.active == nil {
		return nil, err
	}
	parts := map[int32]image.Rectangle{}
	var order []int32
	for i, l := range a.labels {
		if !a.active.Marked(i) {
			continue
		}
		x, y := i%a.grid.cols, i/a.grid.cols
		cell := a.grid.box(image.Rect(x, y, x+1, y+1))
		if _, known := parts[l]; !known {
			order = append(order, l)
		}
		parts[l] = parts[l].Union(cell)
	}
	for _, l := range order {
		boxes = append(boxes, parts[l])
	}
	return boxes, nil
}

// note remembers what moves.
func (m *whenMemory) note(at int64, moving []image.Rectangle) {
	if len(moving) == 0 {
		return
	}
	m.moved = at
	if !m.fresh {
		m.places, m.fresh = nil, true
	}
	if len(moving) > mostMoving {
		for _, r := range moving[1:] {
			moving[0] = moving[0].Union(r)
		}
		moving = moving[:1]
	}
	m.places = fewer(append(m.places, moving...), mostPlaces)
}

// due are the parts to look at now; none: it is not time to. The whole picture is one part.
func (m *whenMemory) due(at int64) []image.Rectangle {
	all := []image.Rectangle{m.picture()}
	switch s := m.step; {
	case m.looked == never, s.atLeast > 0 && at-m.whole >= s.atLeast && at-m.looked >= s.every:
		return all
	case m.moved == never || at-m.moved > s.hold || at-m.looked < s.every:
		return nil
	case !s.Region:
		return all
	}
	least, apart := analysis.Regions(m.step.analysis, all[0].Max)
	return regions(m.places, all[0], m.step.Margin, least, apart)
}

// look runs the analysis on parts of the frame.
func (m *whenMemory) look(in pixels.Input, rects []image.Rectangle) (found []result.Detection, err error) {
	for _, r := range rects {
		var of result.PerFrame
		if r == m.picture() {
			err = m.step.analysis.Analyse(in, &of)
		} else {
			err = analysePart(m.step.analysis, in, r, &of)
		}
		if err != nil {
			return nil, err
		}
		for _, d := range of.Detections {
			d.X, d.Y = d.X+int32(r.Min.X), d.Y+int32(r.Min.Y)
			if !cutOff(&d, r, m.picture()) {
				found = append(found, d)
			}
		}
	}
	return found, nil
}

// forget begins anew: the next picture is looked at.
func (m *whenMemory) forget() {
	m.looked, m.whole, m.moved, m.places, m.fresh = never, never, never, nil, false
	m.width, m.height = 0, 0
}

func (m *whenMemory) Break(b sequence.Break) {
	if m.activity != nil {
		m.activity.Break(b)
	}
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.forget()
	}
}

func (m *whenMemory) Close() {}

// whenFormat is the version of a saved memory. Version 1: the pictures' size, times, places,
// and what activity saved.
const whenFormat = 1

func (m *whenMemory) Save() []byte {
	b := append(make([]byte, 0, 256), whenFormat)
	for _, v := range []int64{int64(m.width), int64(m.height), m.looked, m.whole, m.moved} {
		b = wire.Int(b, v)
	}
	b = wire.Bool(b, m.fresh)
	b = wire.Uint(b, uint64(len(m.places)))
	for _, p := range m.places {
		for _, v := range []int{p.Min.X, p.Min.Y, p.Max.X, p.Max.Y} {
			b = wire.Int(b, int64(v))
		}
	}
	b = wire.Bool(b, m.activity != nil)
	if m.activity != nil {
		b = wire.Bytes(b, m.activity.Save())
	}
	return b
}

// Restore reads what Save wrote.
func (s *when) Restore(saved []byte) (sequence.Memory, error) {
	fail := func(err error) (sequence.Memory, error) { return nil, fmt.Errorf("state of %s: %w", s.Name(), err) }
	r, err := wire.Open(saved, whenFormat)
	if err != nil {
		return fail(err)
	}
	m := &whenMemory{step: s}
	width, height := r.Int(), r.Int()
	m.looked, m.whole, m.moved, m.fresh = r.Int(), r.Int(), r.Int(), r.Bool()
	n := r.Count()
	if n > mostPlaces {
		return fail(fmt.Errorf("%d places, at most %d", n, mostPlaces))
	}
	sized := width > 0 && height > 0 && isSize(uint64(width), uint64(height))
	m.width, m.height = int(width), int(height)
	for range n {
		v := [4]int64{r.Int(), r.Int(), r.Int(), r.Int()}
		if v[0] < 0 || v[1] < 0 || v[2] <= v[0] || v[3] <= v[1] || v[2] > width || v[3] > height {
			return fail(errors.New("a place that is not in the picture"))
		}
		m.places = append(m.places, image.Rect(int(v[0]), int(v[1]), int(v[2]), int(v[3])))
	}
	has := r.Bool()
	var inner []byte
	if has {
		inner = r.Bytes()
	}
	if err := r.Close(); err != nil {
		return fail(err)
	}
	if !sized && (width != 0 || height != 0 || n > 0) || has != (s.activity != nil) || m.fresh && n == 0 {
		return fail(errors.New("impossible"))
	}
	for _, at := range []int64{m.looked, m.whole, m.moved} {
		if at != never && (at < -maxAgo || at > maxAgo) {
			return fail(fmt.Errorf("a time of %d", at))
		}
	}
	if has {
		a, err := s.activity.Restore(inner)
		if err != nil {
			return fail(err)
		}
		m.activity = a.(*activityMemory)
	}
	return m, nil
}

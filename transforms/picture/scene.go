package picture

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/config/shapes"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Scene is what a picture of a frame shows: what was found in it, and the events that it
// explains.
type Scene struct {
	// Row is the frame's result. Of a frame that lies elsewhere it may have no more than
	// its place, camera and time.
	Row *result.Frame
	// Told are the events that are explained.
	Told []Told
	// Before are the frames of the camera before this one, the latest first, for trails.
	Before []*result.Frame
	// Shapes are where lines and zones lie.
	Shapes shapes.Set
	// Zone is that of the time that is shown; nil: UTC.
	Zone *time.Location
	// Plain leaves out the text below: whoever shows the picture says it beside it.
	Plain bool
}

// Told is an event that a picture explains.
type Told struct {
	Event *result.Event
	Row   *result.Frame // in which it happened; the picture may be of another
}

// TrailTime is how long the trail of an object is.
const TrailTime = 4 * time.Second

// JPEG draws the scene into its frame. The error is a *frame.Poison if it cannot be decoded.
func (s *Scene) JPEG(f *frame.Frame, quality int) ([]byte, error) {
	m, err := pixels.Color(f)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	s.Draw(&m)
	return EncodeJPEG(m, quality)
}

// SceneAt is the scene of rows[i], of rows of its partition by ascending offsets.
func SceneAt(rows []result.Frame, i int, told []Told, set shapes.Set) *Scene {
	s := &Scene{Row: &rows[i], Told: told, Shapes: set}
	if !slices.ContainsFunc(told, func(t Told) bool { return t.Event.Track != 0 }) {
		return s
	}
	from := s.Row.Captured - TrailTime.Microseconds()
	for j := i - 1; j >= 0; j-- {
		r := &rows[j]
		if r.Camera != s.Row.Camera || r.Status != result.OK {
			continue
		}
		if r.Epoch != s.Row.Epoch || r.Captured < from {
			break
		}
		s.Before = append(s.Before, r)
	}
	return s
}

// scenes are those of the rows to show, of which all is known that the rows of a chunk
// say. Equal rows give equal scenes, whichever of them are asked for.
func scenes(rows []result.Frame, chosen []*result.Frame, set shapes.Set) []*Scene {
	told := map[int64][]Told{} // by the frame's offset
	add := func(offset int64, t Told) { told[offset] = append(told[offset], t) }
	for i := range rows {
		r := &rows[i]
		for j := range r.Events {
			e := &r.Events[j]
			if !result.OfAnalysis(*e) {
				continue
			}
			add(r.Offset, Told{e, r})
			if e.Snapshot != r.Offset {
				add(e.Snapshot, Told{e, r})
			}
		}
	}
	all := make([]*Scene, len(chosen))
	for i, row := range chosen {
		at, here := slices.BinarySearchFunc(rows, row.Offset, func(r result.Frame, o int64) int { return cmp.Compare(r.Offset, o) })
		if here {
			all[i] = SceneAt(rows, at, told[row.Offset], set)
		} else {
			all[i] = &Scene{Row: row, Told: told[row.Offset], Shapes: set}
		}
	}
	return all
}

// caption are the lines of text that say what happened.
func (s *Scene) caption() []string {
	const most = 4 // events
	if len(s.Told) == 0 {
		return nil
	}
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	head := s.Row.Camera
	if s.Row.Captured != 0 {
		head += "  " + time.UnixMicro(s.Row.Captured).In(zone).Format("2006-01-02 15:04:05.000 MST")
	}
	lines := []string{head}
	for i, t := range s.Told {
		if i == most && len(s.Told) > most+1 {
			lines = append(lines, fmt.Sprintf("and %d more", len(s.Told)-most))
			break
		}
		lines = append(lines, t.text(s.Row))
	}
	return lines
}

// text says what happened, for the picture of a frame.
func (t *Told) text(shown *result.Frame) string {
	e := t.Event
	text := e.Analysis + ": " + e.Type
	if e.Transition != "" {
		text += " " + e.Transition
	}
	if e.Track != 0 {
		text += fmt.Sprintf(", %s %d", cmp.Or(e.Label, "object"), e.Track)
	}
	switch {
	case e.Detail != "":
		text += ", " + e.Detail
	case e.Value != 0:
		text += fmt.Sprintf(", %.4g", float64(e.Value))
	}
	if d := t.Row.Captured - shown.Captured; t.Row.Offset != shown.Offset && shown.Captured != 0 && d != 0 {
		text += fmt.Sprintf(" (%+.1f s)", float64(d)/1e6)
	}
	return text
}

// Draw draws the scene into its frame, an 8-bit BGR picture: boxes as [Annotate] does,
// and where there are events to explain, their lines and zones, the objects concerned with
// a trail of where they came from, and below who, what, where and when.
func (s *Scene) Draw(bgr *gocv.Mat) {
	p := pen{bgr, max(2, bgr.Cols()/320)}
	if len(s.Told) == 0 {
		Annotate(bgr, s.Row)
		return
	}
	drawn := map[string]bool{}
	for _, t := range s.Told {
		if drawn[t.Row.Config+t.Event.Analysis] {
			continue
		}
		drawn[t.Row.Config+t.Event.Analysis] = true
		for _, shape := range s.Shapes.At(t.Row.Config, t.Event.Analysis, time.UnixMicro(t.Row.Captured)) {
			p.shape(shape, t.Event)
		}
	}
	concerned := map[int64]bool{}
	for _, t := range s.Told {
		concerned[t.Event.Track] = t.Event.Track != 0
	}
	tracked := slices.ContainsFunc(s.Row.Detections, isTrack)
	var objects []*result.Detection
	for i := range s.Row.Detections {
		d := &s.Row.Detections[i]
		switch {
		case concerned[d.Track]:
			objects = append(objects, d)
		case isTrack(*d):
			p.box(d, p.width/2)
		case !tracked:
			p.box(d, p.width)
		}
	}
	for _, d := range objects {
		p.trail(d, s.Before)
		p.object(d)
	}
	if !s.Plain {
		p.caption(s.caption())
	}
}

func isTrack(d result.Detection) bool { return d.Track != 0 }

package clip

import (
	"slices"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
)

// drawing draws what was found into the frames of a clip. Around an event, that one is
// explained in every frame; else each is for some time after it has happened.
type drawing struct {
	source *Source
	event  *Event
	zone   *time.Location
	before []*result.Frame // the latest first
	told   []picture.Told
}

// toldTime is how long an event is told after it has happened.
const toldTime = 2 * time.Second

func (d *drawing) draw(m *gocv.Mat, row *result.Frame) {
	recent := func(r *result.Frame, within time.Duration) bool {
		passed := row.At().Sub(r.At())
		return r.Epoch == row.Epoch && passed >= 0 && passed <= within
	}
	d.before = slices.DeleteFunc(d.before, func(r *result.Frame) bool { return !recent(r, picture.TrailTime) })
	d.told = slices.DeleteFunc(d.told, func(t picture.Told) bool { return !recent(t.Row, toldTime) })
	for i := range row.Events {
		if e := &row.Events[i]; result.OfAnalysis(*e) {
			d.told = append(d.told, picture.Told{Event: e, Row: row})
		}
	}
	s := picture.Scene{Row: row, Told: d.told, Before: d.before, Shapes: d.source.shapes, Zone: d.zone}
	if d.event != nil {
		s.Told = []picture.Told{{Event: &d.event.Event, Row: &d.event.Row}}
	}
	s.Draw(m)
	d.before = slices.Insert(d.before, 0, row)
}

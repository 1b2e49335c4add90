package collector

import (
	"errors"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/transforms/frame"
)

// What happens to a source is published among its frames, so that whoever reads the topic
// is told of a dead camera while it is dead, and of the same things whenever it is read.

// changed publishes what has happened to a camera's source. The original's JSON has no
// word for it, and its readers would take it for a broken frame: there nothing is said.
func (r *run) changed(c *camera, s frame.SourceChange) error {
	if r.opts.Format == config.JSON {
		return nil
	}
	if !c.cfg.Live() {
		if _, there := c.published[s.ID()]; there {
			return nil
		}
	}
	rec := s.CloudEvent()
	if c.inOrder != nil {
		return c.inOrder(dated{captured: s.At, rec: rec, note: true})
	}
	return r.note(c, rec)
}

// note queues what was said of a source. Where the topic takes no records of its size, the
// camera goes on without.
func (r *run) note(c *camera, rec frame.Record) error {
	err := r.publisher.Note(rec)
	if large, ok := errors.AsType[*publish.TooLargeError](err); ok {
		r.opts.Log.Warn("what happened to the source is left out", "camera", c.cfg.ID, "reason", large)
		return nil
	}
	return err
}

// finally is what was said of a source of files that is over. It is not said again by a
// collector that is started again, and so is remembered as frames are: by a name that is
// no epoch's.
func finally(r *frame.Record) (name string, ok bool) {
	if !r.OfSource() {
		return "", false
	}
	s, err := frame.ParseSource(r)
	return s.ID(), err == nil && (s.State == frame.SourceEnded || s.State == frame.SourceFailed)
}

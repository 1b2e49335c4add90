package cameras

import (
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	// mostRecent rows of a camera are kept for the boxes of pictures that are made later.
	mostRecent = 64
	// rateTime is the stretch of capture time over which frames a second are counted.
	rateTime = 10 * time.Second
)

// camera is what is known of one.
type camera struct {
	id string

	newest *result.Frame   // the row of the latest capture with status ok, of any day
	recent []*result.Frame // the last rows with status ok, by ascending offsets
	rate   seconds         // frames that were analysed
	over   []fault         // that ended this day, the last ones
	faults []fault         // that have begun and not ended

	// Of the topic.
	logged     time.Time // when the newest frame was captured, or taken by the log
	loggedRate seconds
	source     *frame.SourceChange // what happened to its source last

	shots       []*shot          // pictures, by ascending time of capture
	wanted      [sizes]time.Time // until when pictures of that size are
	wantResults time.Time        // until when pictures with results are
	failed      error            // why its newest frame cannot be had
	failedAt    int64            // the offset of that frame
}

// fault is what is wrong with a camera's picture or signal.
type fault struct {
	Type  string    `json:"type"`
	Rule  string    `json:"rule,omitempty"`
	Since time.Time `json:"since"`
}

// faultTypes are events that tell of one.
var faultTypes = []string{
	result.EventSignalLoss, result.EventFrozen, result.EventCovered, result.EventTooDark, result.EventTooBright, result.EventTooBlurry,
	result.EventSceneChange, result.EventMissingRate,
}

// row takes a row of the camera's.
func (c *camera) row(r *result.Frame) {
	c.events(r)
	if r.Status == result.Source && (c.source == nil || !r.At().Before(c.source.At)) {
		c.source = &frame.SourceChange{Camera: c.id, State: frame.SourceState(r.Reason), At: r.At(), Reason: r.Detail}
	}
	if r.Status != result.OK {
		return
	}
	kept := *r // not all of the file that it is of
	r = &kept
	at := r.At()
	c.rate.add(at)
	if c.newest == nil || !at.Before(c.newest.At()) {
		c.newest = r
	}
	if len(c.recent) == mostRecent {
		c.recent = slices.Delete(c.recent, 0, mostRecent/4)
	}
	c.recent = append(c.recent, r)
	for _, s := range c.shots {
		if s.Offset == r.Offset && s.partition == (chunk.Partition{Topic: r.Topic, ID: r.Partition}) {
			s.analysed(r)
		}
	}
}

// events keeps which faults last.
func (c *camera) events(r *result.Frame) {
	for i := range r.Events {
		e := &r.Events[i]
		if !slices.Contains(faultTypes, e.Type) {
			continue
		}
		same := func(f fault) bool { return f.Type == e.Type && f.Rule == e.Rule }
		switch e.Transition {
		case result.Begin:
			if !slices.ContainsFunc(c.faults, same) {
				c.faults = append(c.faults, fault{e.Type, e.Rule, r.At()})
			}
		case result.End:
			if n := len(c.faults); n > 0 {
				c.faults = slices.DeleteFunc(slices.Clone(c.faults), same) // the old list may be being told
			}
			c.over = append(c.over[max(0, len(c.over)-len(faultTypes)):], fault{e.Type, e.Rule, r.At()})
		}
	}
}

// ended reports whether a fault that began before the day has ended since, or has begun anew.
func (c *camera) ended(f fault) bool {
	same := func(o fault) bool { return o.Type == f.Type && o.Rule == f.Rule }
	return slices.ContainsFunc(c.over, same) || slices.ContainsFunc(c.faults, same)
}

// forgetRows forgets what rows said.
func (c *camera) forgetRows() {
	c.newest, c.recent, c.faults, c.over, c.rate = nil, nil, nil, nil, seconds{}
	for _, s := range c.shots {
		s.Analysed, s.Boxes, s.Config = false, nil, ""
	}
}

// last is when the newest frame was captured that is known of; zero: there is none.
func (c *camera) last() time.Time {
	if c.newest != nil && c.newest.At().After(c.logged) {
		return c.newest.At()
	}
	return c.logged
}

// of is the row of an offset, if it is a recent one.
func (c *camera) of(p chunk.Partition, offset int64) *result.Frame {
	for _, r := range slices.Backward(c.recent) {
		if r.Offset == offset && r.Partition == p.ID && r.Topic == p.Topic {
			return r
		}
	}
	return nil
}

// seconds counts frames by the second in which they were captured.
type seconds [16]struct{ second, n int64 }

func (s *seconds) add(t time.Time) {
	at := t.Unix()
	e := &s[uint64(at)%uint64(len(s))]
	switch {
	case e.second < at:
		e.second, e.n = at, 1
	case e.second == at:
		e.n++
	}
}

// rate is frames a second over the whole seconds before that of the last frame: at most
// [rateTime] of them, and those that a camera was there for.
func (s *seconds) rate(last time.Time) float64 {
	var sum, n int64
	first := int64(-1)
	for at := last.Unix() - int64(rateTime/time.Second); at < last.Unix(); at++ {
		e := s[uint64(at)%uint64(len(s))]
		if e.second == at && e.n > 0 {
			if first < 0 {
				first = at
			}
			sum += e.n
		}
	}
	if first < 0 {
		return 0
	}
	n = last.Unix() - first
	return float64(sum) / float64(n)
}

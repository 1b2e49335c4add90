package cameras

import (
	"cmp"
	"slices"
	"time"

	"github.com/framebeam/framebeam/history/counts"
	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/frame"
)

// told is what browsers are told.
type told struct {
	Day     string    `json:"day"` // 2024-05-01, whose counts they are
	Today   bool      `json:"today"`
	Current bool      `json:"current"` // all is counted that there is
	Now     time.Time `json:"now"`
	Cameras []one     `json:"cameras"`
}

// one is a camera.
type one struct {
	ID string `json:"id"`
	// State is one of: ok, fault (Faults say which), silent, lost, stopped, ended, failed (what the
	// collector says of its source), none (no frame is known).
	State  string  `json:"state"`
	Why    string  `json:"why,omitempty"`
	Faults []fault `json:"faults,omitempty"`
	// Last is when the newest frame was captured that is known of, and Analysed that of the newest
	// of which there are results.
	Last     *time.Time `json:"last"`
	Analysed *time.Time `json:"analysed"`
	FPS      float64    `json:"fps"`
	Width    int32      `json:"width"`
	Height   int32      `json:"height"`

	// Of the day, as counts --by camera has them.
	Frames  int64   `json:"frames"`
	Epochs  int64   `json:"epochs"`
	Missing int64   `json:"missing"`
	Silence float64 `json:"silence"` // seconds
	Dead    int64   `json:"dead"`
	Events  int64   `json:"events"`
	Counts  []count `json:"counts"`
}

// count is of one rule.
type count struct {
	Rule       string `json:"rule"`
	Type       string `json:"type"`
	Transition string `json:"transition"`
	Events     int64  `json:"events"`
}

// silent is how old the newest frame may be until a camera counts as silent: the default of what
// analyses take for an interruption.
const silent = 10 * time.Second

// by is what events are told apart by.
var by = []string{"camera", "rule", "type", "transition"}

func counter(day time.Time, zone *time.Location) *counts.Counter {
	per, err := counts.ParsePer("hour")
	if err != nil {
		panic(err)
	}
	c, err := counts.New(per, by, events.Filter{Period: period.Day(day, zone)})
	if err != nil {
		panic(err)
	}
	return c
}

// told is how all cameras are.
func (v *view) told() (*told, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	t := &told{Day: v.day.Format(time.DateOnly), Current: v.current, Now: now, Cameras: []one{}}
	t.Today = t.Day == now.In(v.Inputs.Zone).Format(time.DateOnly)
	sums := map[string]*one{}
	if v.counted != nil {
		seen := map[string]time.Time{} // the bucket whose sums a camera has
		if err := v.counted.Lines(func(l counts.Line) error {
			id := l.Group[0]
			o := sums[id]
			if o == nil {
				o = &one{Counts: []count{}}
				sums[id] = o
			}
			if at, ok := seen[id]; !ok || !at.Equal(l.From) {
				seen[id] = l.From
				o.Frames += l.Frames
				o.Epochs += l.Epochs
				o.Missing += l.Missing
				o.Silence += l.Silence.Seconds()
				o.Dead += l.Dead
			}
			if l.Events > 0 {
				o.add(count{l.Group[1], l.Group[2], l.Group[3], l.Events})
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	for _, id := range v.ids() {
		o := one{ID: id, Counts: []count{}}
		if s := sums[id]; s != nil {
			o = *s
			o.ID = id
			slices.SortFunc(o.Counts, func(a, b count) int {
				return cmp.Or(cmp.Compare(b2i(a.Rule == ""), b2i(b.Rule == "")), cmp.Compare(a.Rule, b.Rule),
					cmp.Compare(a.Type, b.Type), cmp.Compare(a.Transition, b.Transition))
			})
		}
		if c := v.cameras[id]; c != nil {
			c.tell(&o, now)
		} else {
			o.State = "none"
		}
		t.Cameras = append(t.Cameras, o)
	}
	return t, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (o *one) add(c count) {
	o.Events += c.Events
	for i := range o.Counts {
		if k := &o.Counts[i]; k.Rule == c.Rule && k.Type == c.Type && k.Transition == c.Transition {
			k.Events += c.Events
			return
		}
	}
	o.Counts = append(o.Counts, c)
}

// tell says how a camera is.
func (c *camera) tell(o *one, now time.Time) {
	last := c.last()
	if !last.IsZero() {
		o.Last = &last
	}
	if c.newest != nil {
		at := c.newest.At()
		o.Analysed = &at
		o.Width, o.Height = c.newest.Width, c.newest.Height
		o.FPS = c.rate.rate(at)
		if c.logged.After(at) {
			if f := c.loggedRate.rate(c.logged); f > 0 {
				o.FPS = f
			}
		}
	} else if !c.logged.IsZero() {
		o.FPS = c.loggedRate.rate(c.logged)
	}
	o.Faults = c.faults
	switch {
	case last.IsZero():
		o.State = "none"
	case now.Sub(last) > silent:
		o.State = "silent"
	case len(c.faults) > 0:
		o.State = "fault"
	default:
		o.State = "ok"
	}
	if c.source != nil && !c.source.At.Before(last) {
		switch c.source.State {
		case frame.SourceLost, frame.SourceStopped, frame.SourceEnded, frame.SourceFailed:
			o.State, o.Why = string(c.source.State), c.source.Reason
		}
	}
}

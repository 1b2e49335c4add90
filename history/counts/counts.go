// Package counts counts the events of an output by stretches of time, and says beside each
// number how much of that time was seen: a count without its gaps is a guess.
package counts

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/transforms/result"
)

// By are the names that counts can be told apart by.
var By = []string{"camera", "analysis", "rule", "type", "transition", "label"}

// parts are what is told apart: the values of [By], "" where it does not matter.
type parts [6]string

// Line is the count of one bucket and one group.
type Line struct {
	From, To time.Time // [From, To), by the clocks of the period's zone
	// Group are the values of what counts are told apart by, in the order asked for; "" is
	// none: an event without a rule, or no event at all.
	Group []string
	// Events that are wanted and happened in the bucket; -1: not known, since there is no
	// frame, and none that follows from what a collector told.
	Events int64
	Seen
}

// Seen is how much of a bucket was seen: of the line's camera if lines are told apart by
// cameras, else of all that were asked for.
type Seen struct {
	Frames int64 // that were analysed
	// Covered is the part, 0 to 1, of the bucket's minutes in which there was a frame; of
	// several cameras the mean, over those that have a frame anywhere in the period.
	// Minutes outside of the period do not count.
	Covered float64
	Epochs  int64         // unbroken stretches of frames that began
	Missing int64         // frames that are missing inside of them, by their numbers
	Silence time.Duration // of times without frames inside of them that the analyses took for silence
	Dead    int64         // records that could not be read
}

// mostBuckets bounds how many buckets there are between the first frame and the last.
const mostBuckets = 1_000_000

// Counter counts the events of rows. What it holds grows with the buckets, cameras and groups.
type Counter struct {
	per    Per
	by     []int // in By
	filter events.Filter
	zone   *time.Location

	events  map[int64]map[parts]int64 // by the bucket's beginning in seconds
	groups  map[parts]bool
	seen    map[int64]map[string]*seen // by the bucket's beginning and camera
	cameras map[string]bool            // that have frames
	first   time.Time                  // of the rows
	last    time.Time
	at      bucket // of the row that came last

	silences []silence
}

// seen is what was seen of a camera in a bucket.
type seen struct {
	frames, epochs, missing, dead int64
	silence                       time.Duration
	minutes                       map[uint64]uint64 // a bit for each minute, 64 a word
}

// silence is a stretch without frames of a camera.
type silence struct {
	camera   string
	from, to time.Time
}

// New begins to count the events that are wanted. Unless analyses or types are named, what
// the sequence stage says of the frames itself is not among them.
func New(per Per, by []string, filter events.Filter) (*Counter, error) {
	c := &Counter{
		per: per, filter: filter, zone: filter.Period.Location(), events: map[int64]map[parts]int64{}, groups: map[parts]bool{},
		seen: map[int64]map[string]*seen{}, cameras: map[string]bool{},
	}
	for _, name := range by {
		i := slices.Index(By, name)
		if i < 0 || slices.Contains(c.by, i) {
			return nil, fmt.Errorf("%q is not one of %v, once", name, By)
		}
		c.by = append(c.by, i)
	}
	return c, nil
}

// Frames is how many frames were seen.
func (c *Counter) Frames() (n int64) {
	for _, cameras := range c.seen {
		for _, s := range cameras {
			n += s.frames
		}
	}
	return n
}

// Columns are those of the rows that are to be added.
const Columns = result.OfStatus | result.OfEvents

// Add adds a row that is in the period and of a camera that was asked for.
func (c *Counter) Add(f *result.Frame) {
	at := f.At()
	if at.Before(c.at.from) || !at.Before(c.at.to) {
		c.at = c.per.of(at, c.zone)
	}
	if c.first.IsZero() || at.Before(c.first) {
		c.first = at
	}
	if c.last.IsZero() || at.After(c.last) {
		c.last = at
	}
	s := c.of(c.at, f.Camera)
	if f.Status == result.Dead {
		s.dead++
	}
	switch {
	case f.Status.OfSource(): // no frame, but things happen
	case f.Status != result.OK:
		return
	default:
		c.cameras[f.Camera] = true
		s.frames++
		minute := uint64(at.Unix()/60 + 1<<40) // times before 1970 too
		s.minutes[minute/64] |= 1 << (minute % 64)
	}
	for i := range f.Events {
		c.event(s, f, at, &f.Events[i])
	}
}

func (c *Counter) of(b bucket, camera string) *seen {
	key := b.from.Unix()
	if c.seen[key] == nil {
		c.seen[key] = map[string]*seen{}
	}
	s := c.seen[key][camera]
	if s == nil {
		s = &seen{minutes: map[uint64]uint64{}}
		c.seen[key][camera] = s
	}
	return s
}

func (c *Counter) event(s *seen, f *result.Frame, at time.Time, e *result.Event) {
	if e.Analysis == result.OfStage {
		switch e.Type {
		case result.EventEpochStarted:
			s.epochs++
		case result.EventFramesMissing:
			s.missing += e.Missing()
		case result.EventSilence:
			c.silences = append(c.silences, silence{f.Camera, at.Add(-e.Silence()), at})
		}
		if len(c.filter.Types)+len(c.filter.Analyses) == 0 {
			return
		}
	}
	if !c.filter.Wants(e) {
		return
	}
	all := parts{f.Camera, e.Analysis, e.Rule, e.Type, e.Transition, e.Label}
	var key parts
	for _, i := range c.by {
		key[i] = all[i]
	}
	bucket := c.at.from.Unix()
	if c.events[bucket] == nil {
		c.events[bucket] = map[parts]int64{}
	}
	c.events[bucket][key]++
	c.groups[key] = true
}

// divide divides the silences among the buckets from a moment on.
func (c *Counter) divide(begin time.Time) {
	for _, s := range c.silences {
		for from := later(s.from, begin); from.Before(s.to); {
			b := c.per.of(from, c.zone)
			until := b.to
			if s.to.Before(until) {
				until = s.to
			}
			c.of(b, s.camera).silence += until.Sub(from)
			from = until
		}
	}
	c.silences = nil
}

// Lines calls fn with a line for every bucket of the period that is asked for (from the
// first row, or to the last, where it is open) and every group that there is anywhere in it,
// by time and then by group. Of a bucket without frames the number of events is not known.
func (c *Counter) Lines(fn func(Line) error) error {
	from, to := c.filter.Period.From, c.filter.Period.To
	if from.IsZero() {
		from = c.first
	}
	if to.IsZero() && !c.last.IsZero() {
		to = c.last.Add(1)
	}
	if from.IsZero() || to.IsZero() {
		return nil
	}
	if n := to.Sub(from) / c.per.shortest(); n > mostBuckets {
		return fmt.Errorf("from %s to %s there are some %d buckets, more than %d: choose a shorter period, or longer buckets",
			from.In(c.zone).Format(time.RFC3339), to.In(c.zone).Format(time.RFC3339), n, mostBuckets)
	}
	c.divide(from)
	groups := c.allGroups()
	for b := c.per.of(from, c.zone); b.from.Before(to); b = c.per.of(b.to, c.zone) {
		minutes := c.minutes(b, from, to)
		if minutes == 0 {
			continue // none of the times of day
		}
		for _, g := range groups {
			l := Line{From: b.from, To: b.to, Seen: c.sum(b, g, minutes), Events: -1}
			if n, some := c.events[b.from.Unix()][g]; some || l.Frames > 0 {
				l.Events = n
			}
			for _, i := range c.by {
				l.Group = append(l.Group, g[i])
			}
			if err := fn(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Counter) byCamera() bool { return slices.Contains(c.by, 0) }

// allGroups are those of all events, and one of each camera that has none, or of all.
func (c *Counter) allGroups() []parts {
	groups := maps.Clone(c.groups)
	if c.byCamera() {
		with := map[string]bool{}
		for g := range c.groups {
			with[g[0]] = true
		}
		for _, cameras := range c.seen {
			for camera := range cameras {
				if !with[camera] {
					groups[parts{camera}] = true
				}
			}
		}
		for _, camera := range c.filter.Cameras {
			if !with[camera] {
				groups[parts{camera}] = true
			}
		}
	} else if len(groups) == 0 {
		groups[parts{}] = true
	}
	return slices.SortedFunc(maps.Keys(groups), func(a, b parts) int {
		for _, i := range c.by {
			if d := cmp.Compare(a[i], b[i]); d != 0 {
				return d
			}
		}
		return 0
	})
}

// minutes are those of a bucket that begin in the period.
func (c *Counter) minutes(b bucket, from, to time.Time) (n int64) {
	start, end := b.from, b.to
	if start.Before(from) {
		start = from.Truncate(time.Minute)
	}
	if end.After(to) {
		end = to
	}
	if len(c.filter.Period.During) == 0 {
		return int64((end.Sub(start) + time.Minute - 1) / time.Minute)
	}
	for m := start; m.Before(end); m = m.Add(time.Minute) {
		if c.filter.Period.Contains(later(m, from)) {
			n++
		}
	}
	return n
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// sum is what was seen of a group's camera, or of all.
func (c *Counter) sum(b bucket, g parts, minutes int64) (all Seen) {
	of, cameras := c.seen[b.from.Unix()], int64(len(c.cameras))
	if c.byCamera() {
		one, ok := of[g[0]]
		if !ok {
			return Seen{}
		}
		of, cameras = map[string]*seen{g[0]: one}, 1
	}
	var covered int64
	for _, s := range of {
		all.Frames += s.frames
		all.Epochs += s.epochs
		all.Missing += s.missing
		all.Silence += s.silence
		all.Dead += s.dead
		n := int64(0)
		for _, word := range s.minutes {
			n += int64(bits.OnesCount64(word))
		}
		covered += min(n, minutes)
	}
	if cameras > 0 {
		all.Covered = float64(covered) / float64(minutes*cameras)
	}
	return all
}

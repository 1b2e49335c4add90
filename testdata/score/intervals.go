package score

import (
	"fmt"
	"image"
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Interval is a stretch of time since the first frame.
type Interval struct{ Begin, End time.Duration }

// Intervals are the stretches in which on holds at the given times: pauses of
// less than quiet are bridged, and then what is shorter than least is left out.
func Intervals(at []time.Duration, on []bool, quiet, least time.Duration) []Interval {
	var all []Interval
	for i, t := range at {
		if !on[i] {
			continue
		}
		if n := len(all); n > 0 && t-all[n-1].End < quiet {
			all[n-1].End = t
		} else {
			all = append(all, Interval{t, t})
		}
	}
	kept := all[:0]
	for _, v := range all {
		if v.End-v.Begin >= least {
			kept = append(kept, v)
		}
	}
	return kept
}

// Moves reports whether an object moves of which more than area, a part of the
// picture, can be seen.
func Moves(t scene.Truth, size image.Point, area float64) bool {
	for _, o := range t.Objects {
		if !o.Resting && !t.Frozen && float64(o.Pixels) > area*float64(size.X*size.Y) {
			return true
		}
	}
	return false
}

// Motions are the intervals that the motion events of an analysis say, of which
// [result.Begin] has the seconds since the beginning and [result.End] those
// from beginning to end as value. One that is open at the end lasts until end.
func Motions(rows []result.Frame, analysis string) []Interval {
	var all []Interval
	open := false
	var now time.Duration
	for _, r := range rows {
		now = time.UnixMicro(r.Captured).Sub(Begin)
		for _, e := range r.Events {
			if e.Analysis != analysis || e.Type != result.EventMotion {
				continue
			}
			value := time.Duration(float64(e.Value) * float64(time.Second))
			switch e.Transition {
			case result.Begin:
				all, open = append(all, Interval{Begin: now - value}), true
			case result.End:
				last := &all[len(all)-1]
				last.End, open = last.Begin+value, false
			}
		}
	}
	if open {
		all[len(all)-1].End = now
	}
	return all
}

// MotionRules say what motion there is in a scene. Start from [DefaultMotionRules].
type MotionRules struct {
	Area         float64       // see [Moves]
	Quiet, Least time.Duration // see [Intervals]
	Tolerance    time.Duration // see [Spans.Add]
	Bridged      time.Duration // see [Spans]
}

// DefaultMotionRules fit the defaults of the step "activity", which may bridge half
// a second more than its quiet time since it compares with what it saw some tenths
// of a second ago.
func DefaultMotionRules() MotionRules {
	return MotionRules{Area: 0.002, Quiet: 2 * time.Second, Least: 500 * time.Millisecond, Tolerance: time.Second, Bridged: 2500 * time.Millisecond}
}

// OfMotion scores the motion events of the last of the steps, which run in this order.
func OfMotion(s *scene.Scene, rules MotionRules, steps ...sequence.Step) (*Spans, error) {
	rows, truths, err := Play(s, steps...)
	if err != nil {
		return nil, err
	}
	return MotionOf(s, rules, rows, truths, steps[len(steps)-1].Name()), nil
}

// MotionOf scores the motion events of an analysis in a scene that was played.
func MotionOf(s *scene.Scene, rules MotionRules, rows []result.Frame, truths []scene.Truth, analysis string) *Spans {
	var times []time.Duration
	var on []bool
	for _, t := range truths {
		times, on = append(times, at(s, t)), append(on, Moves(t, s.Size(), rules.Area))
	}
	there := Intervals(times, on, rules.Quiet, rules.Least)
	// Nobody can know at the end of a scene whether it stays quiet.
	if n, end := len(there), times[len(times)-1]; n > 0 && end-there[n-1].End < rules.Bridged {
		there[n-1].End = end
	}
	spans := &Spans{Bridged: rules.Bridged}
	spans.Add(Motions(rows, analysis), there, rules.Tolerance)
	return spans
}

// Plus adds up two scores.
func (s Spans) Plus(u Spans) Spans {
	return Spans{s.Tally.Plus(u.Tally), max(s.Bridged, u.Bridged), s.found + u.found, s.there + u.there, s.both + u.both}
}

// Spans adds up cameras on which intervals were found.
type Spans struct {
	Tally
	// Bridged: one found may also hit several at once, if the pauses between them
	// are at most this. Whether a pause was just long enough is no matter of right
	// and wrong.
	Bridged time.Duration

	found, there, both time.Duration
}

// Add matches the intervals found with those that there are, both in order of
// time: one hits another if their beginnings and their ends are no further apart
// than the tolerance.
func (s *Spans) Add(found, there []Interval, tolerance time.Duration) {
	near := func(a, b time.Duration) bool { return max(a-b, b-a) <= tolerance }
	used := make([]bool, len(there))
	hits := func(f Interval) bool {
		for i, first := range there {
			if used[i] || !near(f.Begin, first.Begin) {
				continue
			}
			for j := i; j < len(there) && !used[j] && (j == i || there[j].Begin-there[j-1].End <= s.Bridged); j++ {
				if near(f.End, there[j].End) {
					for k := i; k <= j; k++ {
						used[k] = true
					}
					return true
				}
			}
		}
		return false
	}
	for _, f := range found {
		s.found += f.End - f.Begin
		for _, v := range there {
			s.both += max(0, min(f.End, v.End)-max(f.Begin, v.Begin))
		}
		if hits(f) {
			s.Hits++
		} else {
			s.False++
		}
	}
	for i, v := range there {
		s.there += v.End - v.Begin
		if !used[i] {
			s.Misses++
		}
	}
}

// TimeF1 is the harmonic mean of the part of the time found that is there and the
// part of the time there that was found; 1 if there is none of either.
func (s *Spans) TimeF1() float64 {
	if s.found+s.there == 0 {
		return 1
	}
	return 2 * s.both.Seconds() / (s.found + s.there).Seconds()
}

func (s *Spans) String() string {
	return fmt.Sprintf("%v, by time F1 %.3f", s.Tally, s.TimeF1())
}

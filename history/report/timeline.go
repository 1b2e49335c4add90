package report

import (
	"time"

	"github.com/framebeam/framebeam/history/backtest"
)

// bins of a timeline: as many as can be told apart when it is zoomed.
const bins = 480

// timeline counts a camera's differences over time.
type timeline struct {
	camera string
	backtest.Count
	from  time.Time
	width time.Duration // of a bin
	bins  [bins]bin
}

type bin struct {
	added, removed, other int64
	first                 *shown // if any is shown
}

// newTimeline is a camera's, over the whole time that was compared.
func (r *Report) newTimeline(camera string) *timeline {
	return &timeline{camera: camera, from: r.First, width: (r.span() + bins) / bins}
}

// span is how long a time axis is.
func (r *Report) span() time.Duration { return max(r.Last.Sub(r.First), time.Second) }

// add counts a difference and returns its bin.
func (l *timeline) add(d *backtest.Difference) int {
	i := min(max(0, int(d.Captured().Sub(l.from)/l.width)), bins-1)
	switch b := &l.bins[i]; d.Kind {
	case backtest.Added:
		b.added++
	case backtest.Removed:
		b.removed++
	default:
		b.other++
	}
	return i
}

// shows notes a difference that the page shows, to be linked from its bin.
func (l *timeline) shows(bin int, s *shown) {
	if l.bins[bin].first == nil {
		l.bins[bin].first = s
	}
}

// tick is a mark of the time axis.
type tick struct {
	at    float64 // 0 to 1 of the axis
	label string
	fine  bool // only where the axis is zoomed
}

// steps between marks of a time axis.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 91 * 24 * time.Hour, 182 * 24 * time.Hour, 364 * 24 * time.Hour,
}

// ticks are the marks of an axis of so long a time: at most some six, and four times as
// many where it is zoomed.
func ticks(from time.Time, span time.Duration, zone *time.Location) (all []tick) {
	const coarse, fine = 6, 24
	step, every := steps[len(steps)-1], 1
	for i, s := range steps {
		if span/s <= fine {
			step = s
			for _, large := range steps[i:] {
				if large%s == 0 {
					every = int(large / s)
					if span/large <= coarse {
						break
					}
				}
			}
			break
		}
	}
	layout := "15:04:05"
	switch {
	case step >= 24*time.Hour:
		layout = "2006-01-02"
	case step >= time.Minute && span <= 24*time.Hour:
		layout = "15:04"
	case step >= time.Minute:
		layout = "Jan 2 15:04"
	}
	// Whole steps of the zone's own clock, as it is at the beginning.
	_, offset := from.In(zone).Zone()
	local := from.Add(time.Duration(offset) * time.Second)
	first := local.Truncate(step)
	if first.Before(local) {
		first = first.Add(step)
	}
	for t := first; t.Sub(local) <= span && len(all) < 2*fine; t = t.Add(step) {
		at := from.Add(t.Sub(local))
		n := t.Unix() / int64(step/time.Second)
		all = append(all, tick{float64(t.Sub(local)) / float64(span), at.In(zone).Format(layout), n%int64(every) != 0})
	}
	return all
}

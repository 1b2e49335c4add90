package report

import (
	"fmt"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/page"
)

// timelineView is a timeline as it is drawn: lanes, one above the other.
type timelineView struct {
	Number  int
	Name    string
	Summary string
	Lanes   []laneView
	Ticks   []tickView
}

type laneView struct {
	Name, Class string
	Bars        []barView
}

// barView is a bar. Its place is in percent of the axis, its height in pixels of
// laneHeight, so that zooming stretches the axis and nothing else.
type barView struct {
	X, Width string
	Y, High  int
	Link     int // number of a difference; 0: none
	Says     string
}

type tickView struct {
	X      string
	Label  string
	Anchor string
	Fine   bool
}

const laneHeight = 30

// timelines are those of all cameras and of each that differs.
func (r *Report) timelines() (all []timelineView) {
	axis := r.axis()
	if len(r.Timeline) > 0 && len(r.Cameras) != 1 {
		all = append(all, timelineView{
			Name: "All cameras", Lanes: r.events(r.Timeline), Ticks: axis,
			Summary: fmt.Sprintf("%s before, %s after.", page.Plural(int(r.Sum.Before), "event", "events"), page.Count(r.Sum.After)),
		})
	}
	for _, l := range r.lines {
		v := timelineView{
			Name: l.camera, Ticks: axis,
			Summary: fmt.Sprintf("%s added, %s removed, %s changed, %s moved%s.", page.Count(l.Added), page.Count(l.Removed),
				page.Count(l.Changed), page.Count(l.Moved), l.most(r)),
		}
		v.Lanes = append(r.events(r.Timelines[l.camera]),
			l.lane("Added", "after", func(b *bin) int64 { return b.added }, r),
			l.lane("Removed", "before", func(b *bin) int64 { return b.removed }, r),
			l.lane("Changed, moved", "other", func(b *bin) int64 { return b.other }, r))
		all = append(all, v)
	}
	for i := range all {
		all[i].Number = i + 1
	}
	return all
}

// events are the lanes of all events of both sides, none if they are not known.
func (r *Report) events(buckets []backtest.Bucket) []laneView {
	if len(buckets) == 0 {
		return nil
	}
	span := r.span()
	before, after := laneView{Name: "Before", Class: "all"}, laneView{Name: "After", Class: "all"}
	var most int64
	for _, b := range buckets {
		most = max(most, b.Before, b.After)
	}
	for _, b := range buckets {
		x := share(b.From.Sub(r.First), span)
		width := share(b.From.Add(r.BucketWidth).Sub(r.First), span) - x
		for _, side := range []struct {
			lane *laneView
			n    int64
		}{{&before, b.Before}, {&after, b.After}} {
			if side.n > 0 {
				side.lane.Bars = append(side.lane.Bars, bar(x, width, side.n, most, 0, r.clock(b.From)+": "+page.Plural(int(side.n), "event", "events")))
			}
		}
	}
	return []laneView{before, after}
}

// lane are the bars of one of the numbers of a camera's bins.
func (l *timeline) lane(name, class string, of func(*bin) int64, r *Report) laneView {
	v := laneView{Name: name, Class: class}
	var most int64
	for i := range l.bins {
		most = max(most, l.bins[i].added, l.bins[i].removed, l.bins[i].other)
	}
	for i := range l.bins {
		b := &l.bins[i]
		n := of(b)
		if n == 0 {
			continue
		}
		link := 0
		if b.first != nil {
			link = b.first.number
		}
		v.Bars = append(v.Bars, bar(float64(i)/bins, 1./bins, n, most, link, fmt.Sprintf("%s: %d", r.clock(l.from.Add(time.Duration(i)*l.width)), n)))
	}
	return v
}

// most says when the most differences are, if they are not all apart.
func (l *timeline) most(r *Report) string {
	const few = 4
	best, at := int64(few), 0
	for i := range l.bins {
		if n := l.bins[i].added + l.bins[i].removed + l.bins[i].other; n > best {
			best, at = n, i
		}
	}
	if best == few {
		return ""
	}
	return fmt.Sprintf("; the most at once, %s, at %s", page.Count(best), r.clock(l.from.Add(time.Duration(at)*l.width)))
}

func bar(x, width float64, n, most int64, link int, says string) barView {
	high := max(3, int(float64(n)/float64(most)*(laneHeight-4)))
	return barView{X: percent(x), Width: percent(width), Y: laneHeight - high, High: high, Link: link, Says: says}
}

func share(d, of time.Duration) float64 { return min(1, max(0, float64(d)/float64(of))) }

func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 3, 64) + "%" }

// axis are the marks of the time axis.
func (r *Report) axis() (all []tickView) {
	for _, t := range ticks(r.First, r.span(), r.options.Zone) {
		anchor := "middle"
		switch {
		case t.at < .04:
			anchor = "start"
		case t.at > .96:
			anchor = "end"
		}
		all = append(all, tickView{percent(t.at), t.label, anchor, t.fine})
	}
	return all
}

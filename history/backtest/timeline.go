package backtest

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// timeline counts by buckets of capture time, all of one width: the least power of two of
// seconds of which [MostBuckets] reach from the first to the last.
type timeline struct {
	width   int64 // seconds
	buckets map[int64]*Count
	lo, hi  int64 // of buckets
}

func newTimeline() timeline { return timeline{width: 1, buckets: map[int64]*Count{}} }

// at is the count of the bucket of a capture time in µs.
func (l *timeline) at(captured int64) *Count {
	return l.second(captured / int64(time.Second/time.Microsecond))
}

func (l *timeline) second(s int64) *Count {
	i := s / l.width
	if c := l.buckets[i]; c != nil {
		return c
	}
	lo, hi := i, i
	if len(l.buckets) > 0 {
		lo, hi = min(i, l.lo), max(i, l.hi)
	}
	if hi-lo >= MostBuckets {
		l.widen()
		return l.second(s)
	}
	l.lo, l.hi = lo, hi
	c := &Count{}
	l.buckets[i] = c
	return c
}

// widen doubles the width.
func (l *timeline) widen() {
	old := l.buckets
	l.width, l.buckets, l.lo, l.hi = 2*l.width, map[int64]*Count{}, l.lo/2, l.hi/2
	for i, c := range old {
		to := l.buckets[i/2]
		if to == nil {
			to = &Count{}
			l.buckets[i/2] = to
		}
		to.Add(*c)
	}
}

// add adds another.
func (l *timeline) add(o *timeline) {
	for l.width < o.width {
		l.widen()
	}
	for i, c := range o.buckets {
		l.second(i * o.width).Add(*c)
	}
}

// list is what there is, ascending.
func (l *timeline) list() (all []Bucket, width time.Duration) {
	for _, i := range slices.Sorted(maps.Keys(l.buckets)) {
		all = append(all, Bucket{time.Unix(i*l.width, 0).UTC(), *l.buckets[i]})
	}
	return all, time.Duration(l.width) * time.Second
}

// differs is how many differences it counts.
func (l *timeline) differs() (n int64) {
	for _, c := range l.buckets {
		n += c.Differs()
	}
	return n
}

// worst are the timelines of the cameras that differ most, of that width.
func worst(all map[string]*timeline, width int64) map[string][]Bucket {
	cameras := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(c string) bool { return all[c].differs() == 0 })
	slices.SortStableFunc(cameras, func(a, b string) int { return cmp.Compare(all[b].differs(), all[a].differs()) })
	lists := map[string][]Bucket{}
	for _, c := range cameras[:min(len(cameras), MostTimelines)] {
		l := all[c]
		for l.width < width {
			l.widen()
		}
		lists[c], _ = l.list()
	}
	return lists
}

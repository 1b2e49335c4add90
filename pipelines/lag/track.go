package lag

import (
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// Window is over how long rates are taken: parts of chunks are shown every few seconds, and
// whole ones at once where they are not.
const Window = time.Minute

// Tracker makes lags of positions that it is told again and again. Its zero value is ready.
type Tracker struct {
	seen map[chunk.Partition][]sample // ascending in time; the first is the newest of those older than Window
}

type sample struct {
	at             time.Time
	processed, end int64
}

// Observe takes note of a partition's position at a moment, which ascend, and says its lag.
func (t *Tracker) Observe(now time.Time, p Position) Lag {
	if t.seen == nil {
		t.seen = map[chunk.Partition][]sample{}
	}
	all := t.seen[p.Partition]
	if n := len(all); n > 0 && (p.Processed < all[n-1].processed || p.End < all[n-1].end || now.Before(all[n-1].at)) {
		all = nil // another output or another log
	}
	all = append(all, sample{now, p.Processed, p.End})
	for len(all) > 2 && now.Sub(all[1].at) >= Window {
		all = all[1:]
	}
	t.seen[p.Partition] = all

	l := Lag{Position: p, Seen: now, Rate: -1, Incoming: -1, CatchUp: Unknown}
	if first := all[0]; now.Sub(first.at) > 0 {
		took := now.Sub(first.at).Seconds()
		l.Rate = float64(p.Processed-first.processed) / took
		l.Incoming = float64(p.End-first.end) / took
	}
	l.CatchUp = catchUp(&l)
	return l
}

// catching is how much faster than the log grows a job must be to be said to catch up: what
// is shown comes in lumps, so that a job that keeps up is now a little faster, now slower.
const catching = 1.05

// keepsUp is how far behind by the clock a job may be that just waits for what comes next.
const keepsUp = 10 * time.Second

func catchUp(l *Lag) time.Duration {
	left := float64(l.Frames())
	switch {
	case left == 0:
		return 0
	case l.Rate <= 0:
		return Unknown
	case l.Incoming > 0 && left/l.Incoming <= keepsUp.Seconds() && l.Rate*catching >= l.Incoming:
		return 0 // it is as far as it can be
	case l.Rate <= l.Incoming*catching:
		return Unknown
	}
	return time.Duration(left / (l.Rate - l.Incoming) * float64(time.Second))
}

// Forget forgets partitions that are not among these.
func (t *Tracker) Forget(but []chunk.Partition) {
	keep := make(map[chunk.Partition]bool, len(but))
	for _, p := range but {
		keep[p] = true
	}
	for p := range t.seen {
		if !keep[p] {
			delete(t.seen, p)
		}
	}
}

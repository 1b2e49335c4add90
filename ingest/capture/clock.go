package capture

import "time"

// tick is the resolution of capture times: Kafka's record timestamps are
// milliseconds.
const tick = time.Millisecond

// maxJump is the longest silence that a stream's own timestamps are believed:
// an MPEG transport stream's clock wraps after 26.5 hours, so more is an error.
const maxJump = 24 * time.Hour

// jitter is how far timestamps may go back before they count as set back:
// frames that a decoder returns out of order differ by less.
const jitter = time.Second

// fileClock makes capture times from a stream's timestamps: whole milliseconds,
// each later than the one before, however the timestamps jump or repeat. It
// depends on nothing but them.
//
// Timestamps are followed as long as they go forward. Where one repeats, the
// nominal step is added, and taken back when the timestamps go on. Where they
// are set back, or jump by more than maxJump, time goes on by one step.
type fileClock struct {
	last    time.Time     // last capture time given; zero before the first
	offset  time.Time     // capture time of the stream's timestamp 0
	highest time.Duration // timestamp
	started bool
}

// begin starts another stream: at start, but not before what was given.
// It returns the capture time that the stream's first picture will have.
func (c *fileClock) begin(start time.Time, step time.Duration) time.Time {
	start = start.Truncate(tick)
	if earliest := c.last.Add(max(step.Truncate(tick), tick)); !c.last.IsZero() && start.Before(earliest) {
		start = earliest
	}
	c.offset, c.started = start, false
	return start
}

// at returns the capture time of the next picture.
func (c *fileClock) at(stamp, step time.Duration) time.Time {
	step = max(step, tick)
	switch {
	case !c.started:
		c.started, c.highest = true, stamp
		c.offset = c.offset.Add(-stamp)
		c.last = c.offset.Add(stamp)
		return c.last
	case stamp < c.highest-jitter || stamp > c.highest+maxJump:
		c.offset = c.last.Add(step - stamp)
		c.highest = stamp
	}
	t := c.offset.Add(stamp)
	if stamp == c.highest && !t.After(c.last) {
		t = c.last.Add(step)
	}
	c.highest = max(c.highest, stamp)
	t = t.Truncate(tick)
	if earliest := c.last.Add(tick); t.Before(earliest) {
		t = earliest
	}
	c.last = t
	return t
}

// liveClock makes capture times from the wall clock: whole milliseconds, each
// later than the one before, also when the clock is set back.
type liveClock struct{ last time.Time }

func (c *liveClock) at(now time.Time) time.Time {
	t := now.UTC().Truncate(tick)
	if earliest := c.last.Add(tick); !c.last.IsZero() && t.Before(earliest) {
		t = earliest
	}
	c.last = t
	return t
}

// limiter lets so many frames a second pass, evenly, by capture time.
type limiter struct {
	interval time.Duration // 0: all pass
	due      time.Time     // when the next may pass
}

func newLimiter(fps float64) limiter {
	if fps == 0 {
		return limiter{}
	}
	return limiter{interval: time.Duration(float64(time.Second) / fps)}
}

// pass reports whether a frame at t passes, of a source whose frames are
// nominally step apart.
func (l *limiter) pass(t time.Time, step time.Duration) bool {
	if l.interval == 0 {
		return true
	}
	// The frame nearest to when one is due passes, even if it is early: else a
	// source of just the wanted rate whose times are rounded would lose every
	// other frame. What comes early does not bring the next one forward.
	if !l.due.IsZero() && t.Before(l.due.Add(-min(step, l.interval)/2)) {
		return false
	}
	next := l.due.Add(l.interval)
	if l.due.IsZero() || next.Before(t) {
		next = t.Add(l.interval)
	}
	l.due = next
	return true
}

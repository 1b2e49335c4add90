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
	first   time.Time // capture time given
}

// floor makes times go on after last, if that is not long past.
func (c *fileClock) floor(last time.Time) {
	if last.After(c.last) {
		c.last = last
	}
}

// sinceFirst is how long after the first capture time t is.
func (c *fileClock) sinceFirst(t time.Time) time.Duration {
	if c.first.IsZero() {
		c.first = t
	}
	return t.Sub(c.first)
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

// maxStep is how far the wall clock may stray from the other within an epoch before
// it counts as set.
const maxStep = time.Second

// liveClock makes capture times of a live source: whole milliseconds, each later
// than the one before in its epoch. An epoch begins at the wall clock's time, and
// within it the clock counts that cannot be set: else a wall clock that is set back
// would press minutes into milliseconds, and one set forward tear a hole. Where the
// two come apart by more than maxStep, another epoch has to begin.
type liveClock struct {
	last   time.Time // given; zero before the first
	base   time.Time // the epoch's begin
	began  time.Duration
	offset time.Time // wall clock where the other is 0
}

// floor makes times go on after last, if that is not long past.
func (c *liveClock) floor(last time.Time) {
	if last.After(c.last) {
		c.last = last
	}
}

// begin begins an epoch and returns its first time.
func (c *liveClock) begin(now moment) time.Time {
	c.base = now.wall.UTC().Truncate(tick)
	// A clock that was set back says so in its times. But what it strayed within
	// the bound is no reason for the times of two epochs to overlap.
	if ahead := c.last.Sub(c.base); !c.last.IsZero() && ahead >= 0 && ahead <= maxStep {
		c.base = c.last.Add(tick)
	}
	c.began, c.offset, c.last = now.mono, now.wall.Add(-now.mono), time.Time{}
	return c.base
}

// stepped returns by how much the wall clock was set since the epoch began, 0 if
// that is within the bound.
func (c *liveClock) stepped(now moment) time.Duration {
	if by := now.wall.Add(-now.mono).Sub(c.offset); by.Abs() > maxStep {
		return by
	}
	return 0
}

func (c *liveClock) at(now moment) time.Time {
	t := c.base.Add(max(now.mono-c.began, 0)).Truncate(tick) // what was read ahead is a little older
	if earliest := c.last.Add(tick); !c.last.IsZero() && t.Before(earliest) {
		t = earliest
	}
	c.last = t
	return t
}

// limiter lets so many frames a second pass, evenly: of files by capture time, of
// live sources by the clock that cannot be set.
type limiter struct {
	interval time.Duration // 0: all pass
	due      time.Duration // when the next may pass
	begun    bool
}

func (l *limiter) setRate(fps float64) {
	l.interval = 0
	if fps != 0 {
		l.interval = time.Duration(float64(time.Second) / fps)
	}
}

// pass reports whether a frame at t passes, of a source whose frames are
// nominally step apart.
func (l *limiter) pass(t, step time.Duration) bool {
	if l.interval == 0 {
		return true
	}
	// The frame nearest to when one is due passes, even if it is early: else a
	// source of just the wanted rate whose times are rounded would lose every
	// other frame. What comes early does not bring the next one forward.
	if l.begun && t < l.due-min(step, l.interval)/2 {
		return false
	}
	next := l.due + l.interval
	if !l.begun || next < t {
		next = t + l.interval
	}
	l.begun, l.due = true, next
	return true
}

package element

import "sync"

// Pace is the credit of this process, for engines that run all stages in it and do not
// push back on a source. One job at a time may be paced: the source forgets what an
// earlier one left under way.
//
// The source takes credit for records: the sum of len(Record.Value) over the records of
// every run. Whoever lets go of their pixels releases it. That is the sum of the Bytes of
// their results, so stages behind the per-frame one need not have seen the records: the
// sequence stage releases a run of Frames when it takes it (or drops it), the per-frame
// stage those of Stray runs. Save and Clear runs took none.
var Pace Credit

// Credit bounds the bytes that are under way between the source and whoever
// releases them. Nobody ever waits in it: an engine delivers nothing downstream
// before the source's bundle has ended, so waiting there would be for ever. The zero
// value has no limit.
type Credit struct {
	mu    sync.Mutex
	limit int64 // 0: unlimited
	out   int64 // bytes under way
}

// Reset forgets what is under way.
func (c *Credit) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = 0
}

// SetLimit sets how many bytes may be under way; 0: any number, and none are counted.
func (c *Credit) SetLimit(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
}

// UnderWay is how many bytes are.
func (c *Credit) UnderWay() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out
}

// Take grants up to want bytes, and none if fewer than least are left. When
// nothing is under way it always grants something.
func (c *Credit) Take(want, least int64) (granted int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.limit - c.out
	switch {
	case c.limit == 0:
		return want
	case c.out == 0 || left >= least:
		granted = max(1, min(want, left))
		c.out += granted
	}
	return granted
}

// Grow raises a grant of held bytes to n, if the credit has room or if nothing
// else is under way: so a record larger than all credit passes too, alone.
func (c *Credit) Grow(held, n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit == 0 {
		return true
	}
	if c.out+n-held > c.limit && c.out > held {
		return false
	}
	c.out += n - held
	return true
}

// Release gives n bytes back. Without a limit it does nothing.
func (c *Credit) Release(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 {
		c.out = max(0, c.out-n)
	}
}

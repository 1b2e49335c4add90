package kafkasource

import "sync"

// pace is the credit of this process. One job at a time may be paced in it:
// [Read] forgets what an earlier one left under way.
var pace credit

// Release gives back credit that the source took for records: call it with the
// sum of len(Record.Value) over the records of every run, once their pixels are
// no longer held. That is the sum of the Bytes of their results, so stages behind
// the per-frame one need not have seen the records: the sequence stage releases a
// run of Frames when it takes it (or drops it), the per-frame stage those of
// Stray runs. Save and Clear runs took none. Without Config.Credit it does nothing.
func Release(bytes int64) { pace.release(bytes) }

// credit bounds the bytes that are under way between the source and whoever
// releases them. Nobody ever waits in it: an engine delivers nothing downstream
// before the source's bundle has ended, so waiting there would be for ever.
type credit struct {
	mu    sync.Mutex
	limit int64 // 0: unlimited
	out   int64 // bytes under way
}

// reset forgets what is under way.
func (c *credit) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = 0
}

func (c *credit) setLimit(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
}

// take grants up to want bytes, and none if fewer than least are left. When
// nothing is under way it always grants something.
func (c *credit) take(want, least int64) (granted int64) {
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

// grow raises a grant of held bytes to n, if the credit has room or if nothing
// else is under way: so a record larger than all credit passes too, alone.
func (c *credit) grow(held, n int64) bool {
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

func (c *credit) release(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 {
		c.out = max(0, c.out-n)
	}
}

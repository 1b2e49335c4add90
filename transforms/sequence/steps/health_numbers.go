package steps

import (
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Source takes what the collector says of the source: a signal is lost at once then, and
// not only when frames come again.
func (m *healthMemory) Source(state frame.SourceState, out *result.Frame) {
	at := out.Captured * int64(time.Microsecond)
	switch state {
	case frame.SourceLost, frame.SourceFailed:
		if !m.step.Signal.On || m.lost != 0 {
			return
		}
		m.lost = max(1, at)
		without := int64(0)
		e := sequence.NewEvent(m.step, out, result.EventSignalLoss, result.Begin)
		if m.width != 0 {
			without, e.Snapshot = max(0, at-m.last), m.offset
		}
		e.Value, e.Detail = result.Number(secondsOf(without)), out.Detail
		out.Events = append(out.Events, e)
	case frame.SourceStarted, frame.SourceBack:
		// Mostly a frame has come before and ended it. Where none could be read, the time
		// from here to the next one is what counts.
		if m.lost != 0 {
			m.found(out, at)
			m.last = max(m.last, at)
		}
	}
}

// found ends the loss that the collector told of, if there is one: at is a time at which
// there is a signal again.
func (m *healthMemory) found(out *result.Frame, at int64) {
	if m.lost == 0 {
		return
	}
	from := m.lost
	if m.width != 0 {
		from = min(from, m.last)
	}
	e := sequence.NewEvent(m.step, out, result.EventSignalLoss, result.End)
	e.Value, e.Detail = result.Number(secondsOf(max(0, at-from))), fmt.Sprintf("%.3f s without frames", secondsOf(max(0, at-from)))
	if m.reopened {
		e.Detail += ", then a new epoch"
	}
	if out.Status.OfSource() && m.width != 0 { // it shows nothing itself
		e.Snapshot = m.offset
	}
	out.Events = append(out.Events, e)
	m.lost = 0
}

// signal tells of a time without frames of which the collector said nothing.
func (m *healthMemory) signal(out *result.Frame, elapsed int64) {
	defer func() {
		// A median of a kind: up or down by an eighth.
		switch step := max(1, m.interval/8); {
		case m.interval == 0:
			m.interval = elapsed
		case elapsed > m.interval:
			m.interval = min(elapsed, m.interval+step)
		default:
			m.interval = max(elapsed, m.interval-step)
		}
	}()
	if !m.step.Signal.On || m.lost != 0 || elapsed <= int64(m.step.Signal.After) || m.interval == 0 || elapsed/5 <= m.interval {
		return
	}
	for _, transition := range []string{result.Begin, result.End} {
		e := sequence.NewEvent(m.step, out, result.EventSignalLoss, transition)
		e.Value, e.Detail = result.Number(secondsOf(elapsed)), fmt.Sprintf("%.3f s without frames", secondsOf(elapsed))
		if m.reopened {
			e.Detail += ", then a new epoch"
		}
		if transition == result.Begin {
			e.Snapshot = m.offset
		}
		out.Events = append(out.Events, e)
	}
}

// counts are the frames that came and that are missing, by times.
type counts struct {
	slot          int64 // the last
	came, missing [slots]int64
}

const (
	slots = 8
	// mostMissing bounds what one gap counts for.
	mostMissing = 1 << 20
	// leastFrames is how many frames a share is of at least.
	leastFrames = 20
)

// at turns to the slot of a time.
func (c *counts) at(slot int64) int {
	if slot < c.slot || slot >= c.slot+slots {
		*c = counts{slot: slot}
	}
	for c.slot < slot {
		c.slot++
		c.came[c.slot%slots], c.missing[c.slot%slots] = 0, 0
	}
	return int(slot % slots)
}

func (m *healthMemory) missing(out *result.Frame, at, sequence int64) {
	cfg := &m.step.Missing
	if !cfg.On || sequence < 0 {
		return
	}
	i := m.counts.at(max(0, at) / max(1, int64(cfg.Window)/slots))
	m.counts.came[i]++
	if m.sequence >= 0 {
		m.counts.missing[i] += min(max(0, sequence-m.sequence-1), mostMissing)
	}
	var came, missing int64
	for i := range slots {
		came += m.counts.came[i]
		missing += m.counts.missing[i]
	}
	if came+missing < leastFrames {
		return
	}
	share := float64(missing) / float64(came+missing)
	ripe, ended := m.alarms[missingAlarm].see(judge(share >= cfg.Share, share < cfg.Share/2), at, 0, 0)
	if ripe {
		m.begin(out, missingAlarm, share, "%d of %d frames are missing", missing, came+missing)
	} else if ended {
		m.end(out, missingAlarm, at, "")
	}
}

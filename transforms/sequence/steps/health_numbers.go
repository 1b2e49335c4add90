package steps

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// signal tells of a time without frames.
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
	if !m.step.Signal.On || elapsed <= int64(m.step.Signal.After) || m.interval == 0 || elapsed/5 <= m.interval {
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

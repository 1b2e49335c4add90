package steps

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// activityEvent is what moves, or moved last.
type activityEvent struct {
	phase         phase
	begin, last   int64 // ms since 1970 of its first and last motion
	frames, moved int64 // frames until it was confirmed, and those with motion
	peak          int64 // most cells that moved
	peakAt        int64 // offset of that frame
}

// phase of an event. The numbers are part of saved states.
type phase uint8

const (
	nothingMoves phase = iota
	unconfirmed
	confirmed
)

// ended is why an event ends although nothing was seen to be quiet. The numbers
// are part of saved states.
type ended uint8

const (
	notEnded ended = iota
	endedByEpoch
	endedBySilence
)

func (e ended) String() string {
	return [...]string{"", ", ended by a new epoch", ", ended by a silence"}[e]
}

// judge follows the event.
func (m *activityMemory) judge(at, moved int64, out *result.Frame) {
	e := &m.event
	if moved == 0 {
		if e.phase == unconfirmed {
			if e.frames++; at-e.last > min(activityPause, m.step.quiet) {
				*e = activityEvent{}
			}
		}
		if e.phase == confirmed && at-e.last >= m.step.quiet {
			m.end(out, "")
		}
		return
	}
	if e.phase == confirmed && m.step.maxDuration > 0 && at-e.begin >= m.step.maxDuration {
		e.last = at
		m.end(out, ", split")
	}
	if e.phase == nothingMoves {
		*e = activityEvent{phase: unconfirmed, begin: at, last: at}
	}
	e.last = max(e.last, at)
	if moved > e.peak {
		e.peak, e.peakAt = moved, out.Offset
	}
	if e.phase == confirmed {
		return
	}
	e.frames++
	e.moved++
	if at-e.begin >= m.step.minDuration && 2*e.moved >= e.frames {
		e.phase = confirmed
		ev := m.newEvent(out, result.Begin)
		ev.Value = result.Number(seconds(1000 * (at - e.begin)))
		ev.Detail = "since " + clock(e.begin)
		out.Events = append(out.Events, ev)
	}
}

// end ends the event.
func (m *activityMemory) end(out *result.Frame, why string) {
	e := &m.event
	peak, end := m.newEvent(out, result.Peak), m.newEvent(out, result.End)
	if m.width > 0 { // grid may not be made yet
		peak.Value = result.Number(float64(e.peak) / float64(cellsOf(m.width, m.height, activityCells).count()))
	}
	peak.Detail = fmt.Sprintf("%.1f %% of the picture", 100*peak.Value)
	end.Value = result.Number(seconds(1000 * (e.last - e.begin)))
	end.Detail = fmt.Sprintf("%s to %s%s", clock(e.begin), clock(e.last), why)
	out.Events = append(out.Events, peak, end)
	*e = activityEvent{}
}

func (m *activityMemory) newEvent(out *result.Frame, transition string) result.Event {
	e := sequence.NewEvent(m.step, out, result.EventMotion, transition)
	e.Rule, e.Snapshot = m.step.rule, m.event.peakAt
	return e
}

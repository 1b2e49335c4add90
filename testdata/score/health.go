// Package score measures what analyses find against the exact ground truth of
// generated scenes.
package score

import (
	"fmt"
	"strings"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/result"
)

// Health is how faults of one kind were found.
type Health struct {
	Event string // its type
	// Faults are those that last for at least as long as they may take to be found.
	Faults   int
	Found    int // in time
	Late     int // found while they lasted, but not in time
	Missed   int // not found
	Stuck    int // found, and not ended in time after they had ended
	Invented int // events that begin where there is no such fault
}

// HealthRun is a scene as it was analysed.
type HealthRun struct {
	FPS   float64
	Truth []scene.Truth
	// Events are those of each frame of Truth; none of a dropped one.
	Events [][]result.Event
}

// HealthWithin is how many seconds a fault may take to be found.
const HealthWithin = 2.0

// is says of a frame whether a fault is there that must be found, and whether
// there is reason to report it.
type is func(t *scene.Truth) (must, may bool)

// lit is light by which a picture can be judged.
func lit(t *scene.Truth) bool { return t.Light >= 40 && t.Light <= 200 && !t.Covered }

// healthFaults are the faults in the order of the table. Some light lies between
// good and bad: an event is right there, and none is too.
var healthFaults = []struct {
	event string
	is    is
}{
	{result.EventFrozen, func(t *scene.Truth) (bool, bool) { return t.Frozen, t.Frozen }},
	{result.EventTooDark, func(t *scene.Truth) (bool, bool) {
		return t.Light <= 15 && !t.Infrared, t.Light < 40 || t.Covered
	}},
	{result.EventTooBright, func(t *scene.Truth) (bool, bool) {
		return t.Light >= 300 && !t.Covered && !t.Infrared, t.Light > 160
	}},
	{result.EventTooBlurry, func(t *scene.Truth) (bool, bool) {
		return t.Blur > 0 && lit(t) && t.MovedX == 0, t.Blur > 0
	}},
	{result.EventCovered, func(t *scene.Truth) (bool, bool) { return t.Covered, t.Covered || t.Light <= 3 }},
	{result.EventSceneChange, func(t *scene.Truth) (bool, bool) {
		return t.MovedX != 0 && lit(t) && t.Blur == 0, t.MovedX != 0
	}},
	{result.EventSignalLoss, func(t *scene.Truth) (bool, bool) { return t.Lost, t.Dropped }},
	// The rate is over a window: reason is wherever frames are dropped.
	{result.EventMissingRate, func(t *scene.Truth) (bool, bool) { return false, t.Dropped }},
}

// ScoreHealth scores a run, one line for each kind of fault.
func ScoreHealth(run HealthRun) []Health {
	within := int(HealthWithin*run.FPS + 0.5)
	lines := make([]Health, len(healthFaults))
	for k, kind := range healthFaults {
		lines[k] = scoreOf(kind.event, kind.is, run, within)
		lines[k].Event = kind.event
	}
	return lines
}

func scoreOf(event string, is is, run HealthRun, within int) (h Health) {
	n := len(run.Truth)
	begins, ends := make([]bool, n), make([]bool, n)
	for i, events := range run.Events {
		for _, e := range events {
			if e.Type == event {
				begins[i] = begins[i] || e.Transition == result.Begin
				ends[i] = ends[i] || e.Transition == result.End
			}
		}
	}
	any := func(b []bool, from, to int) bool {
		for i := max(0, from); i < min(to, n); i++ {
			if b[i] {
				return true
			}
		}
		return false
	}
	reason := make([]bool, n)
	for i := range run.Truth {
		_, reason[i] = is(&run.Truth[i])
	}
	memory := within
	if event == result.EventMissingRate {
		memory *= 10
	}
	for i := range begins {
		if begins[i] && !any(reason, i-memory, i+1) {
			h.Invented++
		}
	}
	for i := 0; i < n; {
		from := i
		for i < n {
			if must, _ := is(&run.Truth[i]); !must {
				break
			}
			i++
		}
		to := i
		if from == to {
			i++
			continue
		}
		if to-from <= within || to == n {
			continue
		}
		h.Faults++
		first := from
		if event == result.EventSignalLoss {
			first = to // nobody can know before
		}
		switch {
		case any(begins, first, first+within+1):
			h.Found++
		case any(begins, first, to+within+1):
			h.Late++
		default:
			h.Missed++
			continue
		}
		// A new view may have been accepted long before.
		if to+within < n && !any(reason, to, to+within+1) && !any(ends, first, to+within+1) {
			h.Stuck++
		}
	}
	return h
}

// AddHealth adds up scores of several runs.
func AddHealth(a, b []Health) []Health {
	if a == nil {
		a = make([]Health, len(b))
	}
	for i := range b {
		a[i] = Health{
			b[i].Event, a[i].Faults + b[i].Faults, a[i].Found + b[i].Found, a[i].Late + b[i].Late,
			a[i].Missed + b[i].Missed, a[i].Stuck + b[i].Stuck, a[i].Invented + b[i].Invented,
		}
	}
	return a
}

// HealthTable is scores as a Markdown table.
func HealthTable(lines []Health) string {
	var b strings.Builder
	b.WriteString("| fault | there | found within 2 s | late | missed | not ended in time | invented |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, h := range lines {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n", h.Event, h.Faults, h.Found, h.Late, h.Missed, h.Stuck, h.Invented)
	}
	return b.String()
}

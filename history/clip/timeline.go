package clip

import (
	"time"

	"github.com/framebeam/framebeam/transforms/result"
)

// Gap is a stretch without frames, in which a film holds the picture before it.
type Gap struct {
	After  time.Time // of the frame before it
	Length time.Duration
	// Missing is how many frames were captured in it, as their numbers say; 0: none, or it
	// is not known.
	Missing int64
}

// timeline gives frames their times in a film: those between their captures. Where a clock
// was set back, or stood still, a frame comes a step after the one before.
type timeline struct {
	at    time.Duration // of the last frame
	step  time.Duration // between frames, when it was last usual; 0: not known yet
	last  result.Frame
	begun bool
}

const (
	// defaultStep is that of frames of which nothing is known.
	defaultStep = 100 * time.Millisecond
	// leastGap is what else no longer counts as usual, if it is also three times as long.
	leastGap = time.Second
)

// next is the frame's time in the film, whether an epoch begins with it, and the gap before
// it, if there is one.
func (t *timeline) next(row *result.Frame) (at time.Duration, fresh bool, gap *Gap) {
	defer func() {
		t.last, t.begun = result.Frame{Captured: row.Captured, Timestamp: row.Timestamp, Epoch: row.Epoch, Sequence: row.Sequence}, true
	}()
	if !t.begun {
		return 0, true, nil
	}
	fresh = row.Epoch != t.last.Epoch
	passed := row.At().Sub(t.last.At())
	var missing int64
	if !fresh && row.Sequence >= 0 && t.last.Sequence >= 0 {
		missing = max(0, row.Sequence-t.last.Sequence-1)
	}
	switch usual := t.usual(); {
	case passed < time.Microsecond:
		passed = usual
	case missing > 0 || passed > leastGap && passed > 3*usual && t.step != 0:
		gap = &Gap{After: t.last.At(), Length: passed, Missing: missing}
	default:
		t.step = passed
	}
	t.at += passed
	return t.at, fresh, gap
}

func (t *timeline) usual() time.Duration {
	if t.step == 0 {
		return defaultStep
	}
	return t.step
}

// end is until when the last frame is shown: as long as is usual.
func (t *timeline) end() time.Duration {
	if t.step == 0 {
		return t.at + time.Second
	}
	return t.at + min(t.step, 5*time.Second)
}

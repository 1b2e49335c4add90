package capture

import "time"

// moment is one reading of the two clocks. They are apart, since the wall clock
// may be set and the other cannot.
type moment struct {
	wall time.Time
	mono time.Duration // since some moment of this process's past, never set
}

// clock reads the clocks.
type clock func() moment

var started = time.Now()

func systemClock() moment {
	now := time.Now()
	return moment{wall: now.Round(0).Add(wallOffset()), mono: now.Sub(started)}
}

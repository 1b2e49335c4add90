package backtest

import "time"

// Options are how results are compared.
type Options struct {
	// Window is within which capture time an event counts as moved; default 2 s.
	Window time.Duration
	// Detections counts those of every camera and analysis too.
	Detections bool
}

// DefaultWindow is that of [Options].
const DefaultWindow = 2 * time.Second

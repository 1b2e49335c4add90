package result

import (
	"fmt"
	"strings"
	"time"
)

// Details of the sequence stage's events that have a number, which stands nowhere else.
const (
	MissingDetail = "%d frames before sequence %d"
	SilenceDetail = "%v without frames"
)

// Missing is how many frames an [EventFramesMissing] says are missing; 0 of other events.
func (e *Event) Missing() int64 {
	var n, sequence int64
	if e.Type != EventFramesMissing || e.Analysis != OfStage {
		return 0
	}
	if _, err := fmt.Sscanf(e.Detail, MissingDetail, &n, &sequence); err != nil || n < 0 {
		return 0
	}
	return n
}

// Silence is how long there was no frame before that of an [EventSilence]; 0 of other events.
func (e *Event) Silence() time.Duration {
	text, rest, _ := strings.Cut(e.Detail, " ")
	if e.Type != EventSilence || e.Analysis != OfStage || "%v "+rest != SilenceDetail {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return max(0, d)
}

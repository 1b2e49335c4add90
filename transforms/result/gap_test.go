package result_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/result"
)

func TestNumbersInDetailsAreFoundAgain(t *testing.T) {
	stage := func(typ, detail string) result.Event {
		return result.Event{Analysis: result.OfStage, Type: typ, Detail: detail}
	}
	for _, c := range []struct {
		e       result.Event
		missing int64
		silence time.Duration
	}{
		{stage(result.EventFramesMissing, fmt.Sprintf(result.MissingDetail, 12, 345)), 12, 0},
		{stage(result.EventSilence, fmt.Sprintf(result.SilenceDetail, 90*time.Minute+time.Millisecond)), 0, 90*time.Minute + time.Millisecond},
		{stage(result.EventSilence, "-3s without frames"), 0, 0},
		{stage(result.EventFramesMissing, "-3 frames before sequence 7"), 0, 0},
		{stage(result.EventEpochStarted, "12 frames before sequence 345"), 0, 0},
		{result.Event{Analysis: "pipes/x", Type: result.EventFramesMissing, Detail: "12 frames before sequence 345"}, 0, 0},
	} {
		if c.e.Missing() != c.missing || c.e.Silence() != c.silence {
			t.Errorf("%+v: %d, %v", c.e, c.e.Missing(), c.e.Silence())
		}
	}
}

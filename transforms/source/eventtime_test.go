package source

import (
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func TestTheWatermarkNeverGoesBack(t *testing.T) {
	w := newWatermark(7)
	w.advance(9)
	w.advance(8)
	if got := w.CurrentWatermark(); !got.Equal(time.UnixMilli(9)) || w.position.Load() != 9 {
		t.Error(got)
	}
}

func TestEventTimesOfThePositionsThatThereAreKeepTheirOrder(t *testing.T) {
	for p := int64(1); p < 2*chunk.MaxOffset; p = p*7/2 + 1 {
		if a, b := eventTime(p).ToTime(), eventTime(p+1).ToTime(); !a.Before(b) {
			t.Fatalf("%v is not before %v", a, b)
		}
	}
}

package clip

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/result"
)

func TestTimesOfAFilmAscendAndAreThoseBetweenCaptures(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		// µs, also back and not at all.
		steps := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(-5_000_000, 5_000_000), rapid.Int64Range(0, 3), rapid.Just(int64(40_000))), 0, 60).Draw(r, "steps")
		var line timeline
		captured, was := int64(1_700_000_000_000_000), time.Duration(0)
		if at, fresh, gap := line.next(&result.Frame{Captured: captured, Epoch: "e", Sequence: 0}); at != 0 || !fresh || gap != nil {
			r.Fatalf("the first is at %v, %v, %v", at, fresh, gap)
		}
		for i, step := range steps {
			captured += step
			at, fresh, gap := line.next(&result.Frame{Captured: captured, Epoch: "e", Sequence: int64(i + 1)})
			switch {
			case fresh:
				r.Fatal("an epoch begins")
			case at <= was:
				r.Fatalf("%v comes after %v", at, was)
			case step > 0 && at-was != time.Duration(step)*time.Microsecond:
				r.Fatalf("%v after one that was captured %d µs before", at-was, step)
			case gap != nil && (step <= leastGap.Microseconds() || gap.Length != at-was || gap.After.UnixMicro() != captured-step):
				r.Fatalf("no gap: %+v", gap)
			}
			was = at
		}
		if line.end() <= was {
			r.Fatal("the last frame is not shown")
		}
	})
}

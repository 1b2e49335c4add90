package cameras

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
)

var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func TestPicturesThatWaitForResultsAreKeptEvenlyFromTheOldestToTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(mostShots, 200).Draw(t, "pictures")
		c := &camera{}
		at := noon
		for i := range n {
			at = at.Add(rapid.SampledFrom([]time.Duration{time.Second, 1100 * time.Millisecond}).Draw(t, "step"))
			c.add(&shot{Offset: int64(i), Captured: at, partition: chunk.Partition{Topic: "frames"}})
		}
		if len(c.shots) != mostShots || c.shots[0].Offset != 0 || c.shots[mostShots-1].Offset != int64(n-1) {
			t.Fatalf("%d pictures, from %d to %d of %d", len(c.shots), c.shots[0].Offset, c.shots[len(c.shots)-1].Offset, n)
		}
		// Twice the mean, and what the steps differ by.
		most := 2 * time.Duration(n) * 1100 * time.Millisecond / (mostShots - 1)
		for i := 1; i < mostShots; i++ {
			if gap := c.shots[i].Captured.Sub(c.shots[i-1].Captured); gap > most {
				t.Fatalf("%v without a picture, of %d", gap, n)
			}
		}
	})
}

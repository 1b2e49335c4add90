package report

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFairDealsOutAllThatFitsOneToEachInTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 10).Draw(t, "sizes")
		room := rapid.IntRange(0, 100).Draw(t, "room")
		quotas := fair(sizes, room)
		if got, want := sum(quotas), min(room, sum(sizes)); got != want {
			t.Fatalf("%d dealt out, want %d", got, want)
		}
		for i, q := range quotas {
			if q > sizes[i] {
				t.Fatalf("%d is more than there is: %d", q, sizes[i])
			}
			for j, other := range quotas {
				if other < sizes[j] && q > other+1 {
					t.Fatalf("%d got %d while %d, with %d, got %d", i, q, j, sizes[j], other)
				}
			}
		}
	})
}

func TestAnAxisHasAFewMarksAtWholeTimes(t *testing.T) {
	berlin := time.FixedZone("", 2*3600)
	rapid.Check(t, func(t *rapid.T) {
		from := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "from")).UTC()
		span := time.Duration(rapid.Int64Range(int64(time.Second), int64(3*365*24*time.Hour)).Draw(t, "span"))
		coarse, last := 0, -1.
		all := ticks(from, span, berlin)
		for _, m := range all {
			if m.at < 0 || m.at > 1 || m.at <= last {
				t.Fatalf("marks at %v after %v", m.at, last)
			}
			last = m.at
			if !m.fine {
				coarse++
			}
		}
		if coarse > 8 || len(all) > 26 || span > time.Minute && len(all) < 4 {
			t.Fatalf("%d marks, %d of them coarse, of %v", len(all), coarse, span)
		}
	})
}

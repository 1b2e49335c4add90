package capture

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestFileTimesFollowTheStreamsTimestamps(t *testing.T) {
	start := time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	ms := func(list ...int) (out []time.Duration) {
		for _, n := range list {
			out = append(out, time.Duration(n)*time.Millisecond)
		}
		return out
	}
	const day = 24 * 3600 * 1000
	for _, tc := range []struct {
		name         string
		stamps, want []time.Duration
	}{
		{"regular timestamps are kept", ms(0, 100, 200), ms(0, 100, 200)},
		{"the first picture is at the start whatever its timestamp", ms(41, 83, 125), ms(0, 42, 84)},
		{"a variable rate is kept", ms(0, 733, 1133, 1600), ms(0, 733, 1133, 1600)},
		{"a silence is kept", ms(0, 100, 3600100), ms(0, 100, 3600100)},
		{"a silence of more than a day is an error of the clock", ms(0, 100, day+200, day+300), ms(0, 100, 200, 300)},
		{"a repeat takes a step, which is taken back", ms(0, 0, 100, 200, 300), ms(0, 100, 101, 200, 300)},
		{"no timestamps at all give steps", ms(0, 0, 0, 0), ms(0, 100, 200, 300)},
		{"a clock set back goes on by a step", ms(5000, 5100, 0, 100), ms(0, 100, 200, 300)},
		{"pictures out of order stay in the order they came in", ms(0, 200, 100, 300), ms(0, 200, 201, 300)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c fileClock
			c.begin(start, 0)
			for i, s := range tc.stamps {
				if got := c.at(s, 100*time.Millisecond).Sub(start); got != tc.want[i] {
					t.Errorf("picture %d at %v: got %v, want %v", i, s, got, tc.want[i])
				}
			}
		})
	}
}

func TestFileTimesAlwaysGoForwardInMilliseconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c fileClock
		var last time.Time
		base := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		stamp := rapid.OneOf(
			rapid.Int64Range(0, int64(10*time.Second)),
			rapid.Int64Range(-int64(100*time.Hour), int64(100*time.Hour)),
			rapid.SampledFrom([]int64{0, 1e18, -1e18, int64(40 * time.Millisecond)}),
		)
		for range rapid.IntRange(1, 4).Draw(t, "streams") {
			step := time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "step"))
			start := base.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "start")))
			promised := c.begin(start, step)
			for i, s := range rapid.SliceOfN(stamp, 1, 30).Draw(t, "stamps") {
				at := c.at(time.Duration(s), step)
				if i == 0 && !at.Equal(promised) {
					t.Fatalf("the stream begins at %v, not at %v", at, promised)
				}
				if !at.After(last) || at.Nanosecond()%1e6 != 0 {
					t.Fatalf("%v after %v", at, last)
				}
				if i > 0 && at.Sub(last) > maxJump+step+tick {
					t.Fatalf("%v is a jump from %v", at, last)
				}
				last = at
			}
		}
	})
}

func TestTheLimitHoldsAndDoesNotStarve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fps := rapid.Float64Range(0.5, 60).Draw(t, "limit")
		source := rapid.Float64Range(0.5, 120).Draw(t, "source")
		const seconds = 60
		var l limiter
		l.setRate(fps)
		passed := 0
		n := int(source * seconds)
		for i := range n {
			at := time.Duration(float64(i) / source * 1e9).Truncate(tick)
			if l.pass(at, time.Duration(1e9/source)) {
				passed++
			}
		}
		want := min(fps, source) * seconds
		if float64(passed) > fps*seconds+2 {
			t.Fatalf("%d of %d passed, limit %.3f/s", passed, n, fps)
		}
		// Where the source is not a multiple of the limit, some frames come too
		// early and some are late: never less than two thirds of what is wanted.
		if float64(passed) < want*0.66-2 {
			t.Fatalf("only %d of %d passed, limit %.3f/s", passed, n, fps)
		}
	})
}

func TestASourceOfJustTheLimitLosesNothing(t *testing.T) {
	for _, fps := range []float64{5, 10, 23.976, 25, 29.97, 30, 60} {
		var l limiter
		l.setRate(fps)
		for i := range 1000 {
			if !l.pass(time.Duration(float64(i)/fps*1e9).Truncate(tick), time.Duration(1e9/fps)) {
				t.Errorf("%v fps: frame %d is left out", fps, i)
				break
			}
		}
	}
}

func TestEpochsOfLiveSourcesAreKnownByTheirNames(t *testing.T) {
	if name := liveEpoch(time.Now()); !frame.LiveEpoch(name) {
		t.Error(name)
	}
	cfg := files(config.Video, "x")
	if name := fileEpoch("x", time.Now(), 0, Salt(), &cfg); frame.LiveEpoch(name) {
		t.Error(name)
	}
}

package main

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// calm is an hour in which nothing happens but what the layout says.
var calm = simulation{seed: 1, length: time.Hour, outageAt: 15 * time.Minute, cameraDown: time.Minute}

func TestWithoutJitterAndOutagesNothingLags(t *testing.T) {
	l := plan(t, "--cameras=100 --outage=0s")
	out := simulate(&l, calm)
	if most := slices.Max(out.lagMax); most > 1 {
		t.Errorf("a lag of %v s", most)
	}
	if out.arrived != out.analysed || math.Abs(float64(out.arrived)-l.Frames*3600) > float64(l.Cameras) {
		t.Errorf("%d frames came, %d were analysed, want %v", out.arrived, out.analysed, l.Frames*3600)
	}
}

func TestAChunkFillsAsComputed(t *testing.T) {
	for _, args := range []string{"--cameras=1", "--cameras=40 --fps=25 --partitions=1", "--cameras=100 --fps=2"} {
		l := plan(t, args+" --outage=0s")
		out := simulate(&l, calm)
		// The slowest chunk is that of the emptiest partition, here as it was drawn.
		slowest := float64(l.Chunk) / (l.FPS * float64(slices.Min(out.cameras)))
		if got := percentile(out.chunks, 100); math.Abs(got-slowest) > 2 {
			t.Errorf("%s: the slowest chunk took %v s, computed %v", args, got, slowest)
		}
	}
}

func TestCatchingUpTakesAsLongAsComputed(t *testing.T) {
	for _, args := range []string{
		"--cameras=50 --partitions=1 --cores=16",                    // the reader is the narrowest
		"--cameras=30 --partitions=1 --outage=3m",                   // the slots are
		"--cameras=20 --partitions=1 --utilisation=0.8 --outage=5m", // and busier
	} {
		l := plan(t, args)
		s := calm
		s.length = 3 * time.Hour
		out := simulate(&l, s)
		// What is done again counts as more outage.
		want := l.CatchUp * (l.Outage.Seconds() + checkpointSecs) / l.Outage.Seconds()
		if math.Abs(out.caughtUp-want) > 0.03*want+5 {
			t.Errorf("%s: caught up after %v s, computed %v", args, out.caughtUp, want)
		}
		if most := slices.Max(out.lagMax); math.Abs(most-l.Outage.Seconds()-checkpointSecs) > 3 {
			t.Errorf("%s: a lag of %v s after an outage of %v", args, most, l.Outage)
		}
	}
}

func TestAnOverloadedReaderNeverCatchesUp(t *testing.T) {
	l := plan(t, "--cameras=1000 --partitions=4")
	out := simulate(&l, calm)
	if !math.IsInf(l.CatchUp, 1) || !math.IsInf(out.caughtUp, 1) {
		t.Errorf("computed %v, simulated %v", l.CatchUp, out.caughtUp)
	}
}

func TestTheSameSeedGivesTheSameNumbers(t *testing.T) {
	l := plan(t, "--cameras=200")
	s := simulation{seed: 7, length: 10 * time.Minute, outageAt: 2 * time.Minute, jitter: time.Second, cameraUp: time.Minute, cameraDown: 10 * time.Second}
	same := func(a, b outcome) bool { return cmp.Equal(a, b, cmp.AllowUnexported(outcome{})) }
	first := simulate(&l, s)
	if !same(first, simulate(&l, s)) {
		t.Error("another outcome with the same seed")
	}
	s.seed++
	if same(first, simulate(&l, s)) {
		t.Error("the same outcome with another seed")
	}
}

func TestNoFrameIsAnalysedBeforeItCameNorTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorkload(t)
		w.Cameras = min(w.Cameras, 300)
		w.Outage = time.Duration(rapid.IntRange(0, 120).Draw(t, "outage")) * time.Second
		l := Plan(w)
		s := simulation{
			seed: rapid.Uint64().Draw(t, "seed"), length: 5 * time.Minute,
			outageAt:   time.Duration(rapid.IntRange(0, 200).Draw(t, "at")) * time.Second,
			jitter:     time.Duration(rapid.IntRange(0, 1000).Draw(t, "jitter")) * time.Millisecond,
			cameraUp:   time.Duration(rapid.IntRange(0, 600).Draw(t, "up")) * time.Second,
			cameraDown: 10 * time.Second,
		}
		out := simulate(&l, s)
		if out.analysed > out.arrived || float64(out.arrived) > l.Frames*s.length.Seconds()+float64(l.Cameras) {
			t.Fatalf("%d frames came, %d were analysed", out.arrived, out.analysed)
		}
		// What was complete before the last checkpoint was lost stays so.
		if int64(len(out.chunks))*l.Chunk > out.analysed+out.doneAgain {
			t.Fatalf("%d chunks of %d are complete after %d frames, and %d done again", len(out.chunks), l.Chunk, out.analysed, out.doneAgain)
		}
		if !slices.IsSorted(out.chunks) || len(out.chunks) > 0 && out.chunks[0] < 0 {
			t.Fatalf("chunks took %v", out.chunks)
		}
	})
}

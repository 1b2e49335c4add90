package capture

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/frame"
)

func TestLiveTimesFollowTheClockThatCannotBeSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c liveClock
		var l limiter
		fps := rapid.SampledFrom([]float64{0, 2, 10}).Draw(t, "limit")
		l.setRate(fps)
		const step, pictures = 100 * time.Millisecond, 600 // a minute
		set := rapid.OneOf(rapid.Just(int64(0)), rapid.Just(int64(0)), rapid.Int64Range(-int64(maxStep)/20, int64(maxStep)/20), rapid.Int64Range(-int64(48*time.Hour), int64(48*time.Hour)))
		now := moment{wall: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC), mono: 5 * time.Second}
		strayed, passed := time.Duration(0), 0
		var first, last time.Time
		var begun time.Duration
		begin := func() {
			at := c.begin(now)
			if off := at.Sub(now.wall); off < -tick || off > maxStep+tick {
				t.Fatalf("an epoch begins at %v, the clock says %v", at, now.wall)
			}
			first, last, begun, strayed = time.Time{}, time.Time{}, 0, 0
		}
		begin()
		for i := range pictures {
			now.mono += step
			now.wall = now.wall.Add(step)
			if i%97 == 0 {
				d := time.Duration(set.Draw(t, "set"))
				now.wall = now.wall.Add(d)
				strayed += d
			}
			if by := c.stepped(now); by != 0 {
				if by != strayed || by.Abs() <= maxStep {
					t.Fatalf("set by %v, it says %v", strayed, by)
				}
				begin()
			} else if strayed.Abs() > maxStep {
				t.Fatalf("a clock set by %v begins no epoch", strayed)
			}
			at := c.at(now)
			if first.IsZero() {
				first, begun = at, now.mono
			}
			if !last.IsZero() && !at.After(last) || at.Nanosecond()%1e6 != 0 {
				t.Fatalf("%v after %v", at, last)
			}
			if d := at.Sub(first) - (now.mono - begun); d.Abs() > tick {
				t.Fatalf("picture %d is dated %v after the epoch's first, it came %v after it", i, at.Sub(first), now.mono-begun)
			}
			if last = at; l.pass(now.mono, step) {
				passed++
			}
		}
		want := pictures
		if fps != 0 {
			want = int(fps * 60)
		}
		if passed < want-1 || passed > want+1 {
			t.Fatalf("%d frames in a minute, limit %v/s", passed, fps)
		}
	})
}

// steered is a live stream of which each picture moves the clocks on by a step, and
// one sets the wall clock.
type steered struct {
	fake
	mono, set atomic.Int64
	at        int
	by        time.Duration
	first     chan struct{} // closed when the epoch before has begun
}

func (s *steered) Read(img *gocv.Mat) (time.Duration, error) {
	s.mono.Add(int64(s.Step()))
	if s.next == s.at {
		<-s.first
		s.set.Store(int64(s.by))
	}
	return s.fake.Read(img)
}

func TestAWallClockThatIsSetBeginsANewEpochAndStarvesNobody(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, 26 * time.Hour} {
		var closed atomic.Int64
		s := &steered{fake: fake{n: 600, closed: &closed}, at: 300, by: by, first: make(chan struct{})}
		begun := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
		clock := func() moment {
			return moment{wall: begun.Add(time.Duration(s.mono.Load() + s.set.Load())), mono: time.Duration(s.mono.Load())}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cfg := live()
		cfg.MaxFPS = 10
		var said locked
		cam := New(cfg, Options{
			Log:   slog.New(slog.NewTextHandler(&said, nil)),
			start: inside(func(*task) (Stream, error) { return s, nil }, clock),
			wait:  func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() },
		})
		var frames []*frame.Frame
		err := cam.Run(ctx, func(f *frame.Frame) error {
			if frames = append(frames, f); len(frames) == 1 {
				close(s.first)
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		// How many this machine is too slow for depends on it; none is limited away.
		if all := int64(len(frames)) + cam.Counters.Late.Load(); all < 590 || cam.Counters.Limited.Load() > 10 {
			t.Errorf("%d of 600 pictures, %d left out by max_fps", all, cam.Counters.Limited.Load())
		}
		list := epochs(frames)
		if len(list) != 2 || !strings.Contains(said.String(), "the clock was set") {
			t.Fatalf("%d epochs\n%s", len(list), &said)
		}
		for i := 1; i < len(frames); i++ {
			a, b := frames[i-1], frames[i]
			d := b.Captured.Sub(a.Captured)
			if a.Epoch == b.Epoch && (b.Sequence <= a.Sequence || d < 0 || d > time.Minute) || a.Epoch != b.Epoch && (d-by).Abs() > time.Minute {
				t.Errorf("frame %d: %s is captured %v after %s", i, b.ID(), d, a.ID())
			}
		}
	}
}

package capture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// told is a camera whose changes and frames are noted in one list: "state epoch/sequence:
// reason" and "epoch/sequence".
type told struct {
	list    []string
	changes []frame.SourceChange
}

func (l *told) frame(f *frame.Frame) error {
	l.list = append(l.list, fmt.Sprintf("%s/%d", f.Epoch, f.Sequence))
	return nil
}

func (l *told) changed(s frame.SourceChange) error {
	l.changes = append(l.changes, s)
	l.list = append(l.list, strings.TrimSuffix(fmt.Sprintf("%s %s/%d: %s", s.State, s.Epoch, s.Sequence, s.Reason), ": "))
	return nil
}

func TestWhatHappensToASourceIsToldOnce(t *testing.T) {
	now := begin
	var got told
	cam := New(live(), Options{Log: quiet, now: func() time.Time { return now }, Changed: got.changed})
	w := cam.watch(got.frame)
	frames := func(epoch string, from, n int64) {
		for i := range n {
			now = now.Add(time.Second)
			if err := w.frame(&frame.Frame{Epoch: epoch, Sequence: from + i, Captured: now.Add(-time.Millisecond)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	fails := func(reason string, times int) {
		for range times {
			now = now.Add(10 * time.Second)
			if err := w.fails(errors.New(reason)); err != nil {
				t.Fatal(err)
			}
		}
	}
	fails("no answer", 3) // at the start
	frames("a", 0, 2)
	now = now.Add(-time.Hour) // the clock is set back
	fails("it broke off", 2)
	frames("b", 0, 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("told to stop"))
	if err := w.ends(ctx, ctx.Err()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"lost /-1: no answer", "a/0", "back a/0: after 21s", "a/1", "lost a/1: it broke off", "b/0", "back b/0: after 1ms", "stopped b/0: told to stop",
	}
	if !slices.Equal(got.list, want) {
		t.Errorf("%q, want %q", got.list, want)
	}
	ids := map[string]bool{}
	for i, s := range got.changes {
		rec := s.CloudEvent()
		if back, err := frame.ParseSource(&rec); err != nil || back != s || ids[s.ID()] || i > 0 && !s.At.After(got.changes[i-1].At) {
			t.Errorf("%+v: %v", s, err)
		}
		ids[s.ID()] = true
	}
}

// A loose contact, for an hour: told at once at first, then now and then, and in the end as it is.
func TestASourceThatComesAndGoesIsNotToldOfEachTime(t *testing.T) {
	now := begin
	var got told
	cam := New(live(), Options{Log: quiet, now: func() time.Time { return now }, Changed: got.changed})
	w := cam.watch(got.frame)
	for i := range 1800 {
		now = now.Add(time.Second)
		if err := w.frame(&frame.Frame{Epoch: fmt.Sprint("e", i), Captured: now}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
		if err := w.fails(errors.New("it broke off")); err != nil {
			t.Fatal(err)
		}
	}
	lost := slices.DeleteFunc(slices.Clone(got.changes), func(s frame.SourceChange) bool { return s.State != frame.SourceLost })
	if n := len(lost); n < 100 || n > 3600/30+lossesAtOnce {
		t.Errorf("it was told %d times in an hour", n)
	}
	for i := range lost {
		if i >= lossesAtOnce && lost[i].At.Sub(lost[i-lossesAtOnce].At) < lossesAtOnce*lossEvery {
			t.Errorf("%d were told from %v to %v", lossesAtOnce, lost[i-lossesAtOnce].At, lost[i].At)
		}
		if i > 0 && lost[i].At.Sub(lost[i-1].At) > time.Minute*5/2+time.Second*4 {
			t.Errorf("nothing was told from %v to %v", lost[i-1].At, lost[i].At)
		}
	}
	if !strings.Contains(lost[lossesAtOnce].Reason, "times before") {
		t.Error(lost[lossesAtOnce].Reason)
	}
	for range 20 { // it stays away
		now = now.Add(30 * time.Second)
		if err := w.fails(errors.New("no answer")); err != nil {
			t.Fatal(err)
		}
	}
	if last := got.changes[len(got.changes)-1]; last.State != frame.SourceLost || now.Sub(last.At) < 7*time.Minute {
		t.Errorf("in the end it is %+v", last)
	}
}

func TestALiveSourceIsToldOfAmongItsFrames(t *testing.T) {
	var closed atomic.Int64
	opens := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got told
	cfg := live()
	cfg.Source.Text, cfg.Source.URL = "rtsp://viewer:***@gate/", "rtsp://viewer:hunter2@gate/"
	cam := New(cfg, Options{Log: quiet, Changed: got.changed,
		start: inside(func(*task) (Stream, error) {
			switch opens++; opens {
			case 1, 3:
				return nil, errors.New("rtsp://viewer:hunter2@gate/ says no")
			}
			return &fake{n: 2, closed: &closed}, nil
		}, systemClock),
		wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	frames := 0
	err := cam.Run(ctx, func(f *frame.Frame) error {
		if frames++; frames == 4 {
			cancel()
		}
		return got.frame(f)
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var states []string
	for _, s := range got.changes {
		states = append(states, string(s.State))
		if strings.Contains(s.Reason, "hunter2") || s.State == frame.SourceLost && s.Reason == "" {
			t.Errorf("the reason is %q", s.Reason)
		}
	}
	if want := []string{"lost", "back", "lost", "back", "stopped"}; !slices.Equal(states, want) {
		t.Errorf("%v, want %v: %q", states, want, got.list)
	}
	if back := got.changes[3]; back.Sequence != 0 || got.list[5] != fmt.Sprintf("%s/0", back.Epoch) {
		t.Errorf("%q", got.list)
	}
}

func TestTheEndOfFilesIsToldByTheirOwnTime(t *testing.T) {
	var closed atomic.Int64
	run := func(published map[string]int64, streams ...func() (Stream, error)) told {
		var got told
		n := 0
		cfg := files(config.Video, "a", "b")
		if len(streams) == 1 {
			cfg = files(config.Scene, "scene:seed=1&size=64x48&frames=3&fps=10")
		}
		cam := New(cfg, Options{Log: quiet, Changed: got.changed, Published: published, start: inside(func(*task) (Stream, error) {
			n++
			return streams[n-1]()
		}, systemClock)})
		_ = cam.Run(t.Context(), got.frame) // what it says is among what is told
		return got
	}
	good := func() (Stream, error) { return &fake{n: 3, closed: &closed}, nil }
	got := run(nil, good)
	if len(got.changes) != 1 {
		t.Fatalf("%q", got.list)
	}
	end := got.changes[0]
	if end.State != frame.SourceEnded || !end.At.Equal(begin.Add(200*time.Millisecond)) || end.Sequence != 2 || end.Epoch == "" {
		t.Errorf("%+v", end)
	}
	// Where some or all of it is in the topic it is the same.
	for n := range int64(4) {
		if again := run(map[string]int64{end.Epoch: n}, good); len(again.changes) != 1 || again.changes[0] != end {
			t.Errorf("with %d published: %q", n, again.list)
		}
	}
	bad := func() (Stream, error) { return nil, errors.New("not a film") }
	if got := run(nil, bad); len(got.changes) != 1 || got.changes[0].State != frame.SourceFailed || !got.changes[0].At.Equal(begin) || got.changes[0].Reason != "not a film" {
		t.Errorf("%+v", got.changes)
	}
}

package capture

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// stamped is a stream of times alone.
type stamped struct {
	stamps []time.Duration
	lost   map[int]bool
	next   int
	took   []time.Duration // that reading took
	spend  func(time.Duration)
}

func (s *stamped) Read(*gocv.Mat) (time.Duration, error) {
	if s.next == len(s.stamps) {
		return 0, io.EOF
	}
	i := s.next
	s.next++
	if i < len(s.took) {
		s.spend(s.took[i])
	}
	if s.lost[i] {
		return s.stamps[i], &UnreadableError{Path: "x", Err: errors.New("damaged")}
	}
	return s.stamps[i], nil
}
func (s *stamped) Step() time.Duration { return 100 * time.Millisecond }
func (s *stamped) Close() error        { return nil }

func TestAPacedFileGivesItsPicturesWhenTheirTimeHasCome(t *testing.T) {
	ms := func(all ...int) (list []time.Duration) {
		for _, n := range all {
			list = append(list, time.Duration(n)*time.Millisecond)
		}
		return list
	}
	for _, c := range []struct {
		name   string
		stamps []time.Duration
		took   []time.Duration
		lost   map[int]bool
		want   []time.Duration // when each is given, and the end
	}{
		{"at its own times", ms(0, 100, 250, 300), nil, nil, ms(0, 100, 250, 300, 400)},
		{"from its first on", ms(5000, 5100), nil, nil, ms(0, 100, 200)},
		{"also after one that cannot be read", ms(0, 100, 200), nil, map[int]bool{1: true}, ms(0, 100, 200, 300)},
		{"times that are set back go on by a step", ms(5000, 5100, 0, 100), nil, nil, ms(0, 100, 200, 300, 400)},
		{"a pause is no longer than the longest", ms(0, 3_600_000, 3_600_100), nil, nil, ms(0, 60_000, 60_100, 60_200)},
		{"what took long is made up for", ms(0, 100, 200, 300), ms(0, 250, 0, 0), nil, ms(0, 250, 250, 300, 400)},
		{"a machine that stood still goes on from there", ms(0, 100, 200, 300), ms(0, 5000, 0, 0), nil, ms(0, 5000, 5100, 5200, 5300)},
	} {
		t.Run(c.name, func(t *testing.T) {
			zero := time.Unix(1000, 0)
			now := zero
			s := &stamped{stamps: c.stamps, took: c.took, lost: c.lost, spend: func(d time.Duration) { now = now.Add(d) }}
			p := pace(s, &config.Camera{ImageFPS: 10})
			p.now, p.sleep = func() time.Time { return now }, s.spend
			var got []time.Duration
			for {
				_, err := p.Read(nil)
				got = append(got, now.Sub(zero))
				if err == io.EOF {
					break
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAPacedFileIsALiveCameraWithAnEpochForEachPass(t *testing.T) {
	cfg := files(config.Scene, "scene:seed=7&size=64x48&frames=5&fps=20")
	cfg.Source.Files, cfg.Start = nil, time.Time{}
	cfg.Paced, cfg.Passes = true, 2
	before := time.Now().Truncate(tick)
	frames := collect(t, cfg, Options{})
	after := time.Now()
	list := epochs(frames)
	if len(frames) != 10 || len(list) != 2 || !frame.LiveEpoch(list[0]) {
		t.Fatalf("%d frames, epochs %v", len(frames), list)
	}
	last := before.Add(-tick)
	for i, f := range frames {
		if !f.Captured.After(last) || f.Captured.After(after) || f.Sequence != int64(i%5) {
			t.Errorf("%s is of %v, after %v", f.ID(), f.Captured, last)
		}
		last = f.Captured
	}
	// At its own pace: nine steps of 50 ms at the least.
	if d := frames[9].Captured.Sub(frames[0].Captured); d < 440*time.Millisecond {
		t.Errorf("ten frames in %v", d)
	}
}

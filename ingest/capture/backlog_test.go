package capture

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"gocv.io/x/gocv"
)

// camera gives a picture every step; those that came before it was opened
// wait, and each takes decode to read.
type camera struct {
	step, decode time.Duration
	begun        time.Time // of the stream
	next         int
	ends         int  // picture after which it ends; 0: never
	undated      bool // without timestamps
	hiccup       int  // picture for which this machine takes a step longer
}

func (c *camera) Read(*gocv.Mat) (time.Duration, error) {
	if c.ends != 0 && c.next == c.ends {
		return 0, io.EOF
	}
	stamp := time.Duration(c.next) * c.step
	time.Sleep(time.Until(c.begun.Add(stamp)) + c.decode)
	if c.hiccup != 0 && c.next == c.hiccup {
		time.Sleep(c.step)
	}
	c.next++
	if c.undated {
		stamp = 0
	}
	return stamp, nil
}
func (c *camera) Step() time.Duration { return c.step }
func (c *camera) Close() error        { return nil }

func TestALiveStreamBeginsAtThePresent(t *testing.T) {
	const step = 100 * time.Millisecond
	for _, c := range []struct {
		name    string
		camera  camera
		opening time.Duration
		lag     time.Duration // of the next picture, at most
		left    int           // pictures left out that had to be waited for, at most
	}{
		{name: "what came while it was opened is left out", opening: 2700 * time.Millisecond, left: 2},
		{name: "one that is slow to decode", camera: camera{decode: 30 * time.Millisecond}, opening: 2700 * time.Millisecond, lag: 30 * time.Millisecond, left: 2},
		{name: "a wait that is this machine's is not taken for the camera's", camera: camera{hiccup: 9}, opening: 2700 * time.Millisecond, left: 2},
		{name: "one without timestamps", camera: camera{undated: true}, opening: 2700 * time.Millisecond, left: 2},
		{name: "one that was opened at once loses nothing", opening: step / 2, lag: step},
		{name: "one that is slow to open has nothing older than FFmpeg reads", opening: 20 * time.Second, lag: 15 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := c.camera
				s.step, s.begun = step, time.Now()
				time.Sleep(c.opening)
				opened := time.Now()
				if err := catchUp(&s, c.opening); err != nil {
					t.Fatal(err)
				}
				taken := s.begun.Add(time.Duration(s.next) * step)
				s.Read(nil)
				if lag := time.Since(taken); lag > c.lag {
					t.Errorf("the next picture is %v old, want at most %v", lag, c.lag)
				}
				if left := taken.Sub(opened); left > time.Duration(c.left+1)*step {
					t.Errorf("the next picture was taken %v after it was opened", left)
				}
			})
		})
	}
}

// Frames that come faster than the stream says, so that none is waited for.
func TestCatchingUpEndsWhereNoPictureIsWaitedFor(t *testing.T) {
	for _, undated := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			s := &camera{step: 40 * time.Millisecond, decode: 10 * time.Millisecond, begun: began.Add(-time.Hour), undated: undated}
			if err := catchUp(s, time.Second); err != nil || time.Since(began) > time.Second+s.step {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	}
}

func TestAStreamThatEndsAtOnceSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := catchUp(&camera{step: 40 * time.Millisecond, begun: time.Now(), ends: 1}, time.Second)
		if err == nil || errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

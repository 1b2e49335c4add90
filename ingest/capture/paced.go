package capture

import (
	"errors"
	"io"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/capture/report"
	"github.com/framebeam/framebeam/ingest/config"
)

// maxBehind is how late a picture may be until its film goes on from there: after a
// machine that stood still, or was too slow, a camera does not give what it was to give
// meanwhile all at once.
const maxBehind = time.Second

// paced gives the pictures of a file when their time has come, as a camera gives them.
type paced struct {
	Stream
	times   fileClock // the film's own, whole
	step    time.Duration
	longest time.Duration // pause

	now   func() time.Time
	sleep func(time.Duration)

	due  time.Time // of the picture before; zero before the first
	last time.Time // its time in the film
}

// pace plays a stream as a live camera.
func pace(s Stream, cam *config.Camera) *paced {
	p := &paced{Stream: s, step: max(s.Step(), tick), longest: cam.LongestPause(), now: time.Now, sleep: time.Sleep}
	p.times.begin(time.Unix(0, 0), p.step)
	return p
}

func (p *paced) Read(img *gocv.Mat) (time.Duration, error) {
	stamp, err := p.Stream.Read(img)
	if _, unreadable := errors.AsType[*UnreadableError](err); err != nil && !unreadable {
		if errors.Is(err, io.EOF) && !p.due.IsZero() {
			p.wait(p.step) // the last picture is shown as long as the others
		}
		return stamp, err
	}
	at := p.times.at(stamp, p.step)
	if p.due.IsZero() {
		p.due = p.now()
	} else {
		p.wait(min(at.Sub(p.last), p.longest))
	}
	p.last = at
	return stamp, err
}

// wait waits until so long after the picture before.
func (p *paced) wait(d time.Duration) {
	p.due = p.due.Add(d)
	switch ahead := p.due.Sub(p.now()); {
	case ahead > 0:
		p.sleep(ahead)
	case -ahead > maxBehind:
		p.due = p.now()
	}
}

func (p *paced) describe() report.Opened {
	if d, ok := p.Stream.(described); ok {
		return d.describe()
	}
	return report.Opened{}
}

package capture

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/framebeam/framebeam/ingest/capture/report"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Finding is what was found out about a source by trying it.
type Finding struct {
	Size      image.Point   // of the pictures as they come, in pixels; zero if it does not say
	Codec     string        // FFmpeg's name of the pictures' format; "" if there is none
	Transport string        // how they come: tcp, udp; "" of files and devices
	Step      time.Duration // nominal, between two pictures

	First time.Duration // from the beginning until the first frame was there
	// Frames are so many that came, of Bytes in all, the first of which is Frame. A file
	// gives one.
	Frames int
	Bytes  int64
	Frame  *frame.Frame
	// Span is from the first frame to the last, by their capture times.
	Span time.Duration
}

// PerSecond is how many frames a second there are: of a live source that were counted, else
// as the source says itself. 0 is not known.
func (f *Finding) PerSecond() float64 {
	switch {
	case f.Frames > 1 && f.Span > 0:
		return float64(f.Frames-1) / f.Span.Seconds()
	case f.Step > 0:
		return float64(time.Second) / float64(f.Step)
	}
	return 0
}

const (
	// Of a live source frames are counted for a moment.
	countFor    = 2 * time.Second
	countFrames = 60
	// tryMore is what a try may take beyond the camera's own timeouts: its process has to
	// start, and pictures that are no frames may come before one that is.
	tryMore = 30 * time.Second
)

// errEnough ends a try.
var errEnough = errors.New("enough")

// Try opens a camera's source once, in a process of its own, and looks at what comes: of
// files at the first. The error is why it gives no frames, a *[Trouble] where that is known.
func Try(ctx context.Context, cfg config.Camera, opts Options) (Finding, error) {
	// A file is looked at as a live camera: else all of it would be read for its name.
	counted := cfg.Source.Live()
	cfg.Paced = !counted
	limit := cfg.OpenTimeout + cfg.ReadTimeout + tryMore
	ctx, cancel := context.WithTimeoutCause(ctx, limit, because(Timeout, "it gives no frame within %v", limit))
	defer cancel()
	c := New(cfg, opts)
	defer c.end(ctx)
	var found Finding
	c.opened = func(o *report.Opened) {
		found.Size, found.Codec, found.Transport, found.Step = image.Pt(o.Width, o.Height), o.Codec, o.Transport, o.Step
	}
	t := c.task(cfg.Source.Text)
	if !counted {
		segments, err := c.segments()
		if err != nil {
			return found, err
		}
		t = segments[0]
	}
	began := c.opts.now()
	err := c.stream(ctx, t, c.watch(func(f *frame.Frame) error {
		if found.Frames++; found.Frames == 1 {
			found.First, found.Frame = c.opts.now().Sub(began), f
			time.AfterFunc(countFor, cancel)
		}
		found.Bytes += int64(len(f.Data))
		found.Span = f.Captured.Sub(found.Frame.Captured)
		if !counted || found.Frames == countFrames {
			return errEnough
		}
		return nil
	}))
	if found.Frames > 0 {
		return found, nil // what comes after is no matter of a try
	}
	switch {
	case err == nil && counted:
		err = because(Stopped, "the stream ended before its first frame")
	case err == nil:
		err = because(Undecodable, "it has no picture that can be read")
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return found, err
}

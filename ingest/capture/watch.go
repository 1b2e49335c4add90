package capture

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
)

// A source that comes and goes is told of at once so often, and from then on once in so
// long: a log is no place for every loose contact.
const (
	lossesAtOnce = 5
	lossEvery    = 30 * time.Second
)

// watch tells what happens to a camera's source, from the one goroutine that hands on its
// frames, so that it lies among them in its order.
type watch struct {
	c    *Camera
	emit func(*frame.Frame) error

	epoch    string // of the last frame, "" if there is none
	sequence int64
	captured time.Time // of the last frame

	said   frame.SourceState // what was told last; "" is nothing
	at     time.Time         // when that was
	lost   bool              // the source is, whether it was told or not
	untold int               // how often it was since it was told last
	losses []time.Time       // the last ones that were told
}

func (c *Camera) watch(emit func(*frame.Frame) error) *watch {
	return &watch{c: c, emit: emit, sequence: -1}
}

// frame hands a frame on, and tells of the source's first one.
func (w *watch) frame(f *frame.Frame) error {
	if err := w.emit(f); err != nil {
		return err
	}
	w.last(f.Epoch, f.Sequence)
	w.captured = f.Captured
	if !w.c.cfg.Live() {
		return nil
	}
	if w.lost && w.said != frame.SourceLost {
		w.untold++
	}
	w.lost = false
	switch w.said {
	case "":
		return w.tell(frame.SourceStarted, "")
	case frame.SourceLost:
		return w.tell(frame.SourceBack, fmt.Sprintf("after %v", w.now().Sub(w.at).Round(time.Millisecond)))
	}
	return nil
}

// last takes note of the source's last frame, whether it is handed on or is in the topic.
func (w *watch) last(epoch string, sequence int64) { w.epoch, w.sequence = epoch, sequence }

// fails tells that a live source is lost: it is called whenever it could not be opened or
// broke off, and tells it once.
func (w *watch) fails(reason error) error {
	w.lost = true
	if w.said == frame.SourceLost {
		return nil
	}
	now := w.now()
	if len(w.losses) == lossesAtOnce {
		if now.Sub(w.losses[0]) < lossesAtOnce*lossEvery {
			return nil // at the next attempt, if it is still lost then
		}
		w.losses = w.losses[1:]
	}
	w.losses = append(w.losses, now)
	text := reason.Error()
	if w.untold > 0 {
		text += fmt.Sprintf(" (and so %d times before)", w.untold)
	}
	w.untold = 0
	return w.tell(frame.SourceLost, text)
}

// ends tells why a camera is looked after no longer; err is what Run gives.
func (w *watch) ends(ctx context.Context, err error) error {
	if _, ok := errors.AsType[emitError](err); ok {
		return nil // whoever takes the frames takes no more
	}
	switch {
	case ctx.Err() == nil && err != nil:
		return w.tell(frame.SourceFailed, err.Error())
	case ctx.Err() == nil:
		return w.tell(frame.SourceEnded, "")
	case w.c.cfg.Live():
		reason := ""
		if cause := context.Cause(ctx); cause != context.Canceled { //nolint:errorlint // what a cause wraps is one
			reason = cause.Error()
		}
		return w.tell(frame.SourceStopped, reason)
	}
	return nil // files go on when the collector is started again
}

// now is by the clock of the camera's frames: that of the machine or, of files, their own,
// so that what is told of them follows from them alone.
func (w *watch) now() time.Time {
	var now time.Time
	if w.c.cfg.Live() {
		now = w.c.opts.now()
	} else if now = w.c.last; now.IsZero() {
		now, _ = w.c.Start() // the zero time if that is not known either
	}
	// Nothing is told of before the frame that it follows, nor twice at one time.
	if now.Before(w.captured) {
		now = w.captured
	}
	if now = now.Truncate(time.Millisecond); !w.at.IsZero() && !now.After(w.at) {
		now = w.at.Add(time.Millisecond)
	}
	return now
}

func (w *watch) tell(state frame.SourceState, reason string) error {
	if w.c.opts.Changed == nil {
		return nil
	}
	at := w.now()
	if at.Before(time.Unix(0, 0)) {
		return nil // of files that are not there nobody knows when
	}
	w.said, w.at = state, at
	return w.c.opts.Changed(frame.SourceChange{
		Camera: w.c.cfg.ID, State: state, At: at.UTC(), Reason: strings.ReplaceAll(w.c.redact(reason), "\n", "; "), Epoch: w.epoch, Sequence: w.sequence,
	})
}

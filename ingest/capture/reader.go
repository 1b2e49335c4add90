package capture

import (
	"context"
	"errors"
	"time"

	"gocv.io/x/gocv"
)

// errHung is the error of a source that did not answer within its deadline.
var errHung = errors.New("no answer within the deadline")

// maxStuck is how many reads of one camera may hang at a time. OpenCV's calls
// cannot be interrupted: a reader whose deadline has passed is left behind, with
// its connection and its memory, until its call returns. FFmpeg's network calls
// do after 30 seconds; a device or a network file system may never.
const maxStuck = 4

// picture is what a reader hands over: a picture or the error in its place.
type picture struct {
	img   *gocv.Mat // nil with an error; give back with release
	stamp time.Duration
	taken time.Time // wall clock when it was read
	index int64     // of the stream's pictures, from 0: what is missing nobody fetched in time
	err   error
}

// reader reads a stream in a goroutine of its own, a little ahead, so that
// decoding goes on while the picture before is encoded, and so that a call
// that hangs hangs nobody else.
type reader struct {
	opened chan error
	ready  chan picture
	free   chan *gocv.Mat
	quit   chan struct{}
	done   chan struct{}
	step   time.Duration // valid once opened
}

// pictures is how many a reader has room for: one being read, one ready, one
// being encoded.
const pictures = 3

// startReader opens and reads a stream. With drop, it is read from the present
// on, and a picture that nobody fetches gives way to newer ones: a live source
// goes on anyway, and its clock must not lag. ended is called when the goroutine has closed everything.
func startReader(open func() (Stream, error), drop bool, ended func()) *reader {
	r := &reader{
		opened: make(chan error, 1),
		ready:  make(chan picture, pictures),
		free:   make(chan *gocv.Mat, pictures),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go r.run(open, drop, ended)
	return r
}

func (r *reader) run(open func() (Stream, error), drop bool, ended func()) {
	defer ended()
	defer close(r.done)
	began := time.Now()
	stream, err := open()
	if err != nil {
		r.opened <- err
		return
	}
	defer stream.Close()
	if drop {
		if err := catchUp(stream, time.Since(began)); err != nil {
			r.opened <- err
			return
		}
	}
	r.step = stream.Step()
	r.opened <- nil

	mats := make([]gocv.Mat, pictures)
	for i := range mats {
		mats[i] = gocv.NewMat()
		r.free <- &mats[i]
	}
	// The consumer has given its picture back before it closes quit.
	defer func() {
		<-r.quit
		for i := range mats {
			mats[i].Close()
		}
	}()

	for index := int64(0); ; index++ {
		var img *gocv.Mat
		select {
		case <-r.quit:
			return
		case img = <-r.free:
		default:
			if img = r.wait(drop); img == nil {
				return
			}
		}
		stamp, err := stream.Read(img)
		p := picture{img: img, stamp: stamp, taken: time.Now(), index: index, err: err}
		if err != nil {
			r.free <- img
			p.img = nil
		}
		select {
		case r.ready <- p:
		case <-r.quit:
			return
		}
		if _, goesOn := errors.AsType[*UnreadableError](err); err != nil && !goesOn {
			return
		}
	}
}

// wait waits for room; with drop it takes the oldest picture's. It returns nil
// when the reader is no longer wanted.
func (r *reader) wait(drop bool) *gocv.Mat {
	if drop {
		select {
		case p := <-r.ready:
			if p.img != nil {
				return p.img
			}
		default:
		}
	}
	select {
	case img := <-r.free:
		return img
	case <-r.quit:
		return nil
	}
}

// open waits until the stream is open.
func (r *reader) open(ctx context.Context, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case err := <-r.opened:
		return err
	case <-timer.C:
		return errHung
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next waits for the next picture. The caller owns its image until release.
func (r *reader) next(ctx context.Context, timer *time.Timer, timeout time.Duration) picture {
	select { // spares the timer where reading is ahead
	case p := <-r.ready:
		return p
	default:
	}
	timer.Reset(timeout)
	defer timer.Stop()
	select {
	case p := <-r.ready:
		return p
	case <-timer.C:
		return picture{err: errHung}
	case <-ctx.Done():
		return picture{err: ctx.Err()}
	}
}

func (r *reader) release(img *gocv.Mat) { r.free <- img }

// stop tells the reader to close its stream and waits for it, but not for a
// call that hangs: it returns false if the reader is left behind.
func (r *reader) stop(patience time.Duration) bool {
	close(r.quit)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.done:
		return true
	case <-timer.C:
		return false
	}
}

package capture

import (
	"errors"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/capture/report"
)

// picture is what a reader hands over: a picture or the error in its place.
type picture struct {
	img   *gocv.Mat // nil with an error; give back with release
	stamp time.Duration
	taken moment // when it was read
	index int64  // of the stream's pictures, from 0: what is missing nobody fetched in time
	err   error
}

// reader reads a stream in a goroutine of its own, a little ahead, so that
// decoding goes on while the picture before is encoded.
type reader struct {
	opened chan error
	ready  chan picture
	free   chan *gocv.Mat
	quit   chan struct{}
	done   chan struct{}
	about  *report.Opened
	step   time.Duration // valid, as about is, once opened
}

// pictures is how many a reader has room for at most: one being read, one ready, one
// that waits for an encoder, and those being encoded. With one less, the newest picture
// of a live source would give way to the end that comes after it.
var pictures = 3 + encodersAtOnce

// startReader opens and reads a stream. With drop, it is read from the present
// on, and a picture that nobody fetches gives way to newer ones: a live source
// goes on anyway, and its clock must not lag.
func startReader(open func() (Stream, error), drop bool, clock clock) *reader {
	r := &reader{
		opened: make(chan error, 1),
		ready:  make(chan picture, pictures),
		free:   make(chan *gocv.Mat, pictures),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go r.run(open, drop, clock)
	return r
}

func (r *reader) run(open func() (Stream, error), drop bool, clock clock) {
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
	r.about = about(stream)
	r.step = stream.Step()
	r.opened <- nil

	var mats []*gocv.Mat // no more than are needed: a camera's pictures are encoded faster than they come
	// The consumer has given all pictures back before it closes quit.
	defer func() {
		<-r.quit
		for _, m := range mats {
			m.Close()
		}
	}()

	for index := int64(0); ; index++ {
		var img *gocv.Mat
		select {
		case <-r.quit:
			return
		case img = <-r.free:
		default:
			if len(mats) < pictures {
				m := gocv.NewMat()
				mats, img = append(mats, &m), &m
			} else if img = r.wait(drop); img == nil {
				return
			}
		}
		stamp, err := stream.Read(img)
		p := picture{img: img, stamp: stamp, taken: clock(), index: index, err: err}
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

// release gives a picture's image back.
func (r *reader) release(img *gocv.Mat) { r.free <- img }

// stop closes the stream, once the call to it that is under way has returned.
func (r *reader) stop() {
	close(r.quit)
	<-r.done
}

package collector

import (
	"context"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
)

// waiting is how many encoded frames of a camera may wait for their turn: they
// let encoding go on while another camera's frames are published.
const waiting = 4

// dated is a record with its place in the merge.
type dated struct {
	captured time.Time
	rec      frame.Record
	note     bool // it is no frame
}

// merge publishes the frames of all cameras, which must be files, in the order
// of capture time and, at the same time, camera id.
func (r *run) merge(ctx context.Context) {
	if err := r.look(ctx, r.cameras); err != nil {
		for _, c := range r.cameras {
			r.ended(ctx, c, err)
		}
		return
	}
	type lane struct {
		camera *camera
		frames chan dated
		cancel context.CancelFunc
		head   dated
		open   bool
	}
	lanes := make([]*lane, len(r.cameras))
	for i, c := range r.cameras {
		own, cancel := context.WithCancel(ctx)
		l := &lane{camera: c, frames: make(chan dated, waiting), cancel: cancel}
		lanes[i] = l
		go func() {
			defer close(l.frames)
			c.inOrder = func(d dated) error {
				select {
				case l.frames <- d:
					return nil
				case <-own.Done():
					return own.Err()
				}
			}
			err := c.capture.Run(own, func(f *frame.Frame) error {
				rec, err := r.record(f)
				if err != nil || r.already(c, &rec) {
					return err
				}
				return c.inOrder(dated{captured: f.Captured, rec: rec})
			})
			r.ended(own, c, err)
		}()
	}
	// A camera is left alone only when its goroutine has ended.
	defer func() {
		for _, l := range lanes {
			l.cancel()
		}
		for _, l := range lanes {
			for range l.frames {
			}
		}
	}()

	for _, l := range lanes {
		l.head, l.open = <-l.frames
	}
	for ctx.Err() == nil {
		var first *lane
		for _, l := range lanes {
			if l.open && (first == nil || earlier(l.head.captured, l.camera, first.head.captured, first.camera)) {
				first = l
			}
		}
		if first == nil {
			return
		}
		err := r.ahead(ctx, first.head.captured)
		switch {
		case err != nil:
		case first.head.note:
			err = r.note(first.camera, first.head.rec)
		default:
			err = r.publisher.Publish(ctx, first.head.rec)
		}
		if err != nil {
			r.ended(ctx, first.camera, err)
			first.cancel()
			first.open = false
			continue
		}
		first.head, first.open = <-first.frames
	}
}

func earlier(t time.Time, c *camera, u time.Time, d *camera) bool {
	if !t.Equal(u) {
		return t.Before(u)
	}
	return c.cfg.ID < d.cfg.ID
}

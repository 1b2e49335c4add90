package collector

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Cameras come, go and change while the collector runs. Those that a new configuration does
// not change are not touched: their processes, epochs and numbers go on. One that is
// changed ends and begins anew, under another epoch; its counters go on. What was captured
// of one that is removed is still sent.
//
// That is for collectors with live cameras. Where all are files, their frames are put in the
// order of capture time before they are published, and a camera that came later would come
// too late for that.

// errChanged is why a camera ends that goes or changes: its source is told as stopped.
var errChanged = errors.New("the camera has left the configuration, or changed in it")

// change is a configuration that is to be used from now on.
type change struct {
	cfg *config.Config
	err chan<- error // one answer
}

// each lets every camera publish as it comes, until all have ended. Live cameras do not wait
// until it is known which frames of the files are in the topic.
func (r *run) each(ctx context.Context) {
	watching, stopWatching := context.WithCancel(ctx)
	changes := make(chan change)
	if r.opts.Watch != nil {
		r.background.Go(func() {
			r.opts.Watch(watching, func(cfg *config.Config) error {
				answer := make(chan error, 1)
				select {
				case changes <- change{cfg, answer}:
					return <-answer
				case <-watching.Done():
					return watching.Err()
				}
			})
		})
	}
	r.start(ctx, r.cameras)
	for slices.ContainsFunc(r.cameras, (*camera).runs) {
		select {
		case <-r.wake:
		case c := <-changes:
			c.err <- r.apply(ctx, c.cfg)
		}
	}
	stopWatching()
	r.background.Wait()
}

// start lets cameras begin.
func (r *run) start(ctx context.Context, cameras []*camera) {
	var files []*camera
	for _, c := range cameras {
		own, cancel := context.WithCancelCause(ctx)
		c.cancel, c.done = cancel, make(chan struct{})
		if !c.cfg.Live() {
			c.found = make(chan error, 1)
			files = append(files, c)
		}
		go func() {
			defer func() {
				cancel(nil)
				close(c.done)
				select {
				case r.wake <- struct{}{}:
				default: // somebody is woken already
				}
			}()
			r.ended(own, c, r.capture(own, c))
		}()
	}
	if len(files) == 0 {
		return
	}
	r.background.Go(func() {
		err := r.look(ctx, files)
		for _, c := range files {
			c.found <- err
		}
	})
}

// runs reports whether a camera that was started has not ended.
func (c *camera) runs() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// capture captures a camera and publishes what it sees, until it ends.
func (r *run) capture(ctx context.Context, c *camera) error {
	if c.cfg.Live() {
		return c.capture.Run(ctx, func(f *frame.Frame) error {
			rec, err := r.record(f)
			if err != nil {
				return err
			}
			return r.offer(c, rec)
		})
	}
	select {
	case err := <-c.found:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	return c.capture.Run(ctx, func(f *frame.Frame) error {
		rec, err := r.record(f)
		if err != nil || r.already(c, &rec) {
			return err
		}
		if err := r.ahead(ctx, f.Captured); err != nil {
			return err
		}
		return r.publisher.Publish(ctx, rec)
	})
}

// apply makes the cameras those of a configuration.
func (r *run) apply(ctx context.Context, cfg *config.Config) error {
	if len(cfg.Cameras) == 0 {
		return errors.New("no cameras")
	}
	before := map[string]*camera{}
	for _, c := range r.cameras {
		before[c.cfg.ID] = c
	}
	var next, ending, begin []*camera
	var added, changed, removed []string
	same := 0
	for _, wanted := range cfg.Cameras {
		old := before[wanted.ID]
		delete(before, wanted.ID)
		switch {
		case old == nil:
			added = append(added, wanted.ID)
		case reflect.DeepEqual(old.cfg, wanted):
			same++
			next = append(next, old)
			continue
		default:
			changed = append(changed, wanted.ID)
			ending = append(ending, old)
		}
		// One that was removed and comes back goes on counting.
		if i := slices.IndexFunc(r.removed, func(c *camera) bool { return c.cfg.ID == wanted.ID }); old == nil && i >= 0 {
			old = r.removed[i]
		}
		c := &camera{cfg: wanted, replaces: old}
		next, begin = append(next, c), append(begin, c)
	}
	for _, c := range r.cameras { // in their order
		if before[c.cfg.ID] != nil {
			removed = append(removed, c.cfg.ID)
			ending = append(ending, c)
		}
	}
	for _, c := range ending {
		c.cancel(errChanged)
	}
	for _, c := range ending {
		<-c.done
	}
	for _, c := range begin {
		r.prepare(c)
	}
	r.mu.Lock()
	r.removed = slices.DeleteFunc(r.removed, func(c *camera) bool { return slices.Contains(added, c.cfg.ID) })
	for _, c := range r.cameras {
		if before[c.cfg.ID] != nil {
			r.removed = append(r.removed, c)
		}
	}
	r.cameras = next
	r.mu.Unlock()
	r.publisher.SetQueueBytes(r.queueBytes(len(next)))
	r.opts.Log.Info("the cameras are changed", "added", added, "removed", removed, "changed", changed, "untouched", same)
	r.warn(begin)
	r.start(ctx, begin)
	return nil
}

// prepare makes what captures a camera.
func (r *run) prepare(c *camera) {
	c.published, c.key = map[string]int64{}, c.cfg.ID
	if r.opts.Format == config.JSON {
		c.key = frame.OriginalCamera(c.cfg.ID)
	}
	opts := capture.Options{
		Salt: r.salt, Published: c.published, MaxMemory: r.opts.SourceMemory, Log: r.opts.Log,
		Changed: func(s frame.SourceChange) error { return r.changed(c, s) },
	}
	if old := c.replaces; old != nil {
		opts.Before = old.capture
		c.refused.Store(old.refused.Load())
		c.already.Store(old.already.Load())
		c.replaces = nil
	}
	opts.Traced = func(f *frame.Frame, encode time.Duration) { r.traces.captured(f, encode, c.cfg.Live()) }
	c.capture = capture.New(c.cfg, opts)
}

// queueBytes is each of n cameras' share of the memory.
func (r *run) queueBytes(n int) int { return max(r.opts.BufferBytes/n, 1) }

// now is which cameras there are, and which were removed.
func (r *run) now() (cameras, removed []*camera) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.cameras), slices.Clone(r.removed)
}

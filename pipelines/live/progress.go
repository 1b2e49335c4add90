package live

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/framebeam/framebeam/pipelines/lag"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
)

const (
	// lookEvery is how often it is looked how far the analyses are.
	lookEvery = 15 * time.Second
	// stuckAfter is for how long analyses that have something to do may bring nothing
	// forth. A chunk that is not full shows what it has within seconds, so this is many
	// times what a busy machine takes.
	stuckAfter = 5 * time.Minute
	// drainEvery is how often it is looked while everything waits for it.
	drainEvery = 250 * time.Millisecond
)

// look looks how far the analyses are, at once and then from time to time, until told to stop.
func (r *running) look(ctx context.Context, every time.Duration, see func(now time.Time, done, left int64) (stop bool)) error {
	folder, err := store.Open(ctx, r.opts.Data.Results())
	if err != nil {
		return err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return err
	}
	l, err := log.Open(ctx, r.log())
	if err != nil {
		return err
	}
	defer l.Close()
	w := lag.Watch(l, out, Frames)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		all, err := w.Look(ctx)
		if err != nil {
			return err
		}
		var done, left int64
		for i := range all {
			done += all[i].Processed
			left += all[i].Frames()
		}
		if see(time.Now(), done, left) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// watch starts analyses again that do not go on.
func (r *running) watch(analyses *part) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := r.begun(ctx); err != nil {
			return err
		}
		s := stuck{}
		return r.look(ctx, lookEvery, func(now time.Time, done, left int64) bool {
			if s.see(now, done, left) {
				r.opts.Log.Error("the analyses do not go on, and are started again", "frames", left, "since", stuckAfter)
				analyses.restart()
			}
			return false
		})
	}
}

// begun waits until there is an output.
func (r *running) begun(ctx context.Context) error {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		folder, err := store.Open(ctx, r.opts.Data.Results())
		if err == nil {
			_, err = output.OpenExisting(ctx, folder)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// stuck finds out that nothing goes on.
type stuck struct {
	done  int64
	since time.Time // since when nothing is done of what is left
}

// see takes note of how much is done and left, and reports whether that has been so for too
// long.
func (s *stuck) see(now time.Time, done, left int64) bool {
	if done != s.done || left == 0 || s.since.IsZero() {
		s.done, s.since = done, now
		return false
	}
	if now.Sub(s.since) < stuckAfter {
		return false
	}
	s.since = now
	return true
}

// drain waits until what is in the log is analysed and shown, but not for long: the next
// start goes on with the rest.
func (r *running) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	err := r.look(ctx, drainEvery, func(_ time.Time, _, left int64) bool { return left == 0 })
	if err != nil {
		r.opts.Log.Info("not everything is analysed yet; the next start goes on with it", "reason", err)
	}
}

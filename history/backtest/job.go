package backtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka" // logs that are topics
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Given is what one side is: an output, or a configuration that is computed.
type Given struct {
	Name   string // for people
	Output string // folder: a local path or scheme://…; "": Stages
	Stages *profiles.Stages
}

// Job is a comparison of two sides.
type Job struct {
	Before, After Given
	// Store is the output whose results are taken where an analysis is as it was; "": that
	// of Before, if it is one.
	Store string
	// Log is where frames are read from that have to be looked at; without a kind, nowhere.
	Log log.Spec
	// Topic is whose frames are compared.
	Topic string
	// Cameras are patterns of those that are compared (params.Matches); none: all.
	Cameras []string
	Period  period.Period
	// WarmUp is how long before the period analyses begin whose memory there is not stored.
	WarmUp time.Duration
	Options
	// Progress is where is said how far it is; nil: nowhere.
	Progress *console.Console

	// Told is called now and then with how much of the log is compared, 0 to 1; nil: not.
	Told func(part float64)
	// Watch is called when frames begin to be compared, and what it returns with both sides' rows of
	// each frame of the period, without quality and features, several at once. Where it is called
	// again everything is compared anew, and what was seen before is void. nil: not.
	Watch func() (compared func(before, after *result.Frame))

	// seen is called with the two rows of every frame, at once for several cameras.
	seen func(before, after *result.Frame)
	held int64 // bytes of frames held at once for a partition; 0: mostHeld
}

// DefaultWarmUp is a sensible [Job.WarmUp].
const DefaultWarmUp = time.Minute

// run is a job under way.
type run struct {
	*Job
	n             int64 // offsets per chunk
	store, other  *stored
	before, after *recipe // nil: the side is an output
	log           log.Log
	busy          chan struct{} // one for each camera that is worked on
	parts         []*part
	done, total   atomic.Int64 // offsets
	compared      func(before, after *result.Frame)
	frames        atomic.Int64
}

// Run compares. Close the result.
func (j *Job) Run(ctx context.Context) (_ *Result, err error) {
	pixels.SingleThreaded()
	r := &run{Job: j, busy: make(chan struct{}, runtime.GOMAXPROCS(0))}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	if err := r.divide(ctx); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	began := time.Now()
	forced, err := r.pass(ctx, nil)
	if err != nil {
		return nil, err
	}
	if len(forced) > 0 {
		// Where stored results turned out not to be what the configuration would have
		// given, everything is computed: so it is known from the first frame on.
		if forced, err = r.pass(ctx, forced); err != nil {
			return nil, err
		}
		if len(forced) > 0 {
			return nil, fmt.Errorf("backtest: cameras diverge although nothing is taken from anywhere: %v", slices.Sorted(maps.Keys(forced)))
		}
	}
	if r.frames.Load() == 0 {
		return nil, r.nothing()
	}
	return r.result(time.Since(began))
}

// nothing says that no frame was compared.
func (r *run) nothing() error {
	var of string
	if len(r.Cameras) > 0 {
		of = " of " + named(slices.Clone(r.Cameras))
	}
	if r.Period.Open() {
		return fmt.Errorf("topic %s: there is no frame%s to compare", r.Topic, of)
	}
	return fmt.Errorf("topic %s: there is no frame%s to compare in the period %v", r.Topic, of, r.Period)
}

func (r *run) close() (err error) {
	for _, c := range []*recipe{r.before, r.after} {
		if c != nil {
			err = errors.Join(err, c.close())
		}
	}
	if r.log != nil {
		err = errors.Join(err, r.log.Close())
	}
	for _, p := range r.parts {
		err = errors.Join(err, p.found.close())
	}
	return err
}

// open opens what is compared and read.
func (r *run) open(ctx context.Context) (err error) {
	for _, side := range []struct {
		Given
		to **recipe
	}{{r.Before, &r.before}, {r.After, &r.after}} {
		if side.Stages != nil {
			if *side.to, err = newRecipe(side.Name, *side.Stages); err != nil {
				return err
			}
		}
	}
	root := r.Store
	if r.before == nil {
		root = r.Before.Output
	}
	if root != "" {
		if r.store, err = openStored(ctx, root); err != nil {
			return err
		}
		r.n = r.store.N()
	}
	if r.after == nil {
		if r.other, err = openStored(ctx, r.After.Output); err != nil {
			return err
		}
	}
	if r.Log.Kind == "" {
		return nil
	}
	spec, err := r.Log.Absolute()
	if err != nil {
		return err
	}
	if r.n == 0 {
		r.n = chunkfolder.DefaultN
		if spec.Kind == archive.Kind {
			f, err := archive.Open(ctx, spec.Root)
			if err != nil {
				return err
			}
			r.n = f.N()
		}
	}
	r.log, err = log.Open(ctx, spec)
	return err
}

// check refuses what cannot be computed, as far as cameras are known before they are seen.
func (r *run) check() error {
	if r.log != nil {
		return nil
	}
	all := map[string]*NeedsFrames{}
	for _, side := range []*recipe{r.before, r.after} {
		for _, p := range r.parts {
			for _, camera := range p.ending {
				if side == nil || !r.wanted(camera) || r.skips(p, camera) {
					continue
				}
				_, err := side.plan(camera, r.footing(p, side, nil))
				var needs *NeedsFrames
				if !errors.As(err, &needs) {
					continue
				}
				key := needs.Name + strings.Join(needs.Analyses, ",")
				if of := all[key]; of != nil {
					of.Cameras = append(of.Cameras, camera)
				} else {
					all[key] = needs
				}
			}
		}
	}
	var bad []error
	for _, key := range slices.Sorted(maps.Keys(all)) {
		bad = append(bad, all[key])
	}
	return errors.Join(bad...)
}

// pass compares all partitions, and returns cameras that have to be computed as a whole.
func (r *run) pass(ctx context.Context, forced map[string]string) (map[string]string, error) {
	r.done.Store(0)
	r.frames.Store(0)
	if r.Watch != nil {
		r.compared = r.Watch()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := r.watch()
	defer stop()
	var all sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, p := range r.parts {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := r.partition(ctx, p, forced); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	for _, p := range r.parts {
		if err := p.close(); err != nil {
			cancel(err)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	again := map[string]string{}
	for _, p := range r.parts {
		for _, l := range p.lanes {
			for _, h := range l.hands() {
				if h.diverged != "" && h.canCompute() {
					again[l.camera] = h.diverged
				}
			}
		}
	}
	return again, nil
}

// progressEvery is how often it is said how far it is, toldEvery to a program.
const (
	progressEvery = 2 * time.Second
	toldEvery     = 300 * time.Millisecond
)

// watch says how far it is until stop is called.
func (r *run) watch() (stop func()) {
	if r.total.Load() == 0 {
		return func() {}
	}
	began, quit := time.Now(), make(chan struct{})
	var all sync.WaitGroup
	every := func(pause time.Duration, say func()) {
		all.Go(func() {
			t := time.NewTicker(pause)
			defer t.Stop()
			for {
				select {
				case <-quit:
					return
				case <-t.C:
					say()
				}
			}
		})
	}
	if r.Told != nil {
		r.Told(0)
		every(toldEvery, func() { r.Told(float64(r.done.Load()) / float64(r.total.Load())) })
	}
	if r.Progress != nil {
		every(progressEvery, func() {
			done, total, frames := r.done.Load(), r.total.Load(), r.frames.Load()
			rate := float64(frames) / time.Since(began).Seconds()
			line := fmt.Sprintf("compared %d frames, %.0f%% (%.0f/s", frames, 100*float64(done)/float64(total), rate)
			attrs := []slog.Attr{slog.Int64("frames", frames), slog.Int64("offsets", done), slog.Int64("of_offsets", total)}
			if done > 0 {
				left := time.Duration(float64(time.Since(began)) / float64(done) * float64(total-done)).Round(time.Second)
				line += fmt.Sprintf(", %v left", left)
				attrs = append(attrs, slog.Float64("seconds_left", left.Seconds()))
			}
			r.Progress.Progress(line+")", attrs...)
		})
	}
	return func() {
		close(quit)
		all.Wait()
		if r.Progress != nil {
			r.Progress.EndProgress()
		}
	}
}

func sentences(m map[string][]string) (all []string) {
	for _, s := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s: %s", named(m[s]), s))
	}
	return all
}

// named lists cameras, the first few by name.
func named(cameras []string) string {
	slices.Sort(cameras)
	cameras = slices.Compact(cameras)
	if more := len(cameras) - MostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more cameras", strings.Join(cameras[:MostNamed], ", "), more)
	}
	return strings.Join(cameras, ", ")
}

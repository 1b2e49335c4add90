package backtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
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

	// seen is called with the two rows of every frame, at once for several cameras.
	seen func(before, after *result.Frame)
	held int64 // bytes of frames held at once for a partition; 0: mostHeld
}

// DefaultWarmUp is a sensible [Job.WarmUp].
const DefaultWarmUp = time.Minute

// stored is an output that is read.
type stored struct {
	*output.Output
	records []*profiles.Record // of its generations
	states  *output.States
	catalog *output.Catalog
}

func openStored(ctx context.Context, root string) (*stored, error) {
	folder, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	o, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return nil, err
	}
	s := &stored{Output: o, catalog: o.Catalog()}
	for _, g := range o.Generations() {
		r, err := profiles.ReadRecord(g.Config)
		if err != nil {
			// What made its rows is not known, so nothing is taken from them.
			slog.Warn("the configuration of a generation cannot be read", "output", folder.Root(), "generation", g.Number, "error", err)
			r = &profiles.Record{}
		}
		s.records = append(s.records, r)
	}
	if len(s.records) > 0 {
		if s.states, err = output.OpenStates(ctx, o.Spec()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// eras are a partition's.
func (s *stored) eras(p chunk.Partition) (eras []era) {
	for _, e := range s.AllStretches(p) {
		eras = append(eras, era{e.From, e.To, e.Begun, s.records[e.Generation.Number-1]})
	}
	return eras
}

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
	frames        atomic.Int64
}

// part is one partition of a run.
type part struct {
	chunk.Partition
	eras     []era // of the store
	base     int64 // the first offset that there is
	from, to int64 // that are looked at
	files    []file
	others   []file // of the other output
	// known are the cameras that were not forgotten before from, with their last offsets;
	// unknown is set if there may have been some and nothing is stored of them.
	known   map[string]int64
	unknown bool
	ending  []string // cameras at its end, as far as is known

	lanes map[string]*lane
	found spool
	// only are frames that one of two outputs has and the other not, skipped those of
	// cameras that the output never looked at.
	only    [2]int64
	skipped int64
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

// divide finds the partitions and what of them is looked at.
func (r *run) divide(ctx context.Context) error {
	var all []chunk.Partition
	if r.store != nil {
		listed, err := r.store.Partitions(ctx)
		if err != nil {
			return err
		}
		for _, p := range listed {
			if p.Topic == r.Topic {
				all = append(all, p)
			}
		}
		if len(all) == 0 {
			return fmt.Errorf("output %s has no results of topic %s", r.store.Folder().Root(), r.Topic)
		}
	} else {
		ids, err := r.log.Partitions(ctx, r.Topic)
		if err != nil {
			return err
		}
		for _, id := range ids {
			all = append(all, chunk.Partition{Topic: r.Topic, ID: id})
		}
	}
	slices.SortFunc(all, func(a, b chunk.Partition) int { return int(a.ID) - int(b.ID) })
	for _, p := range all {
		part := &part{Partition: p}
		var err error
		if r.store != nil {
			err = r.ofStore(ctx, part)
		} else {
			err = r.ofLog(ctx, part)
		}
		if err != nil {
			return err
		}
		r.parts = append(r.parts, part)
		r.total.Add(part.to - part.from)
	}
	return nil
}

// looked is the period with the warm-up before it, if anything is computed, in µs.
func (r *run) looked() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	warmUp := r.WarmUp
	if r.before == nil && r.after == nil {
		warmUp = 0
	}
	if !r.Period.From.IsZero() {
		from = r.Period.From.Add(-warmUp).UnixMicro()
	}
	if !r.Period.To.IsZero() {
		to = r.Period.To.UnixMicro()
	}
	return from, to
}

func (r *run) ofStore(ctx context.Context, p *part) (err error) {
	p.eras = r.store.eras(p.Partition)
	bare, err := r.store.Bare(ctx, p.Partition)
	if err != nil {
		return err
	}
	if p.base, err = r.store.Base(ctx, p.Partition); err != nil || p.base == chunk.None {
		return err
	}
	if p.files, err = r.store.files(ctx, p.Partition); err != nil {
		return err
	}
	from, to := r.looked()
	if r.before == nil && r.after == nil {
		if p.others, err = r.other.files(ctx, p.Partition); err != nil {
			return err
		}
	}
	for len(p.files) > 0 && (p.files[0].last < from || p.files[0].end <= p.base) {
		p.files = p.files[1:]
	}
	for n := len(p.files); n > 0 && p.files[n-1].first >= to; n-- {
		p.files = p.files[:n-1]
	}
	if len(p.files) == 0 {
		return nil
	}
	p.from, p.to = p.files[0].start, p.files[len(p.files)-1].end
	p.from = max(p.from, p.base)
	p.known = map[string]int64{}
	for _, at := range []int64{p.from, p.to} {
		end, ok, err := r.store.end(ctx, p.Partition, chunk.Of(at, r.n)-1)
		if err != nil {
			return err
		}
		if at == p.from && (at > p.base || !bare) {
			p.unknown = !ok
			for _, c := range end.Cameras {
				p.known[c.Camera] = c.Last
			}
		}
		for _, c := range end.Cameras {
			p.ending = append(p.ending, c.Camera)
		}
	}
	return nil
}

// end is that of a chunk; none before the first.
func (s *stored) end(ctx context.Context, p chunk.Partition, k int64) (chunk.End, bool, error) {
	if k < 0 {
		return chunk.End{}, false, nil
	}
	return s.states.End(ctx, p, k)
}

func (r *run) ofLog(ctx context.Context, p *part) (err error) {
	if p.base, p.to, err = r.log.Bounds(ctx, p.Partition); err != nil {
		return err
	}
	p.from = p.base
	if !r.Period.From.IsZero() {
		if p.from, err = r.log.OffsetAt(ctx, p.Partition, r.Period.From.Add(-r.WarmUp)); err != nil {
			return err
		}
		// Chunks are as they would be in an output.
		p.from = max(p.base, p.from/r.n*r.n)
	}
	if !r.Period.To.IsZero() {
		to, err := r.log.OffsetAt(ctx, p.Partition, r.Period.To)
		if err != nil {
			return err
		}
		p.to = max(p.from, min(p.to, (to+r.n-1)/r.n*r.n))
	}
	p.unknown = p.from > p.base
	return nil
}

// footing is what a side stands on in a partition.
func (r *run) footing(p *part, side *recipe, forced map[string]string) *footing {
	f := &footing{partition: p.Partition, eras: p.eras, from: p.from, base: p.base, pixels: r.log != nil, forced: forced}
	if side == r.after {
		f.twin = r.before
	}
	return f
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

func (r *run) wanted(camera string) bool {
	return camera != "" && params.Selects(r.Cameras, camera)
}

// skips reports whether the output that is compared never looked at the camera.
func (r *run) skips(p *part, camera string) bool {
	return r.before == nil && !slices.ContainsFunc(p.eras, func(e era) bool { return e.to > p.from && e.record.Looks(camera) })
}

// pass compares all partitions, and returns cameras that have to be computed as a whole.
func (r *run) pass(ctx context.Context, forced map[string]string) (map[string]string, error) {
	r.done.Store(0)
	r.frames.Store(0)
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
	if err := context.Cause(ctx); err != nil {
		for _, p := range r.parts {
			p.close()
		}
		return nil, err
	}
	again := map[string]string{}
	for _, p := range r.parts {
		p.close()
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

// progressEvery is how often it is said how far it is.
const progressEvery = 2 * time.Second

// watch says how far it is until stop is called.
func (r *run) watch() (stop func()) {
	if r.Progress == nil || r.total.Load() == 0 {
		return func() {}
	}
	began, quit := time.Now(), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-quit:
				r.Progress.EndProgress()
				return
			case <-t.C:
			}
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
		}
	})
	return func() { close(quit); all.Wait() }
}

// file is a results file of a partition.
type file struct {
	name        string
	start, end  int64 // offsets, end excluded
	first, last int64 // capture times, µs: none is outside
}

// files are those of a partition, ascending.
func (s *stored) files(ctx context.Context, p chunk.Partition) (files []file, err error) {
	for try := 1; ; try++ {
		files = nil
		err := s.catalog.Files(ctx, p, 0, func(e output.Entry) error {
			files = append(files, file{e.Name, e.Span.Start, e.Span.End + 1, e.Statistics.First, e.Statistics.Last})
			return nil
		})
		if !notThere(err) || try == looks {
			return files, err
		}
	}
}

// looks bounds how often files are listed anew because one is gone that was listed.
const looks = 8

// notThere reports whether a file is gone that was there when files were listed: a partial
// file that has grown.
func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }

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

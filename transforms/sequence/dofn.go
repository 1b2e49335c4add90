package sequence

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/counters"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func init() {
	beam.RegisterDoFn(&analyzeFn{})
	register.Emitter2[string, element.Part]()
}

var (
	analyzed       = beam.NewCounter("framebeam", "frames_analyzed")
	analysisMicros = counters.New("analysis_micros", "analysis")
)

// Config says what the sequence stage does. It travels to the workers.
type Config struct {
	// Profiles are how cameras are analysed; the first that matches a camera's id is
	// its own. The last should match every camera.
	Profiles   []Profile
	StateLimit int // bytes per camera; 0: DefaultStateLimit
	// Forget is after how many chunks without a frame the source forgets a camera;
	// 0: never.
	Forget int64
	// States is the output in which an earlier job may have left states.
	States output.Spec
	// Paced gives the source its credit back for every run that arrives.
	Paced bool
	// Trace is who is told of frames that are followed. It changes no result.
	Trace tracing.Config
}

// Analyzer makes the analyzer of a camera.
func (c *Config) Analyzer(camera string) (*Analyzer, error) {
	of, err := c.Analyzers()
	if err != nil {
		return nil, err
	}
	return of(camera)
}

// Analyzers makes those of all profiles, and gives each camera its own.
func (c *Config) Analyzers() (of func(camera string) (*Analyzer, error), err error) {
	as, err := newAnalyzers(c)
	if err != nil {
		return nil, err
	}
	return as.of, nil
}

// Analyze takes runs keyed by chunk.Link.Key and gives, keyed by chunk.ID.Key,
// the results of every frame and the state of every camera at every chunk's end.
func Analyze(s beam.Scope, cfg Config, runs beam.PCollection) beam.PCollection {
	s = s.Scope("sequence.Analyze")
	if _, err := newAnalyzers(&cfg); err != nil {
		panic(fmt.Sprintf("sequence.Analyze: %v", err))
	}
	return beam.ParDo(s, &analyzeFn{
		Config: cfg,
		Chain:  state.MakeValueState[[]byte]("mark"), // its name in savepoints
		Camera: state.MakeValueState[[]byte]("camera"),
		Bag:    state.MakeBagState[[]byte]("waiting"),
	}, runs)
}

// analyzeFn keeps a camera's state in two values, so that a worker which still
// has the camera in memory need not read the larger one.
type analyzeFn struct {
	Config Config
	Chain  state.Value[[]byte]
	Camera state.Value[[]byte]
	Bag    state.Bag[[]byte]

	seq    sequencer
	states *output.States
	cache  cameraCache
	tracer *tracing.Tracer
	all    []*Analyzer
	took   map[string]time.Duration // by their steps, as it was counted
}

func (fn *analyzeFn) Setup(ctx context.Context) (err error) {
	pixels.SingleThreaded()
	if fn.tracer, err = tracing.Open(fn.Config.Trace); err != nil {
		return err
	}
	as, err := newAnalyzers(&fn.Config)
	if err != nil {
		return err
	}
	fn.seq = sequencer{as.of, fn.Config.Forget}
	fn.all, fn.took = as.made, map[string]time.Duration{}
	fn.cache = newCameraCache()
	if fn.Config.States.Root != "" {
		if fn.states, err = output.OpenStates(ctx, fn.Config.States); err != nil {
			return err
		}
	}
	return nil
}

func (fn *analyzeFn) Teardown() error {
	fn.cache.clear()
	errs := []error{fn.tracer.Close()}
	for _, a := range fn.all {
		errs = append(errs, a.Close())
	}
	fn.tracer, fn.all = nil, nil
	return errors.Join(errs...)
}

// FinishBundle counts how long the steps took.
func (fn *analyzeFn) FinishBundle(ctx context.Context, _ func(string, element.Part)) {
	now := map[string]time.Duration{}
	for _, a := range fn.all {
		for i, s := range a.steps {
			now[s.Name()] += time.Duration(a.took[i].Load()).Truncate(time.Microsecond)
		}
	}
	for name, took := range now {
		analysisMicros.Add(ctx, name, (took - fn.took[name]).Microseconds())
	}
	fn.took = now
}

func (fn *analyzeFn) ProcessElement(ctx context.Context, p state.Provider, key string, run element.Run, emit func(string, element.Part)) error {
	if err := run.Unpark(); err != nil {
		return err
	}
	if fn.Config.Paced {
		var n int64
		for i := range run.Items {
			n += run.Items[i].Result.Bytes
		}
		element.Pace.Release(n)
	}
	m := chain{position: chunk.None}
	b, ok, err := fn.Chain.Read(p)
	if err != nil {
		return fmt.Errorf("read chain of %s: %w", key, err)
	}
	if ok {
		if m, err = unmarshalChain(b); err != nil {
			return fmt.Errorf("chain of %s: %w", key, err)
		}
	}
	st := &beamStorage{ctx: ctx, fn: fn, p: p, key: key, id: run.Camera, before: m.position, chain: &m}
	begun := time.Now()
	parts, err := fn.seq.process(&m, &run, st)
	if err != nil {
		return err
	}
	crashpoint.At("sequence-run")
	if err := fn.Chain.Write(p, m.marshal()); err != nil {
		return fmt.Errorf("write chain of %s: %w", key, err)
	}
	for _, part := range parts {
		analyzed.Inc(ctx, int64(len(part.Results)))
		element.Trace(fn.tracer, part.Results, tracing.Sequence, begun)
		emit(part.ID.Key(), part)
	}
	return nil
}

// beamStorage is one camera's state for the time of one element.
type beamStorage struct {
	ctx    context.Context
	fn     *analyzeFn
	p      state.Provider
	key    string
	id     string // the camera's
	before int64  // its position before the element
	chain  *chain
}

func (st *beamStorage) camera() (*Camera, error) {
	if c := st.fn.cache.take(st.key, st.before); c != nil {
		return c, nil
	}
	b, ok, err := st.fn.Camera.Read(st.p)
	if err != nil || !ok {
		return nil, err
	}
	c, err := st.decode(b)
	if err != nil {
		return nil, fmt.Errorf("keyed state of %s: %w", st.key, err)
	}
	return c, nil
}

func (st *beamStorage) decode(saved []byte) (*Camera, error) {
	a, err := st.fn.seq.analyzer(st.id)
	if err != nil {
		return nil, err
	}
	return a.Restore(saved)
}

func (st *beamStorage) put(c *Camera) error {
	if c == nil {
		return st.fn.Camera.Clear(st.p)
	}
	b, err := c.Save()
	if err != nil {
		return fmt.Errorf("keyed state of %s: %w", st.key, err)
	}
	if err := st.fn.Camera.Write(st.p, b); err != nil {
		return err
	}
	st.fn.cache.put(st.key, st.chain.position, c)
	return nil
}

func (st *beamStorage) restore(l *chunk.Link) (*Camera, error) {
	if st.fn.states == nil {
		return nil, fmt.Errorf("camera %s goes on from %v, but no output is configured to read its state from", l.Camera, l.ID())
	}
	b, at, ok, err := st.fn.states.Load(st.ctx, l.Partition, l.Restore, l.Camera)
	if err != nil {
		return nil, err
	}
	if want := chunk.EndPosition(l.Restore, l.N); !ok || at != want {
		return nil, fmt.Errorf("%v: the states of chunk %d have none of camera %s at position %d", l.Partition, l.Restore, l.Camera, want)
	}
	c, err := st.decode(b)
	if err != nil {
		return nil, fmt.Errorf("%v chunk %d camera %s: %w", l.Partition, l.Restore, l.Camera, err)
	}
	return c, nil
}

func (st *beamStorage) wait(r *element.Run) error { return st.fn.Bag.Add(st.p, r.Marshal()) }

func (st *beamStorage) waiting() ([]element.Run, error) {
	bs, _, err := st.fn.Bag.Read(st.p)
	if err != nil {
		return nil, err
	}
	runs := make([]element.Run, len(bs))
	for i, b := range bs {
		if runs[i], err = element.UnmarshalRun(b); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

func (st *beamStorage) replaceWaiting(runs []element.Run) error {
	if err := st.fn.Bag.Clear(st.p); err != nil {
		return err
	}
	for i := range runs {
		if err := st.wait(&runs[i]); err != nil {
			return err
		}
	}
	return nil
}

// How many cameras a worker's instance keeps decoded, and how many bytes of pixels with
// them: one has about a previous frame in gray, 300 KB at 640x480.
const (
	cachedCameras = 128
	cachedBytes   = 64 << 20
)

// cameraCache saves decoding a camera's keyed state when the same instance
// handled its last run. An entry is as good as the state if it stands at the
// same position, since a state is a function of the log up to there.
type cameraCache struct {
	entries map[string]*list.Element
	byUse   *list.List // of *cachedCamera, the latest first
	bytes   int
}

type cachedCamera struct {
	key      string
	position int64
	camera   *Camera
	bytes    int // that it holds
}

func newCameraCache() cameraCache {
	return cameraCache{entries: map[string]*list.Element{}, byUse: list.New()}
}

// take gives the camera away if it stands at the position.
func (c *cameraCache) take(key string, position int64) *Camera {
	e, ok := c.entries[key]
	if !ok {
		return nil
	}
	got := c.remove(e)
	if got.position != position {
		got.camera.Close()
		return nil
	}
	return got.camera
}

func (c *cameraCache) put(key string, position int64, cam *Camera) {
	c.drop(key)
	entry := &cachedCamera{key, position, cam, cam.held()}
	c.entries[key] = c.byUse.PushFront(entry)
	c.bytes += entry.bytes
	for c.byUse.Len() > cachedCameras || c.bytes > cachedBytes {
		c.drop(c.byUse.Back().Value.(*cachedCamera).key)
	}
}

func (c *cameraCache) drop(key string) {
	if e, ok := c.entries[key]; ok {
		c.remove(e).camera.Close()
	}
}

func (c *cameraCache) remove(e *list.Element) *cachedCamera {
	got := c.byUse.Remove(e).(*cachedCamera)
	delete(c.entries, got.key)
	c.bytes -= got.bytes
	return got
}

func (c *cameraCache) clear() {
	for key := range c.entries {
		c.drop(key)
	}
}

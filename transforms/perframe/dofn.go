package perframe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/counters"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func init() {
	beam.RegisterDoFn(&analyzeFn{})
	register.Emitter2[string, element.Run]()
	register.Emitter2[string, element.Part]()
}

// Config says what the per-frame stage does. It travels to the workers.
type Config struct {
	// Parse is how records are parsed.
	Parse frame.ParseOptions
	// Profiles are what is looked for; the first that matches a camera's id is its own.
	Profiles []Profile
	// Cameras are patterns of the ids of cameras, see [params.Matches]; frames of others
	// are skipped, unread. None: no camera's are.
	Cameras []string
	// HandOver leaves gray pixels in [pixels.Handover] for a sequence stage in
	// the same process. It changes no result.
	HandOver bool
	// Park keeps the frames in this process while their runs cross the shuffle;
	// see element.Run.Park. It changes no result.
	Park bool
	// Paced gives the source its credit back for the records that end here.
	Paced bool
	// Trace is who is told of frames that are followed. It changes no result.
	Trace tracing.Config
}

// Profile is what is looked for in the frames of the cameras whose ids match.
type Profile struct {
	// Match is a camera's id, or a pattern of path.Match; "": every camera.
	Match string
	// Analyses are run in this order.
	Analyses []params.Spec
	// Pixels is what the sequence stage will ask for. A frame of which it cannot
	// be had is a dead letter from here on.
	Pixels frame.Pixels
	// Digest is of the cameras' whole configuration and goes into every result.
	Digest string
}

// Resolve completes the parameters of all analyses, where a job is described; see
// [Kind]. Digests of the configuration are to be made of what it returns.
func (c Config) Resolve() (Config, error) {
	var errs []error
	c.Profiles = slices.Clone(c.Profiles)
	for i := range c.Profiles {
		specs := slices.Clone(c.Profiles[i].Analyses)
		for j, s := range specs {
			var err error
			specs[j], err = Resolve(s)
			errs = append(errs, err)
		}
		c.Profiles[i].Analyses = specs
	}
	return c, errors.Join(errs...)
}

// Analyze takes runs (chunk.Run) and gives
//   - keyed by chunk.Link.Key, the runs of cameras (element.Run) with their
//     frames parsed and analysed; Save and Clear runs pass through;
//   - keyed by chunk.ID.Key, the results (element.Part) of Stray runs.
//
// Every frame is decoded, to gray at least, whatever the analyses need: so
// whether a frame is a dead letter does not depend on what is looked for in it
// (but for a pipe that fails, see [PipeConfig]).
// It panics when the configuration is wrong.
func Analyze(s beam.Scope, cfg Config, runs beam.PCollection) (sequenced, stray beam.PCollection) {
	s = s.Scope("perframe.Analyze")
	cfg, err := cfg.Resolve()
	if err != nil {
		panic(fmt.Sprintf("perframe.Analyze: %v", err))
	}
	a, err := NewAnalyzer(cfg)
	if err != nil {
		panic(fmt.Sprintf("perframe.Analyze: %v", err))
	}
	if err := a.Close(); err != nil {
		panic(fmt.Sprintf("perframe.Analyze: %v", err))
	}
	return beam.ParDo2(s, &analyzeFn{Config: cfg}, runs)
}

var (
	droppedBoxes   = beam.NewCounter("framebeam", "boxes_dropped")
	analysisMicros = counters.New("analysis_micros", "analysis")
)

type analyzeFn struct {
	Config Config

	analyzer *Analyzer
	tracer   *tracing.Tracer
	counted  int64                    // of the boxes that the analyzer dropped
	took     map[string]time.Duration // of what its analyses took
}

func (fn *analyzeFn) Setup() (err error) {
	pixels.SingleThreaded()
	fn.counted, fn.took = 0, map[string]time.Duration{}
	if fn.analyzer, err = NewAnalyzer(fn.Config); err != nil {
		return err
	}
	fn.tracer, err = tracing.Open(fn.Config.Trace)
	return err
}

// FinishBundle counts what was left out.
func (fn *analyzeFn) FinishBundle(ctx context.Context, _ func(string, element.Run), _ func(string, element.Part)) {
	droppedBoxes.Inc(ctx, fn.analyzer.Dropped-fn.counted)
	fn.counted = fn.analyzer.Dropped
	for name, took := range fn.analyzer.Took {
		took = took.Truncate(time.Microsecond)
		analysisMicros.Add(ctx, name, (took - fn.took[name]).Microseconds())
		fn.took[name] = took
	}
}

// Teardown releases what the analyses hold.
func (fn *analyzeFn) Teardown() error {
	if fn.analyzer == nil {
		return nil
	}
	a, tracer := fn.analyzer, fn.tracer
	fn.analyzer, fn.tracer = nil, nil
	return errors.Join(a.Close(), tracer.Close())
}

func (fn *analyzeFn) ProcessElement(run chunk.Run, sequenced func(string, element.Run), stray func(string, element.Part)) error {
	out := element.Run{Link: run.Link}
	if len(run.Records) > 0 {
		out.Items = make([]element.Item, len(run.Records))
	}
	var bytes int64
	for i := range run.Records {
		rec := &run.Records[i]
		bytes += int64(len(rec.Value))
		var err error
		begun := time.Now()
		if out.Items[i], err = fn.analyzer.Analyze(run.Partition, rec); err != nil {
			return fmt.Errorf("%v offset %d: %w", run.Partition, rec.Offset, err)
		}
		if at, ok := tracing.OfRecord(rec); ok {
			fn.tracer.Span(at, tracing.Analyze, begun, time.Now())
		}
	}
	if run.Kind != chunk.Stray {
		if fn.Config.Park {
			out.Park()
		}
		sequenced(run.Key(), out)
		return nil
	}
	part := element.Part{ID: run.ID()}
	for i := range out.Items {
		part.Results = append(part.Results, out.Items[i].Result)
	}
	stray(part.Key(), part)
	if fn.Config.Paced {
		element.Pace.Release(bytes)
	}
	return nil
}

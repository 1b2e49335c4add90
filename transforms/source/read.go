package source

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/log"
)

func init() {
	beam.RegisterDoFn(&readFn{})
	register.Emitter2[beam.EventTime, chunk.Run]()
	register.Emitter2[beam.EventTime, chunk.End]()
	beam.RegisterCoder(reflect.TypeOf(Task{}), func(t Task) []byte { return t.Marshal() }, UnmarshalTask)
	beam.RegisterCoder(reflect.TypeOf(Restriction{}), func(r Restriction) []byte { return r.Marshal() }, UnmarshalRestriction)
}

// name is what engines know the transform and its metrics by. It is the package's name of
// once: savepoints, dashboards and alerts have it.
const name = "kafkasource"

// Read reads partitions of a log and returns
//   - runs: PCollection<chunk.Run>, every record once, in chains of positions per
//     camera, with the Save and Clear links that belong to them;
//   - ends: PCollection<chunk.End>, one per chunk, and partial ones.
//
// It panics, naming every violation, when cfg or a task is invalid: ask
// [Config.Validate] before. The tasks are fixed when the pipeline is made:
// engines execute stages again, and partitions that a topic gets later are not
// read by a running job.
func Read(s beam.Scope, cfg Config, tasks []Task) (runs, ends beam.PCollection) {
	s = s.Scope(name + ".Read")
	if err := errors.Join(cfg.Validate(), cfg.validateTasks(tasks)); err != nil {
		panic(fmt.Sprintf("source.Read: %v", err))
	}
	element.Pace.Reset()
	r := reader{Config: cfg.withDefaults()}
	if cfg.TickEvery > 0 {
		return readOnTicks(s, r, tasks)
	}
	col := beam.CreateList(s, tasks)
	if cfg.OneCall {
		// All of a list is on one worker.
		return beam.ParDo2(s, &boundedFn{r}, beam.Reshuffle(s, col))
	}
	return beam.ParDo2(s, &readFn{r}, col)
}

// Delays before a call is taken up again.
const (
	paceDelay = 5 * time.Millisecond // no credit
	// beat is how often a log is looked at again whose end was reached: at the same
	// moments for all partitions. A bundle costs the same for one frame as for many, and
	// a live job on prism spends more on bundles than on frames if each frame has its
	// own (make bench: 6 times the bare loop without beats, 3.4 with them).
	beat         = 200 * time.Millisecond
	idleDelay    = beat // nothing to read; doubled up to maxIdleDelay
	maxIdleDelay = 2 * time.Second
	// pollWait is how long a call waits for a first record. Partitions of one
	// worker may take turns in one bundle, so none may hold up the others.
	pollWait = 10 * time.Millisecond
)

var (
	recordsRead = beam.NewCounter(name, "records")
	bytesRead   = beam.NewCounter(name, "bytes")
	gaps        = beam.NewCounter(name, "gaps") // offsets that hold no record
	resumes     = beam.NewCounter(name, "resumes")
)

// logs are those that the readers of this process have open.
var logs element.Shared[log.Log]

// reader reads a log; the DoFns for splittable, ticked and bounded reading share it.
// What it emits depends only on the restriction and the log. Clock and memory decide only
// when it hands back to the engine.
type reader struct {
	Config Config

	log    *element.Share[log.Log]
	idle   map[string]*idleness // by task
	tracer *tracing.Tracer
}

// idleness is since when a partition has had nothing new.
type idleness struct {
	since time.Time
	next  time.Duration
	size  int64 // about the bytes of one record, to fetch no more than is wanted

	told time.Time // when an interim end was told, or could have been
	upTo int64     // and up to where
}

// Setup opens the log.
func (f *reader) Setup(ctx context.Context) (err error) {
	if f.log != nil {
		return nil
	}
	f.log, err = logs.Acquire(fmt.Sprintf("%#v", f.Config.Log), func() (log.Log, error) { return log.Open(ctx, f.Config.Log) })
	if err != nil {
		return fmt.Errorf("kafka source: %w", err)
	}
	if f.tracer, err = tracing.Open(f.Config.Trace); err != nil {
		return errors.Join(err, f.Teardown())
	}
	f.idle = map[string]*idleness{}
	element.Pace.SetLimit(f.Config.Credit)
	return nil
}

// Teardown gives the log back.
func (f *reader) Teardown() error {
	if f.log == nil {
		return nil
	}
	l, tracer := f.log, f.tracer
	f.log, f.tracer = nil, nil
	return errors.Join(l.Release(), tracer.Close())
}

// ours makes sure that a task is of this job.
func (f *reader) ours(t *Task) error {
	if t.Generation != f.Config.Generation {
		return fmt.Errorf("%v: read in generation %d, the job is of %d: %w", t, t.Generation, f.Config.Generation, output.ErrOtherGeneration)
	}
	return nil
}

// readFn reads one partition per element, call by call.
type readFn struct{ reader }

// CreateInitialRestriction returns all of the task.
func (f *readFn) CreateInitialRestriction(t Task) Restriction {
	return newRestriction(&t, f.Config.N)
}

// SplitRestriction does not split: a partition has one order and one reader.
func (f *readFn) SplitRestriction(_ Task, r Restriction) []Restriction { return []Restriction{r} }

// RestrictionSize is the backlog in records.
func (f *readFn) RestrictionSize(_ Task, r Restriction) float64 { return float64(r.backlog()) }

// CreateTracker returns the restriction's tracker.
func (f *readFn) CreateTracker(r Restriction) *Tracker { return NewTracker(r) }

// InitialWatermarkEstimatorState is the first position.
func (f *readFn) InitialWatermarkEstimatorState(_ beam.EventTime, r Restriction, _ Task) int64 {
	return r.Next
}

// CreateWatermarkEstimator restores the watermark.
func (f *readFn) CreateWatermarkEstimator(position int64) *watermark { return newWatermark(position) }

// WatermarkEstimatorState is the watermark's position.
func (f *readFn) WatermarkEstimatorState(w *watermark) int64 { return w.position.Load() }

// ProcessElement reads on from where the restriction stands, until one of the
// bounds of a call is reached, the log has nothing more, or the task is at its end.
func (f *readFn) ProcessElement(
	ctx context.Context, w *watermark, rt *Tracker, task Task,
	emitRun func(beam.EventTime, chunk.Run), emitEnd func(beam.EventTime, chunk.End),
) (sdf.ProcessContinuation, error) {
	if err := f.ours(&task); err != nil {
		return nil, err
	}
	cont, err := f.begin(&task, rt, w, emitRun, emitEnd).process(ctx)
	if err != nil {
		return nil, err
	}
	if cont.ShouldResume() {
		crashpoint.At("source-checkpoint")
		resumes.Inc(ctx, 1)
	}
	return cont, nil
}

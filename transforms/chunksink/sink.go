// Package chunksink collects the parts of each chunk until they are exactly
// those that the chunk's end names, and then publishes the chunk's files once.
package chunksink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/counters"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

func init() {
	beam.RegisterDoFn(&writeFn{})
	beam.RegisterDoFn(&dropFn{})
	register.Emitter2[string, Committed]()
	register.Emitter2[string, int]()
	beam.RegisterType(reflect.TypeOf(Committed{}))
}

// Config says where the sink writes. It travels to the workers.
type Config struct {
	Output   output.Spec
	Pictures output.PicturesSpec
	// Trace is who is told of frames that are followed. It changes no result.
	Trace tracing.Config
}

// Committed tells of a file that is published.
type Committed struct {
	Name    string // of the results file, relative to the output folder
	Rows    int
	Partial bool
	Digest  string // SHA-256 of the file, hex
}

// Write takes parts keyed by chunk.ID.Key, collects each chunk and publishes its
// files once it is complete. It gives a Committed per results file, keyed as the
// parts; at least once. Give them to another stage, or to [Finish].
func Write(s beam.Scope, cfg Config, parts beam.PCollection) beam.PCollection {
	s = s.Scope("chunksink.Write")
	if err := cfg.Pictures.Check(); err != nil {
		panic(fmt.Sprintf("chunksink.Write: %v", err))
	}
	if cfg.Output.Root == "" || cfg.Output.N < 1 || cfg.Output.Generation < 1 {
		panic(fmt.Sprintf("chunksink.Write: not an output: %+v", cfg.Output))
	}
	return beam.ParDo(s, &writeFn{
		Config:  cfg,
		Summary: state.MakeValueState[[]byte]("summary"),
		Parts:   state.MakeBagState[[]byte]("parts"),
		Recent:  state.MakeBagState[[]byte]("recent"),
	}, parts)
}

// writeFn is the stateful sink. A finished key has no state.
type writeFn struct {
	Config  Config
	Summary state.Value[[]byte] // a Collector
	Parts   state.Bag[[]byte]   // what it said to keep, but for Recent
	Recent  state.Bag[[]byte]   // what is not in an interim beginning yet

	writer   *output.Writer
	pictures output.Pictures
	tracer   *tracing.Tracer

	chunks, partials, rows, late, bytes, partialBytes beam.Counter
	dead, events                                      *counters.ByLabel
}

// Setup opens the output.
func (fn *writeFn) Setup(ctx context.Context) error {
	fn.chunks = beam.NewCounter("framebeam", "chunks_committed")
	fn.partials = beam.NewCounter("framebeam", "partials_committed")
	fn.rows = beam.NewCounter("framebeam", "results_committed")
	fn.dead = counters.New("dead_letters_committed", "reason")
	fn.events = counters.New("events_committed", "type")
	fn.bytes = beam.NewCounter("framebeam", "bytes_committed")
	fn.partialBytes = beam.NewCounter("framebeam", "partial_bytes_committed")
	fn.late = beam.NewCounter("framebeam", "late_parts_dropped")
	if fn.writer != nil {
		return nil
	}
	pics, err := fn.Config.Pictures.Open(ctx)
	if err != nil {
		return err
	}
	w, err := output.OpenWriter(ctx, fn.Config.Output)
	if err != nil {
		return errors.Join(err, closePictures(pics))
	}
	fn.writer, fn.pictures = w, pics
	fn.tracer, err = tracing.Open(fn.Config.Trace)
	return err
}

// Teardown closes what Setup opened.
func (fn *writeFn) Teardown() error {
	pics, tracer := fn.pictures, fn.tracer
	fn.writer, fn.pictures, fn.tracer = nil, nil, nil
	return errors.Join(closePictures(pics), tracer.Close())
}

func closePictures(p output.Pictures) error {
	if c, ok := p.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// ProcessElement adds one part to its chunk.
func (fn *writeFn) ProcessElement(ctx context.Context, p state.Provider, key string, part element.Part, emit func(string, Committed)) error {
	c, err := fn.collector(ctx, p, part.ID)
	if err != nil {
		return err
	}
	if c == nil {
		fn.late.Inc(ctx, 1)
		return nil
	}
	keep, ready, err := c.Add(&part, func() ([][]byte, error) { return fn.kept(p) })
	if err != nil {
		return err
	}
	if ready != nil && !ready.End.Partial {
		begun := time.Now()
		done, err := fn.writer.Commit(ctx, ready.End, ready.Rows, ready.States, fn.pictures)
		if err != nil {
			return err
		}
		if done.Name != "" { // else it was given up: another job had made it
			fn.count(ctx, ready.Rows, done.Bytes)
			element.Trace(fn.tracer, ready.Rows, tracing.Commit, begun)
			emit(key, Committed{Name: done.Name, Rows: done.Rows, Digest: done.Digest})
		}
		return errors.Join(fn.Summary.Clear(p), fn.Parts.Clear(p), fn.Recent.Clear(p))
	}
	if keep != nil {
		if err := fn.Recent.Add(p, keep); err != nil {
			return fmt.Errorf("%v: keep part: %w", part.ID, err)
		}
	}
	switch {
	case ready == nil:
	case ready.End.Interim:
		if err := fn.interim(ctx, p, key, ready.End, emit); err != nil {
			return err
		}
	default:
		done, err := fn.writer.CommitPartial(ctx, ready.End, ready.Rows, fn.pictures)
		if err != nil {
			return err
		}
		if done.Name != "" {
			fn.partials.Inc(ctx, 1)
			fn.partialBytes.Inc(ctx, done.Bytes)
			emit(key, Committed{Name: done.Name, Rows: done.Rows, Partial: true, Digest: done.Digest})
		}
	}
	if err := fn.Summary.Write(p, c.Marshal()); err != nil {
		return fmt.Errorf("%v: keep summary: %w", part.ID, err)
	}
	return nil
}

// kept is all that was kept.
func (fn *writeFn) kept(p state.Provider) ([][]byte, error) {
	parts, _, err := fn.Parts.Read(p)
	if err != nil {
		return nil, err
	}
	recent, _, err := fn.Recent.Read(p)
	return slices.Concat(parts, recent), err
}

// interim publishes what has come since an interim beginning was published last. Only that is
// looked at, so what it costs does not grow with the chunk.
func (fn *writeFn) interim(ctx context.Context, p state.Provider, key string, end chunk.End, emit func(string, Committed)) error {
	recent, _, err := fn.Recent.Read(p)
	if err != nil {
		return fmt.Errorf("%v: read parts: %w", end.ID, err)
	}
	rows, before, after, err := sinceThen(end.ID, recent, end.UpTo)
	if err != nil {
		return err
	}
	all := func() ([]result.Frame, error) {
		kept, err := fn.kept(p)
		if err != nil {
			return nil, err
		}
		whole, _, _, err := sinceThen(end.ID, kept, end.UpTo)
		return whole, err
	}
	done, err := fn.writer.CommitInterim(ctx, end, rows, all)
	if err != nil {
		return err
	}
	if err := fn.Recent.Clear(p); err != nil {
		return fmt.Errorf("%v: keep parts: %w", end.ID, err)
	}
	for _, b := range before {
		err = errors.Join(err, fn.Parts.Add(p, b))
	}
	for _, b := range after {
		err = errors.Join(err, fn.Recent.Add(p, b))
	}
	if err != nil {
		return fmt.Errorf("%v: keep parts: %w", end.ID, err)
	}
	if done.Name != "" {
		fn.partials.Inc(ctx, 1)
		fn.partialBytes.Inc(ctx, done.Bytes)
		emit(key, Committed{Name: done.Name, Rows: done.Rows, Partial: true, Digest: done.Digest})
	}
	return nil
}

// collector returns the key's collector, or nil if the chunk is complete
// already: then the part repeats what is in the output.
func (fn *writeFn) collector(ctx context.Context, p state.Provider, id chunk.ID) (*Collector, error) {
	b, ok, err := fn.Summary.Read(p)
	if err != nil {
		return nil, fmt.Errorf("%v: read summary: %w", id, err)
	}
	if !ok || len(b) == 0 {
		done, err := fn.writer.Done(ctx, id)
		if err != nil || done {
			return nil, err
		}
		return NewCollector(id, fn.Config.Output.Generation), nil
	}
	c, err := UnmarshalCollector(b)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", id, err)
	}
	if c.Generation() != fn.Config.Output.Generation {
		return nil, fmt.Errorf("%v: keyed state is of generation %d, the job of %d: %w",
			id, c.Generation(), fn.Config.Output.Generation, output.ErrOtherGeneration)
	}
	return c, nil
}

// FinishBundle counts what this worker takes: every bundle of a job ends here at last.
func (fn *writeFn) FinishBundle(ctx context.Context, _ func(string, Committed)) { counters.CPU(ctx) }

func (fn *writeFn) count(ctx context.Context, rows []result.Frame, bytes int64) {
	fn.bytes.Inc(ctx, bytes)
	fn.chunks.Inc(ctx, 1)
	fn.rows.Inc(ctx, int64(len(rows)))
	for i := range rows {
		if rows[i].Status == result.Dead {
			fn.dead.Add(ctx, rows[i].Reason, 1)
		}
		for j := range rows[i].Events {
			fn.events.Add(ctx, rows[i].Events[j].Type, 1)
		}
	}
}

// Finish ends a pipeline after [Write]: see [element.End].
func Finish(s beam.Scope, committed beam.PCollection) {
	s = s.Scope("chunksink.Finish")
	element.End(s, beam.ParDo(s, &dropFn{}, committed))
}

type dropFn struct{}

// ProcessElement emits nothing.
func (*dropFn) ProcessElement(string, Committed, func(string, int)) {}

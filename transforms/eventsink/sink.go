package eventsink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/result"
)

func init() {
	beam.RegisterDoFn(&publishFn{})
	register.Emitter2[string, element.Part]()
}

// Write publishes the events in the results of parts and gives the parts on, to
// [chunksink.Write]: KV<string, element.Part>. Take them as the sequence stage gives
// them, since every shuffle may change their order.
//
// A part goes on when all its events are acknowledged by all replicas in sync. So a
// result is never written, and a job never goes on behind it, before its events are
// published. What an engine does again is published again, under the same ids.
func Write(s beam.Scope, cfg Config, parts beam.PCollection) beam.PCollection {
	s = s.Scope("eventsink.Write")
	if err := cfg.Validate(); err != nil {
		panic(fmt.Sprintf("eventsink.Write: %v", err))
	}
	return beam.ParDo(s, &publishFn{Config: cfg}, parts)
}

type publishFn struct {
	Config Config

	to     *element.Share[publisher]
	tracer *tracing.Tracer

	published beam.Counter
}

// Setup opens the topic.
func (fn *publishFn) Setup(ctx context.Context) (err error) {
	fn.published = beam.NewCounter("framebeam", "events_published")
	if fn.tracer, err = tracing.Open(fn.Config.Trace); err != nil {
		return err
	}
	return fn.open(ctx)
}

func (fn *publishFn) open(ctx context.Context) (err error) {
	if fn.to == nil {
		fn.to, err = acquire(ctx, fn.Config)
	}
	return err
}

// Teardown closes it.
func (fn *publishFn) Teardown() error {
	tracer := fn.tracer
	fn.tracer = nil
	if fn.to == nil {
		return tracer.Close()
	}
	to := fn.to
	fn.to = nil
	return errors.Join(to.Release(), tracer.Close())
}

// StartBundle opens the topic again if it was given up in the bundle before.
func (fn *publishFn) StartBundle(ctx context.Context, _ func(string, element.Part)) error {
	return fn.open(ctx)
}

// ProcessElement publishes the part's events and emits the part.
func (fn *publishFn) ProcessElement(ctx context.Context, key string, part element.Part, emit func(string, element.Part)) error {
	var n int64
	var told []result.Frame // whose events are published
	begun := time.Now()
	for i := range part.Results {
		if r := &part.Results[i]; r.Offset < fn.Config.From[r.Partition] {
			continue
		}
		recs, err := records(&part.Results[i])
		if err != nil {
			return err
		}
		if fn.tracer != nil && len(recs) > 0 {
			told = append(told, part.Results[i])
		}
		for _, rec := range recs {
			if err := fn.to.Value.Publish(ctx, rec); err != nil {
				return fn.failed(err)
			}
			n++
		}
	}
	if n > 0 {
		if err := fn.to.Value.Flush(ctx); err != nil {
			return fn.failed(err)
		}
		fn.published.Inc(ctx, n)
		element.Trace(fn.tracer, told, tracing.PublishEvents, begun)
	}
	emit(key, part)
	return nil
}

func (fn *publishFn) failed(err error) error {
	// The engine ends the job, or does the bundle again. A partition that was given up
	// stays so, and another publisher is needed then.
	err = errors.Join(err, fn.to.Discard(), fn.to.Release())
	fn.to = nil
	return fmt.Errorf("publish events to topic %s: %w", fn.Config.Topic, err)
}

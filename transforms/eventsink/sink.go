package eventsink

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/chunksink"
)

func init() {
	register.DoFn4x1[context.Context, string, chunksink.Part, func(string, int), error](&publishFn{})
	register.DoFn2x0[string, func(*int) bool](&endFn{})
	register.Emitter2[string, int]()
	register.Iter1[int]()
}

// Write publishes the events in the results of parts, which go to [chunksink.Write]
// too: KV<string, chunksink.Part>. Take them as the sequence stage gives them, since
// every shuffle may change their order.
//
// A bundle is done when all its events are acknowledged by all replicas in sync; what
// an engine does again is published again, under the same ids.
func Write(s beam.Scope, cfg Config, parts beam.PCollection) {
	s = s.Scope("eventsink.Write")
	if err := cfg.Validate(); err != nil {
		panic(fmt.Sprintf("eventsink.Write: %v", err))
	}
	// Nothing is grouped: engines need somebody to take what the stage gives, which is
	// nothing; see chunksink.Finish.
	nothing := beam.ParDo(s, &publishFn{Config: cfg}, parts)
	beam.ParDo0(s, &endFn{}, beam.GroupByKey(s, nothing))
}

type publishFn struct {
	Config Config

	to     *publisher
	queued int64 // in this bundle

	published beam.Counter
}

// Setup opens the topic.
func (fn *publishFn) Setup(ctx context.Context) error {
	fn.published = beam.NewCounter("framebeam", "events_published")
	return fn.open(ctx)
}

func (fn *publishFn) open(ctx context.Context) (err error) {
	if fn.to == nil {
		fn.to, err = acquire(ctx, fn.Config)
	}
	return err
}

// Teardown closes it.
func (fn *publishFn) Teardown() {
	if fn.to != nil {
		fn.to.release()
		fn.to = nil
	}
}

// StartBundle opens the topic again if it was given up in the bundle before.
func (fn *publishFn) StartBundle(ctx context.Context, _ func(string, int)) error {
	fn.queued = 0
	return fn.open(ctx)
}

// ProcessElement sends the part's events on their way; it emits nothing.
func (fn *publishFn) ProcessElement(ctx context.Context, _ string, part chunksink.Part, _ func(string, int)) error {
	for i := range part.Results {
		recs, err := records(&part.Results[i])
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if err := fn.to.Publish(ctx, rec); err != nil {
				return fn.failed(err)
			}
			fn.queued++
		}
	}
	return nil
}

// FinishBundle waits until they have arrived.
func (fn *publishFn) FinishBundle(ctx context.Context, _ func(string, int)) error {
	if fn.queued == 0 {
		return nil
	}
	if err := fn.to.Flush(ctx); err != nil {
		return fn.failed(err)
	}
	fn.published.Inc(ctx, fn.queued)
	return nil
}

func (fn *publishFn) failed(err error) error {
	// The engine ends the job, or does the bundle again.
	fn.to.discard()
	fn.to.release()
	fn.to = nil
	return fmt.Errorf("publish events to topic %s: %w", fn.Config.Topic, err)
}

type endFn struct{}

// ProcessElement is never called: nothing is grouped.
func (*endFn) ProcessElement(string, func(*int) bool) {}

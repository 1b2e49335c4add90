package launch

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
)

// SparkEndpoint is where Spark's job server is looked for without --endpoint.
const SparkEndpoint = "localhost:8098"

// cancelPatience is for how long a cancelled job is waited for.
const cancelPatience = 30 * time.Second

// spark runs a job with an end: Spark's portable runner knows no other.
func spark(ctx context.Context, p *beam.Pipeline, m *Meter) error {
	options, err := optionsOf(Spark)
	if err != nil {
		return err
	}
	s, stop, err := submit(ctx, p, cmp.Or(*jobopts.Endpoint, SparkEndpoint), options)
	if err != nil {
		return err
	}
	defer stop()
	defer m.watch(ctx, s.metrics)()
	err = s.wait(ctx)
	if ctx.Err() != nil {
		after, done := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
		defer done()
		if err := s.cancel(after); err != nil {
			return fmt.Errorf("%w; the job may go on, cancelling it failed: %w", ctx.Err(), err)
		}
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	m.ask(ctx, s.metrics)
	return nil
}

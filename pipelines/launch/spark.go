package launch

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
)

// SparkEndpoint is where Spark's job server is looked for without --endpoint.
const SparkEndpoint = "localhost:8098"

// cancelPatience is for how long a cancelled job is waited for.
const cancelPatience = 30 * time.Second

// sparkMust are the options with which jobs on Spark do not fail.
var sparkMust = map[string]mustBe{
	"storage_level": {"MEMORY_ONLY", "a stage's results cannot be written to disk, so a job fails when memory is short (not serializable result: RawUnionValue)"},
}

// A job server for Spark runs one job at a time, and this is what it says of another.
const oneContext = "Only one SparkContext should be running in this JVM"

// turn is how often a job is offered to a job server that runs another.
const turn = 5 * time.Second

// spark runs a job with an end: Spark's portable runner knows no other. If the job
// server runs another job, such as what is left of one whose command was killed, that is
// waited for.
func spark(ctx context.Context, p *beam.Pipeline, m *Meter) error {
	options, err := optionsOf(Spark)
	if err != nil {
		return err
	}
	endpoint := cmp.Or(*jobopts.Endpoint, SparkEndpoint)
	return inTurn(ctx, endpoint, turn, func() error { return sparkJob(ctx, p, m, endpoint, options) })
}

// inTurn runs a job again and again while the job server refuses it for another.
func inTurn(ctx context.Context, endpoint string, every time.Duration, job func() error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for told := false; ; told = true {
		err := job()
		if err == nil || !strings.Contains(err.Error(), oneContext) {
			return err
		}
		if !told {
			slog.Warn("the job server runs another job, waiting for its end", "server", endpoint)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func sparkJob(ctx context.Context, p *beam.Pipeline, m *Meter, endpoint string, options engineOptions) error {
	s, stop, err := submitTo(ctx, p, endpoint, options)
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
			return &NotCancelled{s.name, s.id, ctx.Err(), err, "on the page of Spark's master, or by ending the job server " + endpoint}
		}
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	m.ask(ctx, s.metrics)
	return nil
}

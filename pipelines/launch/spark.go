package launch

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	runnerconfigs "github.com/framebeam/framebeam/runner-configs"
)

// Spark is reached by a Beam job server for it. Its portable runner knows only jobs with
// an end, of bounded collections, and cuts them by default.
//
// A slice is there because Spark's portable runner (2.70, its class
// SparkExecutableStageFunction) keeps in an executor's memory
//   - all that a stage gives for one of its tasks, before anything goes on: here
//     the slices of all partitions which that task reads,
//   - all elements of a key while its stage works on it: here the frames of one
//     camera in the slice.
//
// A slice is a little larger when it is held: frames travel as they lie in the
// log, and what is known of each adds 125 to 150 bytes (measured).
// Partitions are dealt evenly over spark.default.parallelism tasks, of which an
// executor runs as many at once as it has cores. With P partitions a heap must
// hold, estimated from that source with some care,
//
//	cores x ceil(P / spark.default.parallelism) x slice x 3
//
// (what the stage gives and Spark caches, what is under way in a shuffle, and what
// is grouped by key), so 64 MiB go with 1 GiB of heap and two cores. Each slice
// starts a job on the cluster, which takes seconds: give slices as much as there
// is.
//
// Besides, with job servers of 2.70 a task that gives more than 100 messages of 2 to 4
// MB never ends (Beam issue 38570; seen with 520 MB):
//
//	ceil(P / spark.default.parallelism) x slice
//
// must stay below 200 MB.
//
// Chunks are not cut, so a slice has at least one, whatever its size: 2,048 frames
// of 50 KB are 100 MB, raw ones of 640x480 are 1.9 GB. Choose --chunk, when an
// output is begun, so that a chunk is no larger than a slice.
var Spark = Engine{
	Name:       "spark",
	SliceBytes: 64 << 20,
	endpoint:   "localhost:8098",
	preset:     runnerconfigs.SparkJob,
	must:       sparkMust,
	run:        spark,
}

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

// spark runs a job with an end. If the job server runs another job, such as what is left of one whose command was killed, that is
// waited for.
func spark(ctx context.Context, e Engine, p *beam.Pipeline, m *Meter, _ Done) error {
	options, err := e.options()
	if err != nil {
		return err
	}
	endpoint := e.jobServer()
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

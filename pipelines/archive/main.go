// Command archive copies a topic's records to files, one per chunk of offsets,
// as they are.
//
//	go run ./pipelines/archive --runner=direct --brokers localhost:9092 --topic frames --archive archive --until=now
//
// It goes on where the archive ends. Without --until it runs until it is
// interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/kafkasource"
	"github.com/framebeam/framebeam/transforms/output"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	brokers := flag.String("brokers", "localhost:9092", "Kafka `brokers`, host:port,…")
	connection := flag.String("connection", "", "a `file` that says how to connect to Kafka (TLS, SASL)")
	topic := flag.String("topic", "frames", "the `topic`")
	root := flag.String("archive", "", "the archive `folder`: a path or scheme://…")
	start := flag.String("start", "earliest", "where to begin in partitions that the archive does not know yet: earliest, latest, an offset or a time; moved back to the beginning of its chunk")
	until := flag.String("until", "never", "where to stop: never, now, an offset or a time")
	n := flag.Int64("chunk", job.DefaultN, "offsets per chunk; fixed by the first job of an archive")
	launch.Init()

	j := copying.Job{
		Log:   kafkasource.LogSpec{Kind: "kafka", Brokers: launch.List(*brokers), Connection: *connection},
		Topic: *topic, Archive: *root, N: *n,
	}
	var errs [4]error
	j.Runner, errs[0] = launch.Runner()
	j.Start, errs[1] = job.Start(*start)
	j.Until, errs[2] = job.Until(*until)
	errs[3] = output.CheckTopic(j.Topic)
	bad := errors.Join(errs[:]...)
	if len(j.Log.Brokers) == 0 {
		bad = errors.Join(bad, errors.New("--brokers is missing"))
	}
	if strings.TrimSpace(j.Archive) == "" {
		bad = errors.Join(bad, errors.New("--archive is missing"))
	}
	if j.N < 1 {
		bad = errors.Join(bad, fmt.Errorf("--chunk=%d: must be at least 1", j.N))
	}
	if bad != nil {
		fmt.Fprintln(os.Stderr, bad)
		os.Exit(exitUsage)
	}
	os.Exit(run(&j))
}

func run(j *copying.Job) int {
	launch.Quiet(slog.LevelWarn)
	ctx, stop := launch.Interruptible()
	defer stop()
	j.Progress = 5 * time.Second
	tasks, err := j.Run(ctx)
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || launch.Cancelled(err)):
		fmt.Fprintf(os.Stderr, "interrupted; the next run goes on where %s ends\n", j.Archive)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	for _, t := range tasks {
		switch {
		case t.To == chunk.None:
			fmt.Printf("topic %s partition %d: archived from offset %d\n", t.Topic, t.Partition, t.From)
		case t.To <= t.From:
			fmt.Printf("topic %s partition %d: nothing new, the archive holds everything below offset %d\n", t.Topic, t.Partition, t.From)
		default:
			fmt.Printf("topic %s partition %d: archived offsets %d to %d\n", t.Topic, t.Partition, t.From, t.To-1)
		}
	}
	fmt.Printf("archive: %s\n", j.Archive)
	return exitDone
}

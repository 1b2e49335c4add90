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
	"os"
	"strings"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/source"
)

func main() {
	kafka := connect.DefineFlags(flag.CommandLine, "localhost:9092")
	topic := flag.String("topic", "frames", "the `topic`")
	root := flag.String("archive", "", "the archive `folder`: a path or scheme://…")
	start := flag.String("start", "earliest", "where to begin in partitions that the archive does not know yet: earliest, latest, an offset or a time; moved back to the beginning of its chunk")
	until := flag.String("until", "never", "where to stop: never, now, an offset or a time (before the first record whose timestamp in the log is that or later; the log's end if there is none)")
	n := flag.Int64("chunk", 0, fmt.Sprintf("offsets per chunk; fixed by the first job of an archive (default: what the archive has, %d if it is new)", job.DefaultN))
	launch.Init()

	j := copying.Job{Topic: *topic, Archive: *root, N: *n, Progress: launch.Interval}
	var errs [6]error
	j.Log = log.Spec{Kind: "kafka", Connection: kafka.Connection}
	j.Log.Brokers, errs[0] = kafka.Check()
	j.Runner, errs[1] = launch.Runner()
	j.Start, errs[2] = job.Start(*start)
	j.Until, errs[3] = job.Until(*until)
	errs[4] = frame.CheckTopic(j.Topic)
	errs[5] = job.CheckEnd(j.Runner, j.Until)
	bad := errors.Join(errors.Join(errs[:]...), launch.CheckConnection(j.Runner, kafka.Connection))
	if strings.TrimSpace(j.Archive) == "" {
		bad = errors.Join(bad, errors.New("--archive is missing"))
	}
	if (j.N != 0 || job.Given("chunk")) && (j.N < 1 || j.N > source.MaxN) {
		bad = errors.Join(bad, fmt.Errorf("--chunk=%d: must be 1 to %d", j.N, int64(source.MaxN)))
	}
	os.Exit(launch.Main(launch.Command{
		Endless: j.Until.Never(),
		Again:   fmt.Sprintf("the next run goes on where %s ends", j.Archive),
		Run: func(ctx context.Context) error {
			tasks, err := j.Run(ctx)
			if err != nil {
				return err
			}
			for _, t := range tasks {
				fmt.Println(job.Covered(t.Topic, t.Partition, "archived", "archive", t.From, t.To))
			}
			fmt.Printf("archive: %s\n", j.Archive)
			return nil
		},
	}, bad))
}

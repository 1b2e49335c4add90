package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/retention"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

func newArchive() *cobra.Command {
	c := &cobra.Command{
		Use:   "archive",
		Short: "Keep the frames of a topic as files",
		Long: `Copy the records of a Kafka topic to files, one per chunk of offsets, as they are.

It goes on where the archive ends. Without --until it runs until it is interrupted.`,
		Example: "  " + program.This + " --brokers localhost:9092 --topic frames --archive archive --until now",
	}
	topic := flags.Topic(c.Flags())
	root := flags.Archive(c.Flags())
	start := flags.From(c.Flags())
	until := flags.Until(c.Flags())
	n := flags.Chunk(c.Flags(), chunkfolder.DefaultN)
	keep := newKeeping(c.Flags())
	measured := flags.ListenMetrics(c, "")
	kafka := flags.Kafka(c.Flags())
	engineFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		j := copying.Job{Topic: *topic, Archive: *root, N: *n, Progress: launch.Interval}
		var errs [7]error
		j.Runner, errs[1] = launch.Runner()
		j.Log = log.Spec{Kind: "kafka", Connection: kafka.Connection}
		j.Log.Brokers, errs[0] = connected(kafka, j.Runner)
		j.Start, errs[2] = plan.Start(*start)
		j.Until, errs[3] = untilOf(*until, true)
		errs[4] = frame.CheckTopic(j.Topic)
		errs[5] = j.Runner.CheckEnd(j.Until.Never())
		errs[6] = program.NoArguments(args)
		rules, wrong := keep.rules()
		if wrong == nil && !rules.NoPins() {
			wrong = errors.New("--keep-rules pins events, which an archive alone does not know: run retention with --output and --archive")
		}
		bad := errors.Join(append(errs[:], wrong)...)
		if strings.TrimSpace(j.Archive) == "" {
			bad = errors.Join(bad, errors.New("--archive is missing"))
		}
		bad = errors.Join(bad, checkChunk(c.Flags(), j.N))
		if bad != nil {
			return program.Wrong(bad)
		}
		readyBrokers(measured, j.Log.Brokers, kafka.Connection)
		stop, err := measured.Serve()
		if err != nil {
			return err
		}
		defer stop()
		j.Metrics = measured.Endpoint
		return work(c, launch.Command{
			Endless: j.Until.Never(),
			Again:   fmt.Sprintf("the next run goes on where %s ends", j.Archive),
			Run: func(ctx context.Context) error {
				var tasks []archive.Task
				keeper := retention.Keeper{Archive: j.Archive, Rules: rules, Say: console.Default().Say}
				err := keeper.Beside(ctx, func(ctx context.Context) (err error) {
					tasks, err = j.Run(ctx)
					return err
				})
				if err != nil {
					return err
				}
				for _, t := range tasks {
					fmt.Fprintln(c.OutOrStdout(), plan.Covered(t.Partition, "archived", "archive", t.From, t.To))
				}
				fmt.Fprintf(c.OutOrStdout(), "archive: %s\n", j.Archive)
				return nil
			},
		})
	}
	return c
}

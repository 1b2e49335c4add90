package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/retention"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/source"
)

// analysis is the command line that analyze and reprocess share.
type analysis struct {
	flags                              *pflag.FlagSet
	topic, output, config, from, until *string
	events                             *string
	pictures, slice, seed              string
	cameras, only                      *string
	chunk                              *int64
	poll, eventsPartitions             int
	interim                            *time.Duration // of analyze
	watch                              *bool          // likewise
	measured                           *flags.Metrics
	sample                             *float64
}

// analysisFlags adds the flags that analyze and reprocess share, but for those of Kafka and
// of engines.
func analysisFlags(c *cobra.Command) *analysis {
	f := c.Flags()
	a := &analysis{flags: f}
	a.topic = flags.Topic(f)
	a.output = flags.Output(f)
	a.config = flags.Config(f)
	a.from = flags.From(f)
	a.until = flags.Until(f)
	a.chunk = flags.Chunk(f, chunkfolder.DefaultN)
	a.cameras = flags.Cameras(f) // patterns too; frames of others have rows, skipped
	a.only = f.String("only", "", "only these `analyses`, name,…, such as tracking,lines/gate, and what they read")
	f.StringVar(&a.seed, "seed", "", "begin a new output in the middle of another one, this `folder`: at the first offset of the chunk that --from "+
		"names, with the states that the other one has there, so that what is found is byte for byte what the other one has; "+
		"where the configuration differs, analyses that did not change keep their states")
	f.StringVar(&a.pictures, "save-images", picture.WithEvents,
		"which annotated `images` to keep while analysing: events (the snapshots of what analyses say has happened), "+
			"detections (frames in which something was found), all, or none")
	a.events = flags.EventsTopic(f)
	f.IntVar(&a.eventsPartitions, "events-partitions", 0, "create the topic of --events-topic with so many `partitions` if it does not exist, kept by size (1 GiB a partition)")
	f.StringVar(&a.slice, "slice-bytes", "", fmt.Sprintf(
		"read a job with an end in slices of at most so many `bytes` of each partition, but whole chunks, one pipeline after "+
			"another; 0: all at once (default: %d on %s, which keeps a slice in memory; 0 elsewhere)", launch.Spark.SliceBytes, launch.Spark))
	f.IntVar(&a.poll, "poll-records", source.DefaultMaxRecords, "`records` of a partition that are read before the engine gets them; results do not depend on it")
	flags.Choices(c, "save-images", append(slices.Clone(picture.Choices), "none")...)
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	a.measured = flags.ListenMetrics(c, "")
	a.sample = flags.TraceSample(c)
	return a
}

// checkChunk refuses a size of chunks that cannot be. 0 is none, if it is not said.
func checkChunk(f *pflag.FlagSet, n int64) error {
	if (n != 0 || f.Changed("chunk")) && (n < 1 || n > source.MaxN) {
		return fmt.Errorf("--chunk=%d: must be 1 to %d", n, int64(source.MaxN))
	}
	return nil
}

// connected is an error if a job on that engine cannot use the connection to Kafka.
func connected(k *connect.Flags, on launch.Engine) (brokers []string, err error) {
	brokers, err = k.Check()
	return brokers, errors.Join(err, launch.CheckConnection(on, k.Connection))
}

// job makes the job, but for the log. endless says where it ends without --until. The
// error lists every violation.
func (f *analysis) job(args []string, endless bool) (job.Job, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	note(program.NoArguments(args))
	j := job.Job{Topic: *f.topic, Output: *f.output, N: *f.chunk, Pictures: f.pictures, Seed: f.seed}
	var err error
	j.Runner, err = launch.Runner()
	note(err)
	note(frame.CheckTopic(j.Topic))
	if strings.TrimSpace(j.Output) == "" {
		note(errors.New("--output is missing"))
	}
	if f.flags.Changed("seed") && strings.TrimSpace(j.Seed) == "" {
		note(errors.New("--seed names no folder"))
	}
	note(checkChunk(f.flags, j.N))
	if j.Reading.MaxRecords = f.poll; f.poll < 1 {
		note(fmt.Errorf("--poll-records=%d: must be at least 1", f.poll))
	}
	note(f.eventsTo(&j))
	switch {
	case j.Pictures == "none" || j.Pictures == "":
		j.Pictures = ""
	case !slices.Contains(picture.Choices, j.Pictures):
		note(fmt.Errorf("--save-images=%s: not %s or none", j.Pictures, strings.Join(picture.Choices, ", ")))
	}
	j.Start, err = place(*f.from, plan.Start)
	note(err)
	j.Until, err = untilOf(*f.until, endless)
	note(err)
	j.SliceBytes, err = job.SliceBytes(f.slice, j.Runner)
	note(err)
	note(j.CheckEnd())
	j.Trace, err = tracing.FromEnvironment(*f.sample)
	note(err)
	content, analyses, err := profiles.Read(*f.config)
	if err == nil {
		j.Analyses, err = analyses.Stages() // looks at the files that analyses name
	}
	note(err)
	j.Remembered = *f.config == ""
	if f.interim != nil {
		note(f.live(&j, content))
	}
	j.Cameras, j.Only = flags.List(*f.cameras), flags.List(*f.only)
	if _, err := j.Analyses.OfCameras(j.Cameras); err != nil {
		note(fmt.Errorf("--camera: %w", err))
	}
	if !j.Remembered && j.Analyses.Text != "" { // else what there is to choose from is not known yet
		if _, err := j.Analyses.Only(j.Only); err != nil {
			note(fmt.Errorf("--only: %w", err))
		}
	}
	return j, errors.Join(errs...)
}

// liveFlags adds the flags of jobs that follow a log.
func (f *analysis) liveFlags() {
	f.interim = f.flags.Duration("partial-every", job.DefaultInterim, "without --until, publish what there is of chunks that are not full every so often, "+
		"below _partial (a `duration`); 0: only when no frame has come for 10 s")
	f.watch = f.flags.Bool("watch-config", true, "follow the file of --config while nothing has an end: what it says when it is changed takes effect without a restart, if it is right")
}

// live sets what jobs without an end do.
func (f *analysis) live(j *job.Job, content []byte) error {
	j.Interim = *f.interim
	if *f.watch && !j.Remembered && j.Until.Never() {
		j.Watched = &job.Watched{File: *f.config, Content: content}
	}
	if n := *f.interim; n != 0 && n < 100*time.Millisecond {
		return fmt.Errorf("--partial-every=%v: must be 0 or at least 100ms", n)
	}
	if f.flags.Changed("partial-every") && !j.Until.Never() {
		return errors.New("--partial-every is for jobs without --until: one with an end publishes what there is then")
	}
	return nil
}

// untilOf parses --until; a job over an archive ends where that does.
func untilOf(until string, endless bool) (plan.Place, error) {
	switch {
	case until != "":
	case endless:
		until = "never"
	default:
		until = "now"
	}
	return place(until, plan.Until)
}

// place parses a place in the log, which may also be a moment as the commands of the
// history say it, by the machine's clock: yesterday, -2h.
func place(text string, parse func(string) (plan.Place, error)) (plan.Place, error) {
	p, err := parse(text)
	if err == nil {
		return p, nil
	}
	if t, wrong := period.Moment(text, time.Local, time.Now()); wrong == nil {
		return plan.AtTime(t), nil
	}
	return p, err
}

// runJob runs the job, unless something is wrong with the command line, and beside it the
// rules by which old files go.
func (f *analysis) runJob(c *cobra.Command, j job.Job, rules retention.Rules, bad error) error {
	if bad != nil {
		return program.Wrong(bad)
	}
	stop, err := f.measured.Serve()
	if err != nil {
		return err
	}
	defer stop()
	j.Metrics = f.measured.Endpoint
	return work(c, launch.Command{
		Endless: j.Until.Never(),
		Again:   fmt.Sprintf("the next run goes on where %s ends", j.Output),
		Run: func(ctx context.Context) error {
			out := c.OutOrStdout()
			j.Progress, j.Notes = launch.Interval, out
			var parts []plan.Stretch
			keeper := retention.Keeper{Output: j.Output, Rules: rules, Say: console.Default().Say}
			err := keeper.Beside(ctx, func(ctx context.Context) (err error) {
				parts, err = j.Run(ctx)
				return err
			})
			if err != nil {
				return err
			}
			for _, p := range parts {
				fmt.Fprintln(out, plan.Covered(p.Partition, "analysed", "output", p.From, p.To))
			}
			fmt.Fprintf(out, "results: %s\n", j.Output)
			return nil
		},
	})
}

// eventsTo sets where events are published, but for the cluster.
func (f *analysis) eventsTo(j *job.Job) error {
	j.Events.Topic, j.EventsPartitions = *f.events, f.eventsPartitions
	switch n := j.EventsPartitions; {
	case n < 0 || n > 10000:
		return fmt.Errorf("--events-partitions=%d: not 1 to 10000", n)
	case j.Events.Topic == "" && n != 0:
		return errors.New("--events-partitions is for --events-topic, which is missing")
	case j.Events.Topic == "":
		return nil
	case j.Events.Topic == j.Topic:
		return fmt.Errorf("--events-topic=%s is the topic of the frames", j.Topic)
	}
	return frame.CheckTopic(j.Events.Topic)
}

// Package ingest is the command ingest, the collector: it captures cameras and video files
// and publishes their frames to Kafka. It is not in package cli, so that ./ingest needs no
// Beam.
package ingest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/flags"
	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/console"
	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/reload"
	"github.com/framebeam/framebeam/tracing"
	"github.com/framebeam/framebeam/transforms/config/timezone"
	"github.com/framebeam/framebeam/transforms/frame"
)

//go:embed help.txt
var help string

// line is a command line.
type line struct {
	kafka                      *connect.Flags
	config, topic              *string
	wire, zone                 string
	create                     bool
	partitions, buffer, memory int
	measured                   *flags.Metrics
	watch                      bool
	content                    []byte // of the configuration's file
	reloads                    reload.State
	sample                     *float64
	opts                       collector.Options
}

// New is the command.
func New() *cobra.Command {
	c := &cobra.Command{
		Use:     "ingest",
		Short:   "Capture cameras and video files, and publish their frames to Kafka",
		Long:    help,
		Example: "  " + program.This + " --config cameras.yaml --brokers localhost:9092 --topic frames",
	}
	l := &line{}
	f := c.Flags()
	l.config = flags.Config(f)
	l.topic = flags.Topic(f)
	f.StringVar(&l.wire, "wire", string(config.CloudEvents), "`format` on Kafka: cloudevents, or json for {cameraId,timestamp,rows,cols,type,data}")
	f.StringVar(&l.zone, "json-zone", "UTC", "time `zone` of the timestamps of --wire=json, such as Europe/Berlin")
	f.BoolVar(&l.opts.Again, "again", false, "publish files as other frames (in new epochs), not as repeats of those published before")
	f.StringVar(&l.opts.Journal, "journal", "", "`file` that remembers which frames of files are in the topic; it may be lost. Default: beside "+
		"--config, named after it and the topic")
	f.BoolVar(&l.create, "create-topic", false, "create the topic if it does not exist, kept by size (10 GiB a partition)")
	f.IntVar(&l.partitions, "partitions", 0, "`number` of partitions of a topic that is created")
	f.IntVar(&l.buffer, "buffer", 512, "`MiB` of memory for frames on their way to Kafka, shared by the cameras")
	f.IntVar(&l.memory, "source-memory", capture.DefaultMaxMemory>>20,
		"most `MiB` of memory for reading one source, which is stopped, as failed, beyond it")
	f.DurationVar(&l.opts.Publish.DeliveryTimeout, "delivery-timeout", 0,
		"how long a partition that cannot be written is tried before it is given up; 0, the default, is 5m, or "+
			"for ever when a source is live")
	f.DurationVar(&l.opts.FlushTimeout, "flush-timeout", 30*time.Second, "how long an interrupted collector goes on sending what it has captured")
	f.DurationVar(&l.opts.Interval, "progress", 5*time.Second, "how often progress is printed")
	f.BoolVar(&l.watch, "watch-config", true, "follow the file of --config while nothing has an end: what it says when it is changed takes effect without a restart, if it is right")
	l.measured = flags.ListenMetrics(c, "")
	l.sample = flags.TraceSample(c)
	l.kafka = flags.Kafka(f)
	flags.Choices(c, "wire", string(config.CloudEvents), string(config.JSON))
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := l.check(args, f.Changed("watch-config"))
		if err != nil {
			return program.Wrong(err)
		}
		stopServing, err := l.serve()
		if err != nil {
			return err
		}
		defer stopServing()
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return l.collect(ctx, cfg, c.OutOrStdout(), c.ErrOrStderr())
	}
	program.DoesItself(c)
	c.AddCommand(newCheck())
	return c
}

// serve begins to serve what the collector says of itself.
func (l *line) serve() (stop func(), err error) {
	l.measured.Ready("brokers", func(ctx context.Context) error {
		return connect.Ping(ctx, l.opts.Publish.Brokers, l.opts.Publish.Connection)
	})
	l.opts.Metrics = l.measured.Endpoint
	return l.measured.Serve()
}

// collect captures and publishes, and says on stdout what was sent.
func (l *line) collect(ctx context.Context, cfg *config.Config, stdout, stderr io.Writer) error {
	opts := l.opts
	hiding := []*discreet{newDiscreet(stderr, cfg), newDiscreet(stdout, cfg)}
	out := console.Default().Over(hiding[0])
	console.Use(out)
	stdout = hiding[1]
	if l.watch {
		defer l.reloads.Measure(opts.Metrics, "cameras")()
		opts.Watch = func(ctx context.Context, apply func(*config.Config) error) { l.follow(ctx, hiding, apply) }
	}
	opts.Log = slog.New(out.Handler(slog.LevelInfo))
	opts.Progress = func(s collector.Summary) { progress(out, stdout, s) }
	summary, err := collector.Run(ctx, cfg, opts)
	out.EndProgress()
	if ctx.Err() != nil {
		fmt.Fprintln(stdout, "interrupted")
	}
	if len(summary.Cameras) > 0 {
		summary.Write(stdout)
	}
	return err
}

// follow applies what the configuration's file says whenever it changes, until ctx ends.
func (l *line) follow(ctx context.Context, hiding []*discreet, apply func(*config.Config) error) {
	reload.Watch(ctx, reload.Options{File: *l.config, Content: l.content, State: &l.reloads}, func(_ context.Context, content []byte) error {
		cfg, err := config.LoadContent(content, *l.config, l.opts.Format)
		if err != nil {
			return err
		}
		for _, d := range hiding {
			d.hide(cfg)
		}
		return apply(cfg)
	})
}

// progress says how far the collector is: on standard output, unless that may be written
// over, or programs read along.
func progress(out *console.Console, stdout io.Writer, s collector.Summary) {
	t := s.Total()
	line := fmt.Sprintf("%v %s", s.Elapsed.Round(time.Second), t)
	if !out.Terminal() && !out.JSON() {
		if !out.Quiet() {
			fmt.Fprintln(stdout, line)
		}
		return
	}
	rate := float64(t.Sent) / max(s.Elapsed.Seconds(), 0.001)
	out.Progress(fmt.Sprintf("%s  (%.0f/s)", line, rate), slog.Int64("captured", t.Captured), slog.Int64("sent", t.Sent),
		slog.Int64("dropped", t.Dropped), slog.Int64("failures", t.Failures), slog.Float64("per_second", rate))
}

// check lists everything that is wrong with the command line and the configuration.
func (l *line) check(args []string, toWatch bool) (*config.Config, error) {
	var bad []error
	wrong := func(format string, args ...any) { bad = append(bad, fmt.Errorf(format, args...)) }
	opts := &l.opts
	if err := program.NoArguments(args); err != nil {
		bad = append(bad, err)
	}
	opts.Publish.Topic = *l.topic
	if err := frame.CheckTopic(*l.topic); err != nil {
		bad = append(bad, err)
	}
	var err error
	if opts.Publish.Brokers, err = l.kafka.Check(); err != nil {
		bad = append(bad, err)
	}
	opts.Publish.Connection = l.kafka.Connection
	opts.Format = config.Format(l.wire)
	if opts.Format != config.CloudEvents && opts.Format != config.JSON {
		wrong("--wire %q is not cloudevents or json", l.wire)
	}
	if opts.Zone, err = timezone.Load(l.zone); err != nil {
		wrong("--json-zone: %v", err)
	}
	switch {
	case l.create && (l.partitions < 1 || l.partitions > 10000):
		wrong("--create-topic needs --partitions 1 to 10000")
	case l.create:
		opts.Publish.CreatePartitions = l.partitions
	case l.partitions != 0:
		wrong("--partitions is for --create-topic: an existing topic keeps its own")
	}
	if opts.Trace, err = tracing.FromEnvironment(*l.sample); err != nil {
		bad = append(bad, err)
	} else if *l.sample > 0 && opts.Format == config.JSON {
		wrong("--trace-sample is not for --wire=json, whose records have no headers")
	}
	if l.buffer < 1 || l.buffer > 1<<20 {
		wrong("--buffer %d is not 1 to %d MiB", l.buffer, 1<<20)
	}
	opts.BufferBytes = l.buffer << 20
	if l.memory < 128 || l.memory > 1<<20 {
		wrong("--source-memory %d is not 128 to %d MiB", l.memory, 1<<20)
	}
	opts.SourceMemory = int64(l.memory) << 20
	if opts.Publish.DeliveryTimeout < 0 || opts.FlushTimeout <= 0 || opts.Interval <= 0 {
		wrong("--delivery-timeout must not be less than 0, --flush-timeout and --progress must be more")
	}
	var cfg *config.Config
	if *l.config == "" {
		wrong("--config is missing")
	} else if l.content, err = os.ReadFile(*l.config); err != nil {
		wrong("read configuration: %w", err)
	} else if cfg, err = config.LoadContent(l.content, *l.config, opts.Format); err != nil {
		bad = append(bad, err)
	} else if !slices.ContainsFunc(cfg.Cameras, func(c config.Camera) bool { return c.Live() }) {
		if l.watch && toWatch {
			wrong("--watch-config needs a live camera: where all are files, their frames are published in the order of capture time, which one that came later would break")
		}
		l.watch = false
	}
	if opts.Journal == "" {
		opts.Journal = *l.config + "." + *l.topic + ".published"
	}
	return cfg, errors.Join(bad...)
}

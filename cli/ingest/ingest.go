// Command ingest is the collector: it captures cameras and video files and
// publishes their frames to Kafka.
//
//	ingest --config cameras.yaml --brokers host:9092 --topic frames
//
// It ends when all files have ended, or when it is interrupted: then it sends
// what it has captured and says what was sent. It exits with 0 when all that
// was captured is sent (or given up for a live camera, as configured), 1 if
// something failed, 2 if the flags or the configuration are wrong, in which case
// nothing was started. help.txt, which --help prints, shows the configuration.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/config/timezone"
	"github.com/framebeam/framebeam/transforms/frame"
)

const (
	exitDone = iota
	exitFailed
	exitUsage
)

func main() {
	capture.Child()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, opts, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	stdout, stderr = newDiscreet(stdout, cfg), newDiscreet(stderr, cfg)
	opts.Log = slog.New(slog.NewTextHandler(stderr, nil))
	opts.Progress = func(s collector.Summary) {
		t := s.Total()
		fmt.Fprintf(stdout, "%v %s\n", s.Elapsed.Round(time.Second), t)
	}
	summary, err := collector.Run(ctx, cfg, opts)
	if ctx.Err() != nil {
		fmt.Fprintln(stdout, "interrupted")
	}
	if len(summary.Cameras) > 0 {
		summary.Write(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return exitDone
}

//go:embed help.txt
var help string

// parse reads flags and configuration and lists everything that is wrong with
// both. Asked for help, it prints it and returns flag.ErrHelp.
func parse(args []string, stdout io.Writer) (*config.Config, collector.Options, error) {
	var opts collector.Options
	f := flag.NewFlagSet("ingest", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {} // not after every error, which it would bury
	file := f.String("config", "", "YAML `file` with the cameras")
	kafka := connect.DefineFlags(f, "localhost:9092")
	topic := f.String("topic", "frames", "Kafka `topic`")
	wire := f.String("wire", string(config.CloudEvents), "`format` on Kafka: cloudevents, or json for {cameraId,timestamp,rows,cols,type,data}")
	zone := f.String("json-zone", "UTC", "time `zone` of the timestamps of --wire=json, such as Europe/Berlin")
	f.BoolVar(&opts.Again, "again", false, "publish files as other frames (in new epochs), not as repeats of those published before")
	create := f.Bool("create-topic", false, "create the topic if it does not exist, kept by size (10 GiB a partition)")
	partitions := f.Int("partitions", 0, "`number` of partitions of a topic that is created")
	buffer := f.Int("buffer", 512, "`MiB` of memory for frames on their way to Kafka, shared by the cameras")
	memory := f.Int("source-memory", capture.DefaultMaxMemory>>20, "most `MiB` of memory for reading one source, which is stopped, as failed, beyond it")
	f.DurationVar(&opts.Publish.DeliveryTimeout, "delivery-timeout", 0, "how long a partition that cannot be written is tried before it is given up; 0, the default, is 5m, or for ever when a source is live")
	f.DurationVar(&opts.FlushTimeout, "flush-timeout", 30*time.Second, "how long an interrupted collector goes on sending what it has captured")
	f.StringVar(&opts.Journal, "journal", "", "`file` that remembers which frames of files are in the topic; it may be lost. Default: beside --config, named after it and the topic")
	f.DurationVar(&opts.Interval, "progress", 5*time.Second, "how often progress is printed")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			f.SetOutput(stdout)
			f.PrintDefaults()
			return nil, opts, err
		}
		return nil, opts, fmt.Errorf("%w (see ingest --help)", err)
	}

	var bad []error
	wrong := func(format string, args ...any) { bad = append(bad, fmt.Errorf(format, args...)) }
	if f.NArg() > 0 {
		wrong("unexpected argument %q", f.Arg(0))
	}
	opts.Publish.Topic = *topic
	if err := frame.CheckTopic(*topic); err != nil {
		bad = append(bad, err)
	}
	var err error
	if opts.Publish.Brokers, err = kafka.Check(); err != nil {
		bad = append(bad, err)
	}
	opts.Publish.Connection = kafka.Connection
	opts.Wire = config.Wire(*wire)
	if opts.Wire != config.CloudEvents && opts.Wire != config.JSON {
		wrong("--wire %q is not cloudevents or json", *wire)
	}
	if opts.Zone, err = timezone.Load(*zone); err != nil {
		wrong("--json-zone: %v", err)
	}
	switch {
	case *create && (*partitions < 1 || *partitions > 10000):
		wrong("--create-topic needs --partitions 1 to 10000")
	case *create:
		opts.Publish.CreatePartitions = *partitions
	case *partitions != 0:
		wrong("--partitions is for --create-topic: an existing topic keeps its own")
	}
	if *buffer < 1 || *buffer > 1<<20 {
		wrong("--buffer %d is not 1 to %d MiB", *buffer, 1<<20)
	}
	opts.BufferBytes = *buffer << 20
	if *memory < 128 || *memory > 1<<20 {
		wrong("--source-memory %d is not 128 to %d MiB", *memory, 1<<20)
	}
	opts.SourceMemory = int64(*memory) << 20
	if opts.Publish.DeliveryTimeout < 0 || opts.FlushTimeout <= 0 || opts.Interval <= 0 {
		wrong("--delivery-timeout must not be less than 0, --flush-timeout and --progress must be more")
	}
	var cfg *config.Config
	if *file == "" {
		wrong("--config is missing")
	} else if cfg, err = config.Load(*file, opts.Wire); err != nil {
		bad = append(bad, err)
	}
	if opts.Journal == "" {
		opts.Journal = *file + "." + *topic + ".published"
	}
	return cfg, opts, errors.Join(bad...)
}

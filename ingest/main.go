// Command ingest is the collector: it captures cameras and video files and
// publishes their frames to Kafka.
//
//	ingest --config cameras.yaml --brokers host:9092 --topic frames
//
// It ends when all files have ended, or when it is interrupted: then it sends
// what it has captured and says what was sent. It exits with 0 when all that
// was captured is sent (or given up for a live camera, as configured), 1 if
// something failed, 2 if the flags or the configuration are wrong, in which case
// nothing was started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafkaconn"
)

const (
	exitDone = iota
	exitFailed
	exitUsage
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, opts, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	opts.Log = slog.New(slog.NewTextHandler(stderr, nil))
	opts.Progress = func(s collector.Summary) {
		t := s.Total()
		fmt.Fprintf(stdout, "%v %s\n", s.Elapsed.Round(time.Second), t)
	}
	summary, err := collector.Run(ctx, cfg, opts)
	if ctx.Err() != nil {
		fmt.Fprintln(stdout, "interrupted")
	}
	summary.Write(stdout)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return exitDone
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// parse reads flags and configuration and lists everything that is wrong with
// both.
func parse(args []string, stderr io.Writer) (*config.Config, collector.Options, error) {
	var opts collector.Options
	f := flag.NewFlagSet("ingest", flag.ContinueOnError)
	f.SetOutput(stderr)
	file := f.String("config", "", "YAML `file` with the cameras")
	brokers := f.String("brokers", "", "Kafka brokers, `host:port,...`")
	topic := f.String("topic", "frames", "Kafka `topic`")
	wire := f.String("wire", string(config.CloudEvents), "`format` on Kafka: cloudevents, or json for {cameraId,timestamp,rows,cols,type,data}")
	zone := f.String("json-zone", "UTC", "time `zone` of the timestamps of --wire=json, such as Europe/Berlin")
	f.BoolVar(&opts.Again, "again", false, "give files new epochs: publish them as other frames, not as repeats")
	create := f.Bool("create-topic", false, "create the topic if it does not exist, kept by size (10 GiB a partition)")
	partitions := f.Int("partitions", 0, "`number` of partitions of a topic that is created")
	buffer := f.Int("buffer", 512, "`MiB` of memory for frames on their way to Kafka, shared by the cameras")
	f.DurationVar(&opts.Publish.DeliveryTimeout, "delivery-timeout", 0, "how long a partition that cannot be written is tried before it is given up; 0 is 5m, and for ever when a source is live")
	f.DurationVar(&opts.FlushTimeout, "flush-timeout", 30*time.Second, "how long an interrupted collector sends what it has captured")
	f.DurationVar(&opts.Interval, "progress", 5*time.Second, "how often progress is printed")
	f.StringVar(&opts.Publish.Connection, "connection", "", "a YAML `file` that says how to connect to Kafka with TLS or a user (default: plainly)")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, opts, err
		}
		return nil, opts, errors.New("see ingest --help")
	}

	var bad []error
	wrong := func(format string, args ...any) { bad = append(bad, fmt.Errorf(format, args...)) }
	if f.NArg() > 0 {
		wrong("unexpected argument %q", f.Arg(0))
	}
	opts.Publish.Topic = *topic
	if !topicName.MatchString(*topic) || *topic == "." || *topic == ".." {
		wrong("--topic %q is not 1 to 249 of A-Z a-z 0-9 . _ - (and not . or ..)", *topic)
	}
	for _, b := range strings.Split(*brokers, ",") {
		if b = strings.TrimSpace(b); b == "" {
			continue
		}
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			wrong("--brokers: %q is not host:port", b)
		}
		opts.Publish.Brokers = append(opts.Publish.Brokers, b)
	}
	if len(opts.Publish.Brokers) == 0 {
		wrong("--brokers is missing")
	}
	opts.Wire = config.Wire(*wire)
	if opts.Wire != config.CloudEvents && opts.Wire != config.JSON {
		wrong("--wire %q is not cloudevents or json", *wire)
	}
	var err error
	if opts.Zone, err = time.LoadLocation(*zone); err != nil || *zone == "Local" {
		wrong("--json-zone %q is not a time zone such as Europe/Berlin", *zone)
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
	if opts.Publish.DeliveryTimeout < 0 || opts.FlushTimeout <= 0 || opts.Interval <= 0 {
		wrong("--delivery-timeout must not be less than 0, --flush-timeout and --progress must be more")
	}
	if err := kafkaconn.Check(opts.Publish.Connection); err != nil {
		bad = append(bad, err)
	}
	var cfg *config.Config
	if *file == "" {
		wrong("--config is missing")
	} else if cfg, err = config.Load(*file, opts.Wire); err != nil {
		bad = append(bad, err)
	}
	return cfg, opts, errors.Join(bad...)
}

// Package inputs is what the page is made of: the topic, the output, the archive, and the
// configuration files. Each may be away and come back while the page is served, and says so.
package inputs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/framebeam/framebeam/history/clip"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka" // the kind
)

// Options say where everything is. What is "" is not there.
type Options struct {
	Brokers    []string // of Kafka
	Connection string   // of a connection file, see package connect
	Topic      string   // of frames
	// EventsTopic is where analyze --events-topic publishes events at once; "": new ones come with
	// the output's rows.
	EventsTopic string
	Output      string // folder; needed
	Archive     string // folder
	Cameras     string // file, cameras.yaml
	Analyses    string // file, analyses.yaml
	FlinkREST   string // http://jobmanager:8081
	Zone        *time.Location
	Log         *slog.Logger
}

// Names of inputs.
const (
	Kafka    = "kafka"
	Output   = "output"
	Archive  = "archive"
	Cameras  = "cameras"
	Analyses = "analyses"
	Flink    = "flink"
)

// patience is how long reading tries again before it says that Kafka is away: a person waits.
const patience = 5 * time.Second

// logMemory is what may be kept of Kafka's answers: the page reads at the end, and rarely what
// it was given before.
const logMemory = 8 << 20

// mostReads is how many requests may read the output, or the frames of it, at a time: each takes
// memory, and there are other things to do. Others wait.
const mostReads = 3

// AwayError says that an input is away for now.
type AwayError struct {
	Input string // one of the names above
	Err   error
}

func (e *AwayError) Error() string { return fmt.Sprintf("%s is away: %v", e.Input, e.Err) }

func (e *AwayError) Unwrap() error { return e.Err }

// Inputs is safe for concurrent use.
type Inputs struct {
	Options
	states *states
	files  files
	feed   *feed

	reads chan struct{}

	mu    sync.Mutex
	kafka log.Log
}

// New makes inputs of which none is opened yet; close them.
func New(opts Options) (*Inputs, error) {
	if opts.Output == "" {
		return nil, errors.New("the page needs an output")
	}
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	in := &Inputs{Options: opts, states: newStates(), reads: make(chan struct{}, mostReads)}
	for name, where := range map[string]string{
		Kafka: joined(opts.Brokers), Output: opts.Output, Archive: opts.Archive, Cameras: opts.Cameras, Analyses: opts.Analyses, Flink: opts.FlinkREST,
	} {
		if where != "" {
			in.states.add(name, where)
		}
	}
	in.feed = newFeed(in)
	return in, nil
}

// HasKafka reports whether there is a topic to read.
func (in *Inputs) HasKafka() bool { return len(in.Brokers) > 0 }

// KafkaSpec says how the topic is opened.
func (in *Inputs) KafkaSpec() log.Spec {
	return log.Spec{Kind: "kafka", Brokers: in.Brokers, Connection: in.Connection, Patience: patience, Memory: logMemory}
}

// KafkaLog is Kafka as a log: one for all, which nobody but Close closes.
func (in *Inputs) KafkaLog(ctx context.Context) (log.Log, error) {
	if !in.HasKafka() {
		return nil, &AwayError{Kafka, errors.New("no brokers were named")}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.kafka == nil {
		l, err := log.Open(ctx, in.KafkaSpec())
		if err != nil {
			return nil, in.Told(Kafka, err)
		}
		in.kafka = l
	}
	return in.kafka, nil
}

// FramesSpec says where frames are read from: the archive if there is one, or else Kafka.
func (in *Inputs) FramesSpec() (spec log.Spec, ok bool) {
	switch {
	case in.Archive != "":
		return log.Spec{Kind: archive.Kind, Root: in.Archive}, true
	case in.HasKafka():
		return in.KafkaSpec(), true
	}
	return log.Spec{}, false
}

// Scan calls fn with the output, open to be read: a few at a time, others wait.
func (in *Inputs) Scan(ctx context.Context, fn func(*scan.Scan) error) error {
	if err := in.enter(ctx); err != nil {
		return err
	}
	defer in.leave()
	s, err := scan.Open(ctx, in.Output)
	if in.Told(Output, err) != nil {
		return &AwayError{Output, err}
	}
	return fn(s)
}

// Frames calls fn with the output and its frames, from the archive or else from Kafka: a few at
// a time, others wait.
func (in *Inputs) Frames(ctx context.Context, fn func(*clip.Source) error) (err error) {
	spec, ok := in.FramesSpec()
	if !ok {
		return errors.New("there are no frames: neither an archive nor brokers are named")
	}
	return in.FramesOf(ctx, spec, fn)
}

// FramesOf is Frames, from a log: Kafka may have what an archive has not yet.
func (in *Inputs) FramesOf(ctx context.Context, spec log.Spec, fn func(*clip.Source) error) (err error) {
	if err := in.enter(ctx); err != nil {
		return err
	}
	defer in.leave()
	s, err := clip.Open(ctx, clip.Where{Log: spec, Output: in.Output})
	if err != nil {
		return &AwayError{Output, err}
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return fn(s)
}

func (in *Inputs) enter(ctx context.Context) error {
	select {
	case in.reads <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (in *Inputs) leave() { <-in.reads }

// Close closes what is open.
func (in *Inputs) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.kafka == nil {
		return nil
	}
	err := in.kafka.Close()
	in.kafka = nil
	return err
}

// mostRecord bounds what is read for one record: a batch of them may come with it.
const mostRecord = 1 << 20

// Record is a record by its place: of the topic, or else of the archive. The error wraps
// fs.ErrNotExist if neither has it.
func (in *Inputs) Record(ctx context.Context, p chunk.Partition, offset int64) (rec frame.Record, err error) {
	ctx, stop := context.WithTimeout(ctx, 2*patience)
	defer stop()
	var errs []error
	if in.HasKafka() {
		l, err := in.KafkaLog(ctx)
		if err == nil {
			if rec, err = recordAt(ctx, l, p, offset); err == nil {
				return rec, nil
			}
		}
		errs = append(errs, err)
	}
	if in.Archive != "" {
		l, err := log.Open(ctx, log.Spec{Kind: archive.Kind, Root: in.Archive})
		if err == nil {
			rec, err = recordAt(ctx, l, p, offset)
			if err = errors.Join(err, l.Close()); err == nil {
				return rec, nil
			}
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, errNoRecord)
	}
	return rec, fmt.Errorf("record %v@%d: %w", p, offset, errors.Join(errs...))
}

var errNoRecord = fmt.Errorf("the log does not have it: %w", fs.ErrNotExist)

func recordAt(ctx context.Context, l log.Log, p chunk.Partition, offset int64) (frame.Record, error) {
	first, end, err := l.Bounds(ctx, p)
	if err != nil {
		return frame.Record{}, err
	}
	if offset < first || offset >= end {
		return frame.Record{}, errNoRecord
	}
	recs, _, err := l.Read(ctx, p, offset, offset+1, mostRecord, patience/2)
	if loss := (*log.DataLoss)(nil); errors.As(err, &loss) {
		return frame.Record{}, errNoRecord
	}
	if err != nil {
		return frame.Record{}, err
	}
	if len(recs) == 0 || recs[0].Offset != offset {
		return frame.Record{}, errNoRecord
	}
	return recs[0], nil
}

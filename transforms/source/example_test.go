package source_test

import (
	"context"
	"fmt"
	stdlog "log"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka" // the kind of log
	"github.com/framebeam/framebeam/transforms/source"
)

func init() {
	beam.RegisterDoFn(&lookFn{})
	beam.RegisterDoFn(&tellFn{})
	beam.RegisterFunction(drop)
}

// lookFn is where a stage would look at the records of a run.
type lookFn struct{}

func (*lookFn) ProcessElement(run chunk.Run, emit func(string, int)) {}

// tellFn tells what a chunk has.
type tellFn struct{}

func (*tellFn) ProcessElement(end chunk.End, emit func(string, int)) {
	fmt.Printf("chunk %d has %d records of %v\n", end.Index, end.Offsets.Len(), end.Owed)
}

func drop(string, func(*int) bool) {}

// Read gives the records of a partition as runs of each camera, and says of every chunk of
// offsets which it has. The range is resolved before the pipeline is made.
func ExampleRead() {
	ctx := context.Background()
	kafka, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: 1}}})
	if err != nil {
		stdlog.Fatal(err)
	}
	defer kafka.Close()
	if _, err := kafka.Append(ctx, "frames", 0, film.Records(film.Config{Cameras: 2, Frames: 4})...); err != nil {
		stdlog.Fatal(err)
	}

	spec := log.Spec{Kind: "kafka", Brokers: kafka.Addrs()}
	frames, err := log.Open(ctx, spec)
	if err != nil {
		stdlog.Fatal(err)
	}
	defer frames.Close()
	partition := chunk.Partition{Topic: "frames", ID: 0}
	first, end, err := frames.Bounds(ctx, partition)
	if err != nil {
		stdlog.Fatal(err)
	}

	p, s := beam.NewPipelineWithRoot()
	runs, ends := source.Read(s, source.Config{Log: spec, N: 4}, []source.Task{
		{Partition: partition, From: first, To: end, LogEnd: end},
	})
	// On Beam's own runner every stage needs somebody who takes what it gives.
	beam.ParDo0(s, drop, beam.GroupByKey(s, beam.ParDo(s, &lookFn{}, runs)))
	beam.ParDo0(s, drop, beam.GroupByKey(s, beam.ParDo(s, &tellFn{}, ends)))
	if _, err := prism.Execute(ctx, p); err != nil {
		stdlog.Fatal(err)
	}
	// Unordered output:
	// chunk 0 has 4 records of [cam-00 cam-01]
	// chunk 1 has 4 records of [cam-00 cam-01]
}

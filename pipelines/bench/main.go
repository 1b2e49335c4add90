// Command bench compares Framebeam with bare OpenCV loops that do the same work
// on the same frames of a real film, and prints the ratios.
//
// What is measured runs in a process of its own, and Kafka in another, so that
// neither counts for the other. Both sides of a ratio are measured one after the
// other, several times; the ratios are those of one repetition. They hold up on a
// busy machine far better than the times do, but not perfectly.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/pipelines/launch"
)

func main() {
	capture.Child()
	opts := options{}
	flag.BoolVar(&opts.engines, "engines", false, "measure Flink and Spark, whose servers are started for it, instead")
	flag.IntVar(&opts.repeat, "repeat", 3, "how often everything is measured")
	flag.StringVar(&opts.only, "only", "", "measure only the cases whose `name` begins so: "+caseNames())
	flag.StringVar(&opts.profiles, "profile", "", "write a CPU profile of each measured pipeline and collector into this `folder`")
	launch.Init()
	launch.Quiet(slog.LevelWarn)

	ctx, stop := launch.Interruptible()
	defer stop()
	if err := start(ctx, opts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(ctx context.Context, opts options) error {
	switch {
	case flag.Arg(0) == childArg:
		return beChild(ctx, flag.Args()[1:])
	case flag.NArg() > 0:
		return fmt.Errorf("bench: unexpected argument %q", flag.Arg(0))
	case opts.repeat < 1:
		return fmt.Errorf("--repeat=%d: must be at least 1", opts.repeat)
	}
	return bench(ctx, opts)
}

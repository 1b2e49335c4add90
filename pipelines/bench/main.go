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
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/pipelines/launch"
)

func main() {
	capture.Child()
	launch.Worker(os.Args[1:])
	opts := options{}
	c := &cobra.Command{Use: "bench", Short: "Compare Framebeam with bare OpenCV loops that do the same work"}
	f := c.Flags()
	f.BoolVar(&opts.engines, "engines", false, "measure Flink and Spark, whose servers are started for it, instead")
	f.IntVar(&opts.repeat, "repeat", 3, "how often everything is measured")
	f.StringVar(&opts.only, "only", "", "measure only the cases whose `name` begins so: "+caseNames())
	f.StringVar(&opts.profiles, "profile", "", "write a CPU profile of each measured pipeline and collector into this `folder`")
	c.RunE = func(c *cobra.Command, args []string) error {
		if bad := check(opts, args); bad != nil {
			return program.Wrong(bad)
		}
		ctx, stop := program.Interruptible(c.Context())
		defer stop()
		return program.Ended(launch.Main(ctx, launch.Command{
			Again: "the next run begins anew",
			Run: func(ctx context.Context) error {
				if len(args) > 0 {
					return beChild(ctx, args[1:])
				}
				return bench(ctx, opts)
			},
		}))
	}
	program.Main(c)
}

func check(opts options, args []string) error {
	if opts.repeat < 1 {
		return fmt.Errorf("--repeat=%d: must be at least 1", opts.repeat)
	}
	if len(args) > 0 && args[0] != childArg {
		return program.NoArguments(args)
	}
	return nil
}

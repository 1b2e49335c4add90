// Command run is the whole way of a frame in one process, with nothing else
// started: two films as cameras, an embedded Kafka, the analyses on the direct
// runner, the archive, and pictures to look at.
package main

import (
	"context"
	"flag"
	"os"

	capturing "github.com/framebeam/framebeam/ingest/capture"
	"github.com/framebeam/framebeam/pipelines/launch"
)

func main() {
	capturing.Child()
	out := flag.String("output", "out", "the `folder` to write to; what an earlier run left there is replaced")
	launch.Init()
	os.Exit(launch.Main(launch.Command{
		Again: "the next run begins anew",
		Run:   func(ctx context.Context) error { return run(ctx, *out) },
	}, nil))
}

// Command run is the whole way of a frame in one process, with nothing else
// started: two films as cameras, an embedded Kafka, the analyses on the direct
// runner, the archive, and pictures to look at.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/framebeam/framebeam/pipelines/launch"
)

func main() {
	out := flag.String("output", "out", "the `folder` to write to; what an earlier run left there is replaced")
	launch.Init()
	launch.Quiet(slog.LevelWarn)

	ctx, stop := launch.Interruptible()
	defer stop()
	if err := run(ctx, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

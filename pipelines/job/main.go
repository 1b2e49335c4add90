package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/framebeam/framebeam/pipelines/launch"
)

// Exit codes of the commands.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main runs the job as a command and returns its exit code. bad is what is
// wrong with the command line.
func Main(j Job, bad error) int {
	if bad != nil {
		fmt.Fprintln(os.Stderr, bad)
		return exitUsage
	}
	launch.Quiet(slog.LevelWarn)
	ctx, stop := launch.Interruptible()
	defer stop()
	j.Progress = 5 * time.Second
	parts, err := j.Run(ctx)
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || launch.Cancelled(err)):
		fmt.Fprintf(os.Stderr, "interrupted; the next run goes on where %s ends\n", j.Output)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	for _, p := range parts {
		switch {
		case p.To < 0:
			fmt.Printf("topic %s partition %d: analysed from offset %d\n", j.Topic, p.Partition, p.From)
		case p.To <= p.From:
			fmt.Printf("topic %s partition %d: nothing new, the output holds everything below offset %d\n", j.Topic, p.Partition, p.From)
		default:
			fmt.Printf("topic %s partition %d: analysed offsets %d to %d\n", j.Topic, p.Partition, p.From, p.To-1)
		}
	}
	fmt.Printf("results: %s\n", j.Output)
	return exitDone
}

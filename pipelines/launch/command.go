package launch

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/console"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
)

// commandName is the name of the command that runs, for the names of its jobs.
var commandName = filepath.Base(os.Args[0])

// Interval is how often a command shows progress.
const Interval = 5 * time.Second

// Command is what a command does once its command line is understood.
type Command struct {
	Name string // of the command, by default the program's
	// Run does the work and prints what came of it, until ctx is cancelled.
	Run func(ctx context.Context) error
	// Endless work is ended by interrupting it; to interrupt any other is to fail.
	Endless bool
	// Again says what another run will do, after "interrupted; ".
	Again string
}

// Main runs a command until it ends or is interrupted, says on the console what went
// wrong, and returns the exit code.
func Main(ctx context.Context, c Command) int {
	if c.Name != "" {
		commandName = c.Name
	}
	beam.Init()
	Quiet(slog.LevelWarn)
	return c.run(ctx, console.Default())
}

func (c *Command) run(ctx context.Context, out *console.Console) int {
	err := c.Run(ctx)
	switch {
	case ctx.Err() != nil && (err == nil && c.Endless || interrupted(err)):
		out.Note("interrupted; " + c.Again)
		if c.Endless {
			return exitDone
		}
		return exitFailed
	case err != nil:
		out.Fail(err)
		return exitFailed
	}
	return exitDone
}

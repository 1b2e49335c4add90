package launch

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// Exit codes of the commands.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // the command line or a file that it names is wrong, and nothing was started
)

// beamFlags are those of the command line that Beam has defined before any of
// ours is.
var beamFlags = func() map[string]bool {
	names := map[string]bool{}
	flag.VisitAll(func(f *flag.Flag) { names[f.Name] = f.Name != "runner" })
	return names
}()

// Init parses the command line and, in a worker process, runs the worker and
// never returns: engines start this program as their worker. Call it first in main, after the flags are defined.
func Init() {
	name := filepath.Base(os.Args[0])
	flag.CommandLine.Init(name, flag.ContinueOnError)
	flag.CommandLine.SetOutput(io.Discard)
	switch err := flag.CommandLine.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Printf("Usage of %s:\n", name)
		help(flag.CommandLine, os.Stdout)
		os.Exit(exitDone)
	case err != nil:
		fmt.Fprintf(os.Stderr, "%v (see %s --help)\n", err, name)
		os.Exit(exitUsage)
	}
	if err := become(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	beam.Init()
}

// help prints the flags of the command itself. Beam's, most of them for its
// worker processes, would bury them.
func help(all *flag.FlagSet, w io.Writer) {
	own := flag.NewFlagSet(all.Name(), flag.ContinueOnError)
	own.SetOutput(w)
	all.VisitAll(func(f *flag.Flag) {
		if beamFlags[f.Name] || strings.HasSuffix(f.Name, "_endpoint") { // of workers
			return
		}
		usage := f.Usage
		if f.Name == "runner" {
			usage = "the `engine`: " + Direct.Name + " (inside this process), " + Flink.Name + " or " + Spark.Name + " (by their Beam job servers)"
		}
		own.Var(f.Value, f.Name, usage)
		own.Lookup(f.Name).DefValue = f.DefValue
	})
	own.PrintDefaults()
	fmt.Fprintln(w, "Beam's own flags are understood too, such as --endpoint (a job server's address), --environment_type, --parallelism, --job_name.")
}

// Interval is how often a command shows progress.
const Interval = 5 * time.Second

// Command is what a command does once its command line is understood.
type Command struct {
	// Run does the work and prints what came of it, until ctx is cancelled.
	Run func(ctx context.Context) error
	// Endless work is ended by interrupting it; to interrupt any other is to fail.
	Endless bool
	// Again says what another run will do, after "interrupted; ".
	Again string
}

// Main runs a command until it ends or is interrupted, says on standard error
// what went wrong, and returns the exit code. bad is what is wrong with the
// command line; then nothing is run.
func Main(c Command, bad error) int {
	if flag.NArg() > 0 {
		bad = errors.Join(fmt.Errorf("unexpected argument %q", flag.Arg(0)), bad)
	}
	if bad != nil {
		fmt.Fprintln(os.Stderr, bad)
		return exitUsage
	}
	Quiet(slog.LevelWarn)
	ctx, stop := Interruptible()
	defer stop()
	return c.run(ctx, os.Stderr)
}

func (c *Command) run(ctx context.Context, stderr io.Writer) int {
	err := c.Run(ctx)
	switch {
	case ctx.Err() != nil && (err == nil && c.Endless || interrupted(err)):
		fmt.Fprintf(stderr, "interrupted; %s\n", c.Again)
		if c.Endless {
			return exitDone
		}
		return exitFailed
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return exitDone
}

// Interruptible returns a context that ends at the first interrupt or
// termination signal; a second one ends the process as usual.
func Interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Package launch brings a pipeline to an engine.
package launch

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	beamlog "github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners" // defines --runner
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
)

// Direct is the engine inside this process: Beam's prism. (What Beam itself
// calls "direct" is an older engine that knows no state.)
const Direct = "direct"

// DirectCredit is how many bytes of frames may be on their way inside the
// process on the direct runner, which does not push back on a source.
const DirectCredit = 16 << 20

// noSplit keeps prism from splitting a stateful stage by element, which would
// run one key in two bundles at once and lose its state without a word.
const noSplit = "prism_disable_sdf_split"

// Init parses the command line and, in a worker process, runs the worker and
// never returns. Call it first in main, after the flags are defined.
func Init() {
	flag.Parse()
	beam.Init()
}

// Runner returns the runner that --runner names, or an error that says which there are.
func Runner() (string, error) {
	switch r := *runners.Runner; r {
	case "", Direct, "prism":
		return Direct, nil
	default:
		return "", fmt.Errorf("--runner=%s: not available (there is: %s)", r, Direct)
	}
}

// Run runs the pipeline on the runner until it ends, fails, or ctx is cancelled.
// ctx must have no deadline: prism understands only cancellation. A meter, if
// there is one, shows progress meanwhile.
func Run(ctx context.Context, runner string, p *beam.Pipeline, m *Meter) error {
	if runner != Direct {
		return fmt.Errorf("run pipeline: unknown runner %q", runner)
	}
	if _, has := ctx.Deadline(); has {
		return fmt.Errorf("run pipeline on the direct runner: the context has a deadline, use cancellation")
	}
	if err := requireExperiment(noSplit); err != nil {
		return err
	}
	if m != nil && m.Interval > 0 {
		stop := watch(ctx, m.Interval, m.print)
		defer stop()
	}
	res, err := prism.Execute(ctx, p)
	if err != nil {
		return fmt.Errorf("run pipeline on the direct runner: %w", err)
	}
	if m != nil {
		m.total = totals(res.Metrics())
	}
	return nil
}

// requireExperiment adds a Beam experiment to those given on the command line.
func requireExperiment(name string) error {
	have := jobopts.GetExperiments()
	if !slices.Contains(have, name) {
		*jobopts.Experiments = strings.Join(append(have, name), ",")
	}
	if !slices.Contains(jobopts.GetExperiments(), name) {
		return fmt.Errorf("the experiment %s could not be set; without it the direct runner loses keyed state", name)
	}
	return nil
}

// Quiet keeps the engine's own talk to warnings; level is what is still shown.
func Quiet(level slog.Level) {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	beamlog.SetLogger(beamLogger{level})
}

// beamLogger sends Beam's log lines to slog.
type beamLogger struct{ level slog.Level }

func (l beamLogger) Log(ctx context.Context, sev beamlog.Severity, _ int, msg string) {
	level := slog.LevelInfo
	switch {
	case sev >= beamlog.SevError:
		level = slog.LevelError
	case sev == beamlog.SevWarn:
		level = slog.LevelWarn
	case sev == beamlog.SevDebug:
		level = slog.LevelDebug
	}
	if level >= l.level {
		slog.Log(ctx, level, strings.TrimSpace(msg))
	}
}

// Interruptible returns a context that ends at the first interrupt or
// termination signal; a second one ends the process as usual.
func Interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	return ctx, stop
}

// Cancelled reports whether a job's error is that it was cancelled, which an
// engine says in its own words.
func Cancelled(err error) bool {
	return err != nil && strings.Contains(strings.ToLower(err.Error()), "cancel")
}

// List splits a comma-separated flag.
func List(s string) []string {
	var list []string
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}

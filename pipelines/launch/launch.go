// Package launch brings a pipeline to an engine.
package launch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
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
		return fmt.Errorf("run pipeline on the direct runner: %w", reason(err))
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

// Package launch brings a pipeline to an engine: Beam's prism in this process,
// Flink, or Spark.
package launch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners" // defines --runner
)

// The engines.
const (
	// Direct is the engine inside this process: Beam's prism. (What Beam itself
	// calls "direct" is an older engine that knows no state.)
	Direct = "direct"
	Flink  = "flink" // by a Beam job server for Flink
	Spark  = "spark" // by a Beam job server for Spark; jobs with an end only
)

var engines = []string{Direct, Flink, Spark}

// Runner returns the runner that --runner names. The error says which there are, or
// what is wrong with the file of --engine-options.
func Runner() (string, error) {
	switch r := strings.ToLower(*runners.Runner); {
	case r == "" || r == "prism":
		return Direct, nil
	case slices.Contains(engines, r):
		_, err := optionsOf(r)
		return r, err
	default:
		return "", fmt.Errorf("--runner=%s: not available (there are: %s)", *runners.Runner, strings.Join(engines, ", "))
	}
}

// Run runs the pipeline on the runner until it ends, fails, or ctx is cancelled,
// which cancels the job. ctx must have no deadline: prism understands only
// cancellation. A meter, if there is one, shows progress meanwhile.
func Run(ctx context.Context, runner string, p *beam.Pipeline, m *Meter) error {
	run := map[string]func(context.Context, *beam.Pipeline, *Meter) error{
		Direct: direct, Flink: flink, Spark: spark,
	}[runner]
	if run == nil {
		return fmt.Errorf("run pipeline: unknown runner %q", runner)
	}
	if err := run(ctx, p, m); err != nil {
		return fmt.Errorf("run pipeline on %s: %w", name(runner), reason(err))
	}
	return nil
}

// RunUntil is [Run] on Flink for a pipeline without an end, which is stopped as soon as
// done says that nothing more can come of it. It is asked again and again. An error of
// its own is logged.
func RunUntil(ctx context.Context, p *beam.Pipeline, m *Meter, done func(context.Context) (bool, error)) error {
	if err := flinkUntil(ctx, p, m, done); err != nil {
		return fmt.Errorf("run pipeline on %s: %w", Flink, reason(err))
	}
	return nil
}

func name(runner string) string {
	if runner == Direct {
		return "the direct runner"
	}
	return runner
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

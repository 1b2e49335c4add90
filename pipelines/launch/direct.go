package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
)

// Direct is the engine inside this process: Beam's prism. (What Beam itself calls
// "direct" is an older engine that knows no state.)
var Direct = Engine{
	Name: "direct", title: "the direct runner",
	InProcess: true,
	Credit:    16 << 20,
	Streams:   true,
	run:       direct,
}

// noSplit keeps prism from splitting a stateful stage by element, which would
// run one key in two bundles at once and lose its state without a word.
const noSplit = "prism_disable_sdf_split"

func direct(ctx context.Context, _ Engine, p *beam.Pipeline, m *Meter, _ Done) error {
	if _, has := ctx.Deadline(); has {
		return errors.New("the context has a deadline, use cancellation")
	}
	submitting.Lock()
	err := requireExperiment(noSplit)
	submitting.Unlock()
	if err != nil {
		return err
	}
	client, err := prismServer()
	if err != nil {
		return fmt.Errorf("start prism: %w", err)
	}
	submitting.Lock()
	s, stop, err := submit(ctx, p, jobServer{client, "in this process", loopback}, nil)
	submitting.Unlock()
	if err != nil {
		return err
	}
	// A job that is interrupted is not cancelled: it ends with its workers.
	defer stop()
	defer m.watch(ctx, s.metrics)()
	if err := s.wait(ctx); err != nil {
		return stumbled(err)
	}
	m.ask(ctx, s.metrics)
	return nil
}

// ErrStumbled says that a job on the direct runner ended by a fault of the runner's own, in which
// nothing is lost: another one goes on where the output ends.
var ErrStumbled = errors.New("the direct runner fell over its own progress")

// stumbled tells a panic of prism's from failures of the job. If the process stands still for a
// tenth of a second at the wrong moment, prism asks for the progress of a stage that it computes
// itself, and has no worker to ask (docs/upstream.md).
func stumbled(err error) error {
	if text := err.Error(); strings.Contains(text, "panic in stage.Execute") && strings.Contains(text, "worker.(*B).Progress(") {
		first, _, _ := strings.Cut(text, ", stage:")
		return fmt.Errorf("%w: %s", ErrStumbled, first)
	}
	return err
}

// submitting is held while a job is described: Beam's options, hooks and experiments are the
// whole process's, and live has two jobs.
var submitting sync.Mutex

// prismServer is the job server in this process, of all its jobs. Beam's own way to
// prism leaves a temporary file behind with every job.
var prismServer = sync.OnceValues(func() (jobpb.JobServiceClient, error) {
	return prism.CreateJobServer(context.Background(), prism.Options{})
})

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

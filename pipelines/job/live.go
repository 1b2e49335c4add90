package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/reload"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/source"
)

// Watched is a configuration file that a live job follows: when it says something else, and
// that is right, the job goes on with it from where it stands, as a new generation, as if it
// had been stopped and started again there.
type Watched struct {
	File    string
	Content []byte // that the job's Analyses were made of
	// State is where it is said what became of changes; nil: only in the log and in metrics.
	State *reload.State
	// Every is how often the file is looked at. Default: [reload.DefaultEvery].
	Every time.Duration
}

// live runs a job without an end, again and again: with what its configuration file says, and
// where the engine fell over itself.
func (j *Job) live(ctx context.Context) ([]plan.Stretch, error) {
	changed, unwatch := j.watchFile(ctx)
	defer unwatch()
	var parts []plan.Stretch
	for current := j.Analyses; ; {
		run := *j // what a run finds out is its own
		run.Analyses = current
		ended, next := make(chan struct{}), make(chan *profiles.Stages, 1)
		ending := make(chan struct{})
		go func() {
			defer close(ending)
			select {
			case s := <-changed:
				next <- &s
			case <-ctx.Done():
				next <- nil
			case <-ended:
				next <- nil
			}
		}()
		all, err := run.once(ctx, ending)
		close(ended)
		if parts == nil {
			parts = all
		}
		change := <-next
		stumbled := errors.Is(err, launch.ErrStumbled)
		switch {
		case ctx.Err() != nil, err != nil && !stumbled, change == nil && !stumbled:
			return parts, err
		case stumbled:
			slog.Warn("going on where the output ends", "error", err)
		}
		if change != nil {
			current = *change
		}
	}
}

// watchFile follows the configuration file, if there is one to follow, until it is ended.
func (j *Job) watchFile(ctx context.Context) (changed <-chan profiles.Stages, unwatch func()) {
	if j.Watched == nil {
		return nil, func() {}
	}
	state := j.Watched.State
	if state == nil {
		state = &reload.State{}
	}
	unmeasure := state.Measure(j.Metrics, "analyses")
	watching, stop := context.WithCancel(ctx)
	changes, over := make(chan profiles.Stages), make(chan struct{})
	go func() {
		defer close(over)
		w := j.Watched
		used, _ := j.digest(j.Analyses) // what is wrong with them the job says
		reload.Watch(watching, reload.Options{File: w.File, Content: w.Content, State: state, Every: w.Every},
			func(ctx context.Context, content []byte) error { return j.change(ctx, content, &used, changes) })
	}()
	return changes, func() {
		stop()
		<-over
		unmeasure()
	}
}

// digest is that of analyses as the job takes them.
func (j *Job) digest(analyses profiles.Stages) (string, error) {
	trial := *j
	trial.Analyses = analyses
	err := trial.choose()
	return trial.Analyses.Digest, err
}

// change hands over a changed configuration if it is right and another one than is used.
func (j *Job) change(ctx context.Context, content []byte, used *string, changed chan<- profiles.Stages) error {
	next, err := LoadWatched(j.Watched.File, content)
	if err != nil {
		return err
	}
	digest, err := j.digest(next)
	if err != nil {
		return err
	}
	if digest == *used {
		return nil // a comment, or the order of things
	}
	select {
	case changed <- next:
		*used = digest
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DefaultInterim is how old what the output of a live job shows may be.
const DefaultInterim = 5 * time.Second

// drainPatience is how long a live job that is to end may take to publish what it has
// analysed. What it has not published then, the next one analyses again.
const drainPatience = 15 * time.Second

// follow runs a pipeline without an end until it fails or is to end: then what was
// read is analysed and published first, as far as that is done in a while.
func (j *Job) follow(ctx context.Context, ending <-chan struct{}, p *beam.Pipeline, m *launch.Meter, drain *source.Drain) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- j.Runner.Run(running, p, m) }()
	select {
	case err := <-done:
		return err
	case <-ending:
	}
	patience := drainPatience
	if drain != nil {
		drain.Start()
	} else {
		// Nobody can tell the readers on an engine's workers: what they have read by now is
		// published with the next interim ends.
		patience = 0
		if j.Interim > 0 {
			patience = min(j.Interim+settling, drainPatience)
		}
	}
	select {
	case err := <-done:
		if errors.Is(err, launch.ErrStumbled) {
			slog.Warn("what was analysed last is not published; the next job analyses it again", "error", err)
			return nil
		}
		return err
	case <-time.After(patience):
	}
	if drain != nil {
		slog.Warn("what was analysed last is not published in time; the next job analyses it again", "waited", patience)
	}
	cancel()
	err := <-done
	if on := (*launch.NotCancelled)(nil); errors.As(err, &on) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, launch.ErrCancelled) {
		return nil
	}
	return err
}

// readingLoop is what has to go round in a job on the direct runner, even where the log stands
// still; after stuck without a turn the process is not taken for alive. What may take long
// without a fault (a NameNode that restarts, frames that cost seconds) is well below.
const (
	readingLoop = "reading"
	stuck       = 5 * time.Minute
)

// settling is about how long it takes on an engine from the reader to the output.
const settling = 2 * time.Second

// LoadWatched makes the analyses of a file's content, and says everything that is wrong with it.
func LoadWatched(file string, content []byte) (profiles.Stages, error) {
	c, err := profiles.Parse(file, content)
	if err != nil {
		return profiles.Stages{}, err
	}
	s, err := c.Stages() // looks at the files that analyses name
	if err != nil {
		return profiles.Stages{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

package launch

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners" // defines --runner
)

// Engine is what runs pipelines, and what whoever builds one must know of it. There are
// [Direct], [Flink] and [Spark]; the zero Engine runs nothing.
type Engine struct {
	// Name is what --runner calls it.
	Name string
	// InProcess engines run all stages in this process and deliver every element once:
	// frames can wait in memory while only a ticket for them passes from stage to stage.
	InProcess bool
	// Credit is how many bytes of frames may be under way at once on an engine that does
	// not push back on a source. 0: it does.
	Credit int64
	// TickEvery is how often the engine calls a reader of a log. 0: a reader hands back
	// and is taken up again.
	TickEvery time.Duration
	// Streams engines follow a log as it grows. Others run only jobs with an end.
	Streams bool
	// Stopped engines do not end a pipeline that streams when its sources have ended: a
	// job with an end is stopped, see [Engine.RunUntil].
	Stopped bool
	// SliceBytes is about how much of each partition a pipeline reads unless something
	// else is said: then a job with an end is a series of pipelines of bounded
	// collections. 0: everything, in one pipeline.
	SliceBytes int64
	// Uncut is why jobs are not cut so. "": they can be.
	Uncut string

	title    string            // in errors, Name by default
	endpoint string            // where its job server is looked for without --endpoint; "": it has none
	preset   []byte            // the options of its jobs without --engine-options
	must     map[string]mustBe // options that are not the file's to choose
	run      func(context.Context, Engine, *beam.Pipeline, *Meter, Done) error
}

func (e Engine) String() string { return e.Name }

// Done says that nothing more can come of a pipeline.
type Done func(context.Context) (bool, error)

// engines are all that there are, the default first.
var engines = []Engine{Direct, Flink, Spark}

// Named returns the engine of that name.
func Named(name string) (Engine, error) {
	var names []string
	for _, e := range engines {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Engine{}, fmt.Errorf("not available (there are: %s)", strings.Join(names, ", "))
}

// Runner returns the engine that --runner names. The error says which there are, or
// what is wrong with the file of --engine-options.
func Runner() (Engine, error) {
	name := strings.ToLower(*runners.Runner)
	if name == "" || name == "prism" {
		return Direct, nil
	}
	e, err := Named(name)
	if err != nil {
		return e, fmt.Errorf("--runner=%s: %w", *runners.Runner, err)
	}
	_, err = e.options()
	return e, err
}

// CheckEnd refuses a job without end on an engine that only runs jobs with one.
func (e Engine) CheckEnd(endless bool) error {
	if endless && !e.Streams {
		return fmt.Errorf("--runner=%s reads up to an end and stops: say --until=now, and run it again for what came since", e.Name)
	}
	return nil
}

// Run runs the pipeline until it ends, fails, or ctx is cancelled, which cancels the
// job. ctx must have no deadline: prism understands only cancellation. A meter, if
// there is one, shows progress meanwhile.
func (e Engine) Run(ctx context.Context, p *beam.Pipeline, m *Meter) error {
	return e.RunUntil(ctx, p, m, nil)
}

// RunUntil is [Engine.Run] on a Stopped engine for a pipeline without an end, which is
// stopped as soon as done says that nothing more can come of it. It is asked again and
// again. An error of its own is logged.
func (e Engine) RunUntil(ctx context.Context, p *beam.Pipeline, m *Meter, done Done) error {
	if e.run == nil {
		return fmt.Errorf("run pipeline: unknown runner %q", e.Name)
	}
	if err := e.run(ctx, e, p, m, done); err != nil {
		return fmt.Errorf("run pipeline on %s: %w", cmp.Or(e.title, e.Name), reason(err))
	}
	return nil
}

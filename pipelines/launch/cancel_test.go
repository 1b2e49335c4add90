package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/console"
)

func init() {
	register.DoFn3x1[context.Context, []byte, func(int, int), error](&waitFn{})
}

// waits is told when a waitFn waits: prism runs in this process.
var waits = make(chan struct{}, 1)

// waitFn waits until its worker ends.
type waitFn struct{}

func (*waitFn) ProcessElement(ctx context.Context, _ []byte, _ func(int, int)) error {
	waits <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

// endless is a pipeline that ends when it is interrupted.
func endless() *beam.Pipeline {
	p, s := beam.NewPipelineWithRoot()
	beam.ParDo0(s, &gatherFn{}, beam.GroupByKey(s, beam.ParDo(s, &waitFn{}, beam.Impulse(s))))
	return p
}

func TestAnInterruptedJobThatGoesOnIsSaidToGoOn(t *testing.T) {
	there := map[string]string{"GET /jobs/overview": `{"jobs":[{"jid":"7","name":"a-root-1","state":"RUNNING"}]}`}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(there)
		maps.Copy(all, more)
		return all
	}
	setFlag(t, "worker-path", "/opt/framebeam/bin/analyze")
	for _, c := range []struct {
		name     string
		runner   Engine
		rest     map[string]string // nil: there is none
		stubborn bool
		code     int
		says     []string
	}{
		{"Flink cancels it", Flink, with(map[string]string{"PATCH /jobs/7?mode=cancel": "{}", "GET /jobs/7": `{"state":"CANCELED"}`}), false,
			exitDone, []string{"interrupted; the next run goes on\n"}},
		{"Flink does not cancel it", Flink, there, false,
			exitFailed, []string{"interrupted, but the job ", jobID, "may go on", "404", "cancel it by hand: curl -X PATCH 'http://", "/jobs/7?mode=cancel'"}},
		{"Flink is not there", Flink, nil, false,
			exitFailed, []string{"interrupted, but the job ", jobID, "may go on", "connection refused", "cancel it by hand: on Flink's page"}},
		{"Spark cancels it", Spark, nil, false,
			exitDone, []string{"interrupted; the next run goes on\n"}},
		{"Spark does not cancel it", Spark, nil, true,
			exitFailed, []string{"interrupted, but the job ", jobID, "may go on", "I would rather not", "cancel it by hand: on the page of Spark's master"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := startEngine(t)
			e.stubborn = c.stubborn
			setFlag(t, "endpoint", e.at)
			rest := "http://127.0.0.1:1"
			if c.rest != nil {
				flink, _ := cluster(t, c.rest)
				rest = flink.url
			}
			setFlag(t, "flink-rest", rest)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			go func() {
				<-e.running
				interrupt()
			}()
			command := Command{Endless: true, Again: "the next run goes on", Run: func(ctx context.Context) error {
				return c.runner.Run(ctx, impulse(), nil)
			}}
			var stderr bytes.Buffer
			if code := command.run(ctx, console.Open(&stderr, console.Options{})); code != c.code {
				t.Errorf("exit %d", code)
			}
			for _, want := range c.says {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("%q is not in %s", want, &stderr)
				}
			}
		})
	}
}

func TestAJobThatSomebodyElseHasCancelledIsKnownByItsType(t *testing.T) {
	e := startEngine(t)
	e.end = jobpb.JobState_CANCELLED
	setFlag(t, "endpoint", e.at)
	setFlag(t, "worker-path", "/opt/framebeam/bin/analyze")
	for _, runner := range []Engine{Flink, Spark} {
		if err := runner.Run(t.Context(), impulse(), nil); !errors.Is(err, ErrCancelled) {
			t.Errorf("%s: %v", runner.Name, err)
		}
	}
}

func TestDirectJobsLeaveNoFileBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	fails := func() *beam.Pipeline {
		p, s := beam.NewPipelineWithRoot()
		beam.ParDo0(s, &gatherFn{}, beam.GroupByKey(s, beam.ParDo(s, &failFn{}, beam.Impulse(s))))
		return p
	}
	ends := func() *beam.Pipeline {
		p, s := beam.NewPipelineWithRoot()
		gathered.counts = map[int][]int{}
		beam.ParDo0(s, &gatherFn{}, beam.GroupByKey(s, beam.ParDo(s, &spreadFn{Keys: 1, Each: 1}, beam.Impulse(s))))
		return p
	}
	for _, c := range []struct {
		name  string
		made  *beam.Pipeline
		stops bool
		want  func(error) bool
	}{
		{"one that ends", ends(), false, func(err error) bool { return err == nil }},
		{"one that fails", fails(), false, func(err error) bool { return err != nil && !interrupted(err) }},
		{"one that is interrupted", endless(), true, interrupted},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			if c.stops {
				go func() {
					<-waits
					interrupt()
				}()
			}
			if err := Direct.Run(ctx, c.made, nil); !c.want(err) {
				t.Error(err)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestWordsDoNotMakeAnErrorACancellation(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("read: %w", context.Canceled), true},
		{fmt.Errorf("job a: %w", ErrCancelled), true},
		{errors.New("the camera's subscription was cancelled"), false},
		{&NotCancelled{Why: context.Canceled, Err: context.Canceled}, false},
		{fmt.Errorf("run: %w", &NotCancelled{Why: context.Canceled, Err: errors.New("no")}), false},
		{nil, false},
	} {
		if interrupted(c.err) != c.want {
			t.Errorf("%v: %v", c.err, !c.want)
		}
	}
}

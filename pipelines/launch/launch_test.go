package launch

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		beWorker()
	}
	flag.Parse()
	beam.Init()
	Quiet(slog.LevelError)
	os.Exit(m.Run())
}

func init() {
	beam.RegisterDoFn(&spreadFn{})
	beam.RegisterDoFn(&countFn{})
	beam.RegisterDoFn(&gatherFn{})
	beam.RegisterDoFn(&failFn{})
	register.Emitter2[int, int]()
	register.Iter1[int]()
}

// spreadFn emits so many elements of each key, in turn.
type spreadFn struct{ Keys, Each int }

func (fn *spreadFn) ProcessElement(_ []byte, emit func(int, int)) {
	for i := range fn.Each {
		for k := range fn.Keys {
			emit(k, i)
		}
	}
}

// countFn counts its key's elements in keyed state and says every count. Some
// elements of key 0 take long.
type countFn struct {
	Count state.Value[int]

	elements beam.Counter
}

func (fn *countFn) Setup() { fn.elements = beam.NewCounter("launch", "elements") }

// long is more than the two ticks of 100 ms between which prism wants to see
// progress.
const long = 350 * time.Millisecond

func (fn *countFn) ProcessElement(ctx context.Context, p state.Provider, key, i int, emit func(int, int)) error {
	n, _, err := fn.Count.Read(p)
	if err != nil {
		return err
	}
	if key == 0 && i%10 == 0 {
		time.Sleep(long)
	}
	if err := fn.Count.Write(p, n+1); err != nil {
		return err
	}
	fn.elements.Inc(ctx, 1)
	emit(key, n+1)
	return nil
}

// gathered are the counts that were said of each key: prism runs in this process.
var gathered struct {
	sync.Mutex
	counts map[int][]int
}

type gatherFn struct{}

func (*gatherFn) ProcessElement(key int, counts func(*int) bool) {
	gathered.Lock()
	defer gathered.Unlock()
	for n := 0; counts(&n); {
		gathered.counts[key] = append(gathered.counts[key], n)
	}
}

type failFn struct{}

func (*failFn) ProcessElement([]byte, func(int, int)) error {
	return errors.New("the lens is covered,\nand the shutter too")
}

// Without the experiment that Run sets, prism splits a bundle of a stateful stage
// that makes no progress for a while, and runs a key in two bundles at once.
func TestASlowStatefulStageCountsEveryElementOfEveryKey(t *testing.T) {
	const keys, each = 40, 100
	gathered.counts = map[int][]int{}
	p, s := beam.NewPipelineWithRoot()
	elements := beam.ParDo(s, &spreadFn{Keys: keys, Each: each}, beam.Impulse(s))
	counts := beam.ParDo(s, &countFn{Count: state.MakeValueState[int]("count")}, elements)
	beam.ParDo0(s, &gatherFn{}, beam.GroupByKey(s, counts))
	var m Meter
	if err := Direct.Run(t.Context(), p, &m); err != nil {
		t.Fatal(err)
	}
	want := make([]int, each)
	for i := range want {
		want[i] = i + 1
	}
	for k := range keys {
		slices.Sort(gathered.counts[k])
		if diff := cmp.Diff(want, gathered.counts[k]); diff != "" {
			t.Fatalf("key %d did not count to %d: its state was lost (-want +got):\n%s", k, each, diff)
		}
	}
	if got := m.Total("launch/elements"); got != keys*each {
		t.Errorf("the counter came to %d, want %d", got, keys*each)
	}
}

func TestTheExperimentIsSetBesideThoseGiven(t *testing.T) {
	before := *jobopts.Experiments
	defer func() { *jobopts.Experiments = before }()
	for _, c := range []struct{ given, want string }{
		{"", noSplit},
		{"some_other", "some_other," + noSplit},
		{noSplit + ",some_other", noSplit + ",some_other"},
	} {
		*jobopts.Experiments = c.given
		if err := requireExperiment(noSplit); err != nil || *jobopts.Experiments != c.want {
			t.Errorf("given %q: %q, %v", c.given, *jobopts.Experiments, err)
		}
	}
}

func TestWhatCannotRunIsRefused(t *testing.T) {
	p, s := beam.NewPipelineWithRoot()
	beam.Impulse(s)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := Direct.Run(ctx, p, nil); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("a context with a deadline: %v", err)
	}
	if err := (Engine{Name: "abacus"}).Run(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), "abacus") {
		t.Errorf("an unknown runner: %v", err)
	}
}

func TestAnEngineIsFoundByItsName(t *testing.T) {
	for _, want := range []Engine{Direct, Flink, Spark} {
		if e, err := Named(want.Name); err != nil || e.Name != want.Name || e.run == nil {
			t.Errorf("%s: %v, %v", want.Name, e, err)
		}
	}
	if _, err := Named("abacus"); err == nil || err.Error() != "not available (there are: direct, flink, spark)" {
		t.Errorf("got %v", err)
	}
}

func TestAFailureIsSaidOnceWithItsReasonAlone(t *testing.T) {
	p, s := beam.NewPipelineWithRoot()
	beam.ParDo0(s, &gatherFn{}, beam.GroupByKey(s, beam.ParDo(s, &failFn{}, beam.Impulse(s))))
	var err error
	logged := stderr(t, func() {
		Quiet(slog.LevelWarn)
		err = Direct.Run(t.Context(), p, nil)
		slog.Warn("a line of our own")
	})
	Quiet(slog.LevelError)
	want := "run pipeline on the direct runner: launch.failFn: the lens is covered,\nand the shutter too"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if !strings.Contains(logged, "a line of our own") || strings.Count(logged, "\n") != 1 {
		t.Errorf("logged:\n%s", logged)
	}
}

func TestAFailureOfAJVMIsSaidWithoutItsCalls(t *testing.T) {
	err := reason(errors.New("job x failed: RestClientException: [JobNotFoundException: Could not find job (7)\n\tat org.apache.flink.runtime.Dispatcher.lambda$0(Dispatcher.java:896)\n\tat java.base/x]"))
	if want := "job x failed: RestClientException: [JobNotFoundException: Could not find job (7)"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestALongFailureIsSaidByItsEnds(t *testing.T) {
	err := reason(errors.New("begins here " + strings.Repeat("1, 2, 3, ", 1<<20) + "ends here"))
	text := err.Error()
	if len(text) > mostHead+mostTail+100 || !strings.HasPrefix(text, "begins here") || !strings.HasSuffix(text, "ends here") || !strings.Contains(text, "bytes are left out") {
		t.Errorf("%d bytes: %.100s", len(text), text)
	}
}

func TestAFailureInAReaderIsFoundInAJVMsTrace(t *testing.T) {
	trace := "java.io.IOException: Could not perform checkpoint 15\n\tat org.apache.flink.X.y(X.java:1)\n" +
		"Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 1: process bundle failed\n\tcaused by:\nsource failed processing data\n\tcaused by:\n" +
		"DoFn[UID:13, PID:e3/ProcessSizedElementsAndRestrictions0, Name: github.com/framebeam/framebeam/transforms/source.readFn] failed:\n" +
		"topic yard partition 0: a savepoint resumes only in its own generation\n\n\tat org.apache.beam.Y.z(Y.java:2)\n\t... 32 more"
	if got, want := ownReason(trace), "source.readFn: topic yard partition 0: a savepoint resumes only in its own generation"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// stderr is what is written to standard error meanwhile.
func stderr(t *testing.T, do func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = before }()
	do()
	b, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// setFlag sets a flag of the command line for the time of a test.
func setFlag(t *testing.T, name, value string) {
	t.Helper()
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	DefineFlags(f)
	before := f.Lookup(name).Value.String()
	if err := f.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Set(name, before) })
}

package source

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

func init() {
	beam.RegisterDoFn(&keepRuns{})
	beam.RegisterDoFn(&keepEnds{})
	beam.RegisterFunction(ignore)
	register.Emitter2[string, int]()
	register.Iter1[int]()
	beam.RegisterType(reflect.TypeOf(keepRuns{}))
	beam.RegisterType(reflect.TypeOf(keepEnds{}))
}

// collected is what pipelines of this process emitted, by test.
var (
	collectedMu sync.Mutex
	collected   = map[string]*sink{}
)

type keepRuns struct{ Test string }

func (k *keepRuns) ProcessElement(r chunk.Run, emit func(string, int)) {
	collectedMu.Lock()
	defer collectedMu.Unlock()
	// An engine may use the memory again.
	r, err := chunk.UnmarshalRun(r.Marshal())
	if err != nil {
		panic(err)
	}
	collected[k.Test].runs = append(collected[k.Test].runs, r)
	element.Pace.Release(sum(r.Records))
}

type keepEnds struct{ Test string }

func (k *keepEnds) ProcessElement(e chunk.End, emit func(string, int)) {
	collectedMu.Lock()
	defer collectedMu.Unlock()
	collected[k.Test].ends = append(collected[k.Test].ends, e)
}

func ignore(string, func(*int) bool) {}

// runOnPrism runs Read and returns what it gave.
func runOnPrism(ctx context.Context, t *testing.T, cfg Config, tasks []Task) *sink {
	t.Helper()
	out := &sink{}
	collectedMu.Lock()
	collected[t.Name()] = out
	collectedMu.Unlock()
	p, s := beam.NewPipelineWithRoot()
	runs, ends := Read(s, cfg, tasks)
	// prism burns a core on a stage whose output nobody consumes.
	beam.ParDo0(s, ignore, beam.GroupByKey(s, beam.ParDo(s, &keepRuns{t.Name()}, runs)))
	beam.ParDo0(s, ignore, beam.GroupByKey(s, beam.ParDo(s, &keepEnds{t.Name()}, ends)))
	if _, err := prism.Execute(ctx, p); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMain(m *testing.M) {
	beam.Init()
	// A stage of prism that is split by element loses keyed state; ours must not need splits.
	*jobopts.Experiments = "prism_disable_sdf_split"
	os.Exit(m.Run())
}

// The whole way on a real engine: partitions with several cameras, gaps, records
// of no camera, every codec, faults of the broker while it is read.
func TestReadOnPrismGivesWhatTheBareLoopGives(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			b, err := broker.Start(broker.Options{Ports: []int{0, 0}, Topics: []broker.Topic{{Name: "frames", Partitions: 3}}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			codecs := []broker.Codec{broker.None, broker.Gzip, broker.Snappy, broker.LZ4, broker.Zstd}
			logs := make([][]frame.Record, 3)
			for range 60 {
				p := rnd.IntN(3)
				recs := make([]frame.Record, 1+rnd.IntN(20))
				for i := range recs {
					recs[i] = frame.Record{Timestamp: 1 + rnd.Int64N(1e6), Key: []byte(fmt.Sprintf("p%dc%d", p, rnd.IntN(5))), Value: make([]byte, rnd.IntN(2000))}
					if rnd.IntN(20) == 0 {
						recs[i].Key = nil
					}
				}
				first, err := b.AppendCompressed(t.Context(), codecs[rnd.IntN(len(codecs))], "frames", int32(p), recs...)
				if err != nil {
					t.Fatal(err)
				}
				for i := range recs {
					recs[i].Offset = first + int64(i)
				}
				logs[p] = append(logs[p], recs...)
			}
			cfg := Config{
				Log: log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 20 * time.Second},
				N:   1 + rnd.Int64N(60), Forget: 1 + rnd.Int64N(3),
				MaxRecords: 1 + rnd.IntN(100), MaxBytes: 1000 + rnd.IntN(50000), MaxWait: time.Second,
				RunRecords: 1 + rnd.IntN(16), RunBytes: 1000 + rnd.IntN(10000),
			}
			if seed%2 == 1 {
				cfg.Credit = 4000 + rnd.Int64N(20000)
			}
			if seed%3 == 2 {
				if err := b.Compact(t.Context(), "frames"); err != nil {
					t.Fatal(err)
				}
				for p := range logs {
					logs[p] = compacted(t, b, int32(p))
				}
			}
			l := openTestLog(t, b)
			id, err := log.Identity(t.Context(), l, "frames")
			if err != nil {
				t.Fatal(err)
			}
			var tasks []Task
			for p := range logs {
				first, end, err := l.Bounds(t.Context(), chunk.Partition{Topic: "frames", ID: int32(p)})
				if err != nil {
					t.Fatal(err)
				}
				to := end - rnd.Int64N((end-first)/2+1)
				tasks = append(tasks, Task{Partition: chunk.Partition{Topic: "frames", ID: int32(p)}, From: first, To: to, LogEnd: end, Identity: id})
			}
			b.Fail(broker.Fetch, broker.NotLeader, 2)
			b.Fail(broker.ListOffsets, broker.RequestTimedOut, 1)
			b.Cut(broker.Fetch, 1)
			if err := b.MoveLeader("frames", int32(rnd.IntN(3)), 1); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := runOnPrism(ctx, t, cfg, tasks)
			for p, task := range tasks {
				out.of(int32(p)).check(t, logs[p], task, cfg)
			}
		})
	}
}

// compacted returns the records that the broker still has, as a foreign client reads them.
func compacted(t *testing.T, b *broker.Broker, partition int32) []frame.Record {
	t.Helper()
	left, err := b.Records(t.Context(), "frames", partition)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

package source

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// readBounded reads a task as an engine without streams does.
func readBounded(ctx context.Context, cfg Config, task Task) (*sink, error) {
	fn := &boundedFn{reader{Config: cfg.withDefaults()}}
	if err := fn.Setup(ctx); err != nil {
		return nil, err
	}
	defer fn.Teardown()
	out := &sink{}
	return out, fn.ProcessElement(ctx, task,
		func(_ mtime.Time, r chunk.Run) { out.runs = append(out.runs, r) },
		func(_ mtime.Time, e chunk.End) { out.ends = append(out.ends, e) })
}

func TestATaskIsReadInOneCall(t *testing.T) {
	spec := testLog(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		cfg := drawConfig(t, spec)
		cfg.OneCall = true
		task := drawTask(t, l, cfg.N, cfg.Forget)
		if task.To == chunk.None {
			task.To = l.end
		}
		memLogs.Store(spec.Root, l)
		out, err := readBounded(context.Background(), cfg, task)
		if err != nil {
			t.Fatal(err)
		}
		out.check(t, l.recs, task, cfg)
	})
}

// Slice after slice, each task begun from the last end of the slice before, gives
// what one job gives, and no slice is larger than it may be.
func TestSlicesGiveWhatOneCallGives(t *testing.T) {
	spec := testLog(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		cfg := drawConfig(t, spec)
		cfg.OneCall = true
		cfg.SliceBytes = rapid.Int64Range(1, 400).Draw(t, "slice bytes")
		task := drawTask(t, l, cfg.N, cfg.Forget)
		if task.To == chunk.None {
			task.To = l.end
		}
		memLogs.Store(spec.Root, l)
		for rest := task; rest.From < rest.To; {
			out, err := readBounded(context.Background(), cfg, rest)
			if err != nil {
				t.Fatal(err)
			}
			slice := rest
			i := slices.IndexFunc(out.ends, func(e chunk.End) bool { return e.UpTo == task.To })
			if i < 0 {
				slice.To = out.ends[len(out.ends)-1].UpTo
			}
			out.check(t, l.recs, slice, cfg)
			checkSliceSize(t, out, cfg)
			if i >= 0 {
				return
			}
			last := out.ends[len(out.ends)-1]
			if last.Partial || last.UpTo <= rest.From {
				t.Fatalf("a slice from %d ends with %+v", rest.From, last)
			}
			rest.From, rest.Cameras = last.UpTo, last.Cameras
		}
	})
}

// checkSliceSize checks the promise of Config.SliceBytes.
func checkSliceSize(t tester, out *sink, cfg Config) {
	t.Helper()
	sizes := map[int64]int64{}
	for _, r := range out.runs {
		sizes[r.Chunk] += sum(r.Records)
	}
	var before, most int64
	for i, e := range out.ends {
		if i > 0 && before+most > cfg.SliceBytes {
			t.Fatalf("chunk %d was read after %d bytes in chunks of up to %d", e.Index, before, most)
		}
		before += sizes[e.Index]
		most = max(most, sizes[e.Index])
	}
}

func TestASliceEndsBeforeTheChunkThatWouldBeTooMuch(t *testing.T) {
	l := &memLog{end: 20}
	for o := range int64(20) {
		l.recs = append(l.recs, frame.Record{Offset: o, Key: []byte("a"), Value: make([]byte, 10)})
	}
	for _, c := range []struct {
		name  string
		bytes int64
		to    int64
		upTo  []int64
	}{
		{"one chunk at least", 1, 20, []int64{4}},
		{"one chunk exactly", 40, 20, []int64{4}},
		{"not two", 79, 20, []int64{4}},
		{"two", 80, 20, []int64{4, 8}},
		{"the tail is as good as a chunk", 80, 10, []int64{4, 8}},
		{"the tail too", 120, 10, []int64{4, 8, 10}},
		{"everything", 1 << 40, 20, []int64{4, 8, 12, 16, 20}},
		{"no limit", 0, 20, []int64{4, 8, 12, 16, 20}},
		{"less than a chunk", 1, 3, []int64{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := readBounded(t.Context(), Config{Log: testLog(t, l), N: 4, OneCall: true, SliceBytes: c.bytes}, Task{Partition: chunk.Partition{Topic: "frames"}, To: c.to, LogEnd: 20})
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, e := range out.ends {
				got = append(got, e.UpTo)
			}
			if !slices.Equal(got, c.upTo) {
				t.Errorf("ends at %v, want %v", got, c.upTo)
			}
		})
	}
}

// model is the pipeline as engines get it.
func model(t *testing.T, cfg Config, tasks []Task) *pipepb.Pipeline {
	t.Helper()
	p, s := beam.NewPipelineWithRoot()
	runs, ends := Read(s, cfg, tasks)
	beam.ParDo(s, &keepRuns{t.Name()}, runs)
	beam.ParDo(s, &keepEnds{t.Name()}, ends)
	edges, _, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	m, err := graphx.Marshal(edges, &graphx.Options{Environment: &pipepb.Environment{Urn: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOneCallIsBoundedForEngines(t *testing.T) {
	l := &memLog{end: 3}
	tasks := []Task{{Partition: chunk.Partition{Topic: "frames"}, To: 3, LogEnd: 3}}
	unbounded := func(m *pipepb.Pipeline) (n int) {
		for _, c := range m.GetComponents().GetPcollections() {
			if c.GetIsBounded() != pipepb.IsBounded_BOUNDED {
				n++
			}
		}
		return n
	}
	splittable := func(m *pipepb.Pipeline) (n int) {
		for _, tr := range m.GetComponents().GetTransforms() {
			var pardo pipepb.ParDoPayload
			if tr.GetSpec().GetUrn() != graphx.URNParDo {
				continue
			}
			if err := proto.Unmarshal(tr.GetSpec().GetPayload(), &pardo); err != nil {
				t.Fatal(err)
			}
			if pardo.GetRestrictionCoderId() != "" {
				n++
			}
		}
		return n
	}
	cfg := Config{Log: testLog(t, l), N: 2}
	live := model(t, cfg, tasks)
	if unbounded(live) == 0 || splittable(live) != 1 {
		t.Fatalf("this test sees nothing: %d unbounded, %d splittable", unbounded(live), splittable(live))
	}
	cfg.OneCall = true
	m := model(t, cfg, tasks)
	if unbounded(m) != 0 || splittable(m) != 0 {
		t.Errorf("%d unbounded collections, %d splittable transforms", unbounded(m), splittable(m))
	}
	for _, r := range m.GetRequirements() {
		if r == graphx.URNRequiresSplittableDoFn || r == graphx.URNRequiresBundleFinalization {
			t.Errorf("the pipeline requires %s", r)
		}
	}
}

func TestOneCallOnPrismReadsAllPartitions(t *testing.T) {
	b, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: 4}}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cfg := Config{Log: log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 20 * time.Second}, N: 16, OneCall: true}
	var tasks []Task
	logs := make([][]frame.Record, 4)
	for p := range logs {
		for o := range 10 + 37*p {
			logs[p] = append(logs[p], frame.Record{Timestamp: int64(o + 1), Key: fmt.Appendf(nil, "p%dc%d", p, o%3), Value: make([]byte, o)})
		}
		if _, err := b.Append(t.Context(), "frames", int32(p), logs[p]...); err != nil {
			t.Fatal(err)
		}
		for o := range logs[p] {
			logs[p][o].Offset = int64(o)
		}
		tasks = append(tasks, Task{Partition: chunk.Partition{Topic: "frames", ID: int32(p)}, To: int64(len(logs[p])), LogEnd: int64(len(logs[p]))})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := runOnPrism(ctx, t, cfg, tasks)
	for p, task := range tasks {
		out.of(int32(p)).check(t, logs[p], task, cfg.withDefaults())
	}
}

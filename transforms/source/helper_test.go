package source

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// memLog is one partition in memory. Each Log of kind "mem" with the root that
// it is kept under reads it.
type memLog struct {
	mu   sync.Mutex
	recs []frame.Record // ascending offsets, with gaps
	end  int64          // what readers see of it: offsets below this
	id   string
	err  error
}

var memLogs sync.Map // root -> *memLog

func init() {
	log.Register("mem", func(_ context.Context, spec log.Spec) (log.Log, error) {
		l, ok := memLogs.Load(spec.Root)
		if !ok {
			return nil, fmt.Errorf("no log is kept under %q", spec.Root)
		}
		return l.(*memLog), nil
	})
}

func (l *memLog) Partitions(context.Context, string) ([]int32, error) { return []int32{0}, nil }

func (l *memLog) Bounds(context.Context, chunk.Partition) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, l.end, l.err
}

func (l *memLog) OffsetAt(context.Context, chunk.Partition, time.Time) (int64, error) { return 0, nil }

func (l *memLog) Read(_ context.Context, p chunk.Partition, from, to int64, maxBytes int, _ time.Duration) ([]frame.Record, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, 0, l.err
	}
	if from > l.end {
		return nil, 0, &log.DataLoss{Partition: p, Offset: from, First: 0, End: l.end, What: "truncated"}
	}
	to = min(to, l.end)
	var out []frame.Record
	next, size := from, 0
	for i := sort.Search(len(l.recs), func(i int) bool { return l.recs[i].Offset >= from }); i < len(l.recs) && l.recs[i].Offset < to; i++ {
		if size > 0 && size >= maxBytes {
			return out, next, nil
		}
		out = append(out, l.recs[i])
		size += len(l.recs[i].Value)
		next = l.recs[i].Offset + 1
	}
	return out, max(next, to), nil
}

func (l *memLog) Identity(context.Context, string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id, nil
}

func (l *memLog) Close() error { return nil }

func (l *memLog) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// drawLog draws a log of several cameras with gaps, records of no camera, and
// cameras that come and go.
func drawLog(t *rapid.T) *memLog {
	cameras := rapid.IntRange(1, 5).Draw(t, "cameras")
	n := rapid.IntRange(0, 80).Draw(t, "records")
	l := &memLog{}
	for range n {
		if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
			l.end += int64(rapid.IntRange(1, 30).Draw(t, "gap of"))
		}
		// A low number is likely, so that some cameras are rare.
		c := min(rapid.IntRange(0, cameras).Draw(t, "camera"), rapid.IntRange(0, cameras).Draw(t, "camera"))
		key := []byte(fmt.Sprintf("c%d", c))
		if c == cameras {
			key = nil
		}
		l.recs = append(l.recs, frame.Record{
			Offset: l.end, Timestamp: l.end, Key: key,
			Value: make([]byte, rapid.IntRange(0, 40).Draw(t, "bytes")),
		})
		l.end++
	}
	l.end += int64(rapid.IntRange(0, 20).Draw(t, "gap at the end"))
	return l
}

// drawTask draws a part of the log and the cameras that were seen before it.
func drawTask(t *rapid.T, l *memLog, n, forget int64) Task {
	from := n * rapid.Int64Range(0, l.end/n).Draw(t, "from")
	task := Task{Partition: chunk.Partition{Topic: "frames"}, From: from, To: chunk.None, LogEnd: l.end}
	if rapid.Bool().Draw(t, "with an end") {
		task.To = rapid.Int64Range(from, l.end).Draw(t, "to")
	}
	// As one who reads from the beginning would know them.
	_, ends := bareLoop(l.recs, Task{Partition: chunk.Partition{Topic: "frames"}, To: from}, n, forget)
	if len(ends) > 0 {
		task.Cameras = ends[len(ends)-1].Cameras
	}
	return task
}

// seen is one link as a chain has it: a record, a save, or a clear.
type seen struct {
	Camera   string
	Kind     chunk.Kind
	Position int64
	Chunk    int64
	Prev     int64 // of the link, whether or not a run begins with it
	Restore  int64
}

// bareLoop is the oracle: what reading a task must give in the end, computed
// chunk by chunk from all records at once.
func bareLoop(recs []frame.Record, task Task, n, forget int64) (links []seen, ends []chunk.End) {
	last := map[string]int64{}
	for _, c := range task.Cameras {
		last[c.Camera] = c.Last
	}
	add := func(camera string, kind chunk.Kind, k, position int64) {
		l := seen{camera, kind, position, k, chunk.Fresh, chunk.None}
		if o, ok := last[camera]; ok && camera != "" {
			if o/n == k {
				l.Prev = 2*o + 1
			} else {
				l.Prev = 2 * (o/n + 1) * n
			}
			if o < task.From {
				l.Restore = o / n
			}
		}
		links = append(links, l)
	}
	for k := task.From / n; k*n < task.To; k++ {
		end := chunk.End{ID: chunk.ID{Partition: task.Partition, Index: k}, N: n, UpTo: (k + 1) * n}
		for _, r := range recs {
			if r.Offset/n != k || r.Offset < task.From || r.Offset >= task.To {
				continue
			}
			end.Offsets.Add(r.Offset)
			end.LastDigest = r.Digest()
			if r.Key == nil {
				add("", chunk.Stray, k, 2*r.Offset+1)
				continue
			}
			add(string(r.Key), chunk.Frames, k, 2*r.Offset+1)
			last[string(r.Key)] = r.Offset
		}
		if (k+1)*n > task.To {
			break
		}
		var ids []string
		for c := range last {
			ids = append(ids, c)
		}
		sort.Strings(ids)
		for _, c := range ids {
			switch age := k - last[c]/n; {
			case age == 0:
				add(c, chunk.Save, k, 2*(k+1)*n)
				end.Owed = append(end.Owed, c)
			case age >= forget:
				add(c, chunk.Clear, k, 2*(k+1)*n)
				delete(last, c)
				continue
			}
			end.Cameras = append(end.Cameras, chunk.CameraOffset{Camera: c, Last: last[c]})
		}
		ends = append(ends, end)
	}
	return links, ends
}

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// sink collects what was emitted, in any order.
type sink struct {
	runs []chunk.Run
	ends []chunk.End
}

// of is what was emitted of a partition.
func (s *sink) of(partition int32) *sink {
	part := &sink{}
	for _, r := range s.runs {
		if r.Partition.ID == partition {
			part.runs = append(part.runs, r)
		}
	}
	for _, e := range s.ends {
		if e.Partition.ID == partition {
			part.ends = append(part.ends, e)
		}
	}
	return part
}

// check compares with the oracle. Bounds of runs are free; everything else is not.
func (s *sink) check(t tester, recs []frame.Record, task Task, cfg Config) {
	t.Helper()
	if task.To == chunk.None {
		task.To = task.LogEnd
	}
	want, wantEnds := bareLoop(recs, task, cfg.N, cfg.Forget)
	var got []seen
	byOffset := map[int64]frame.Record{}
	for _, r := range recs {
		byOffset[r.Offset] = r
	}
	for _, r := range s.runs {
		l := seen{r.Camera, r.Kind, chunk.EndPosition(r.Chunk, r.N), r.Chunk, r.Prev, r.Restore}
		if r.Partition != task.Partition || r.N != cfg.N {
			t.Fatalf("run of another partition: %+v", r.Link)
		}
		if r.Kind == chunk.Save || r.Kind == chunk.Clear {
			if len(r.Records) > 0 {
				t.Fatalf("%v has records", l)
			}
			got = append(got, l)
			continue
		}
		if n := len(r.Records); n == 0 || n > cfg.RunRecords {
			t.Fatalf("run of %d records", n)
		}
		if n := sum(r.Records); n > int64(cfg.RunBytes) && len(r.Records) > 1 {
			t.Fatalf("run of %d bytes", n)
		}
		for _, rec := range r.Records {
			if !reflect.DeepEqual(rec, byOffset[rec.Offset]) {
				t.Fatalf("record %d is changed: %v, want %v", rec.Offset, rec, byOffset[rec.Offset])
			}
			l.Position = chunk.FramePosition(rec.Offset)
			got = append(got, l)
			l.Prev, l.Restore = l.Position, chunk.None
			if r.Kind == chunk.Stray {
				l.Prev = chunk.Fresh
			}
		}
	}
	order := func(a, b seen) int {
		if d := a.Position - b.Position; d != 0 {
			return int(d)
		}
		return strings.Compare(a.Camera, b.Camera)
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("links (-want +got):\n%s", d)
	}
	var ends []chunk.End
	all := chunk.Offsets{}
	for _, r := range recs {
		if r.Offset >= task.From && r.Offset < task.To {
			all.Add(r.Offset)
		}
	}
	for _, e := range s.ends {
		if !e.Partial {
			e.Owed = slices.Clip(e.Owed)
			if len(e.Owed) == 0 {
				e.Owed = nil
			}
			ends = append(ends, e)
			continue
		}
		var so chunk.Offsets
		for o := range all.Below(e.UpTo).All {
			if o/cfg.N == e.Index {
				so.Add(o)
			}
		}
		if !e.Offsets.Equal(so) || e.Owed != nil || e.Cameras != nil || e.UpTo <= e.Index*cfg.N || e.UpTo > (e.Index+1)*cfg.N || e.UpTo <= task.From {
			t.Fatalf("partial end %+v, want offsets %v", e, so)
		}
	}
	slices.SortFunc(ends, func(a, b chunk.End) int { return int(a.Index - b.Index) })
	if d := cmp.Diff(wantEnds, ends); d != "" {
		t.Fatalf("ends (-want +got):\n%s", d)
	}
}

// drive is an engine with one worker: it processes a task call by call, with the
// restriction and the watermark encoded in between. interrupt may ask for a
// checkpoint whenever something is emitted; between runs before every further call
// and ends the drive with false.
func drive(t tester, ctx context.Context, fn *readFn, task Task, interrupt func() bool, between func(Restriction) bool) (*sink, error) {
	t.Helper()
	out := &sink{}
	return out, driveInto(t, ctx, out, fn, task, interrupt, between)
}

func driveInto(t tester, ctx context.Context, out *sink, fn *readFn, task Task, interrupt func() bool, between func(Restriction) bool) error {
	t.Helper()
	if err := fn.Setup(ctx); err != nil {
		return err
	}
	defer fn.Teardown()
	left := fn.CreateInitialRestriction(task)
	mark := fn.InitialWatermarkEstimatorState(0, left, task)
	for {
		rest, err := UnmarshalRestriction(left.Marshal())
		if err != nil {
			t.Fatalf("restriction does not survive: %v", err)
		}
		rt, w := fn.CreateTracker(rest), fn.CreateWatermarkEstimator(mark)
		var residual any
		checkpoint := func() {
			if _, r, err := rt.TrySplit(0.5); r != nil || err != nil {
				t.Fatalf("split at a fraction: %v, %v", r, err)
			}
			if interrupt() && residual == nil {
				_, residual, _ = rt.TrySplit(0)
				mark = fn.WatermarkEstimatorState(w)
			}
		}
		onTime := func(et mtime.Time) {
			if et < mtime.FromTime(w.CurrentWatermark()) {
				t.Fatalf("emitted at %v, behind the watermark %v", et, w.CurrentWatermark())
			}
		}
		cont, err := fn.ProcessElement(ctx, w, rt, task,
			func(et mtime.Time, r chunk.Run) { onTime(et); out.runs = append(out.runs, r); checkpoint() },
			func(et mtime.Time, e chunk.End) { onTime(et); out.ends = append(out.ends, e); checkpoint() })
		if err != nil {
			return err
		}
		if cont.ShouldResume() && residual == nil {
			_, residual, _ = rt.TrySplit(0)
			mark = fn.WatermarkEstimatorState(w)
		}
		if !rt.IsDone() {
			t.Fatalf("returned %v without being done: %+v", cont, rt.GetRestriction())
		}
		if residual == nil {
			return nil
		}
		left = residual.(Restriction)
		if left.Next < rest.Next || mark > left.Next {
			t.Fatalf("went back from %d to %d, watermark at %d", rest.Next, left.Next, mark)
		}
		if !between(left) {
			return nil
		}
	}
}

func testLog(t testing.TB, l *memLog) log.Spec {
	memLogs.Store(t.Name(), l)
	return log.Spec{Kind: "mem", Root: t.Name()}
}

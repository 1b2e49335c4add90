package source

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/frame"
)

// keyState is the state of one key, as an engine keeps it.
type keyState struct {
	state.Provider // what the stage does not use
	values         map[string]any
}

func (s *keyState) ReadValueState(id string) (any, []state.Transaction, error) {
	return s.values[id], nil, nil
}

func (s *keyState) WriteValueState(t state.Transaction) error {
	s.values[t.Key] = t.Val
	return nil
}

// ticked is the stage with its tasks.
func ticked(t tester, cfg Config, tasks ...Task) *tickedFn {
	t.Helper()
	fn := &tickedFn{
		reader: reader{Config: cfg.withDefaults()}, Tasks: map[string]Task{}, Progress: state.MakeValueState[[]byte]("place"),
	}
	for _, task := range tasks {
		fn.Tasks[task.String()] = task
	}
	if err := fn.Setup(context.Background()); err != nil {
		t.Fatalf("%v", err)
	}
	fn.StartBundle(nil, nil)
	return fn
}

// tick gives the stage a tick in the bundle that is under way.
func (fn *tickedFn) tick(s *keyState, task Task, out *sink) error {
	return fn.ProcessElement(context.Background(), s, task.String(), true,
		func(_ mtime.Time, r chunk.Run) { out.runs = append(out.runs, r) },
		func(_ mtime.Time, e chunk.End) { out.ends = append(out.ends, e) })
}

// bundle gives the stage a bundle of one tick, as if there had been no pause.
func (fn *tickedFn) bundle(s *keyState, task Task, out *sink) error {
	clear(fn.pause)
	fn.StartBundle(nil, nil)
	return fn.tick(s, task, out)
}

// Whatever the bounds of calls and however often a worker or the whole job is
// another one, which goes on from the state of a checkpoint: the same links and the
// same ends.
func TestOnTicksTheSameIsRead(t *testing.T) {
	spec := testLog(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		cfg := drawConfig(t, spec)
		task := drawTask(t, l, cfg.N, cfg.Forget)
		task.To = chunk.None
		memLogs.Store(spec.Root, l)
		full := l.end
		l.end = rapid.Int64Range(task.From, full).Draw(t, "end so far")
		task.LogEnd = l.end

		now, out := &keyState{values: map[string]any{}}, &sink{}
		kept, keptOut := maps.Clone(now.values), *out
		fn := ticked(t, cfg, task)
		defer func() { fn.Teardown() }()
		for caughtUp := 0; caughtUp < 2; {
			switch rapid.IntRange(0, 9).Draw(t, "what happens") {
			case 0:
				kept, keptOut = maps.Clone(now.values), sink{slices.Clone(out.runs), slices.Clone(out.ends)}
			case 1: // a worker dies, or a savepoint is taken up by a later job
				now.values, *out = maps.Clone(kept), sink{slices.Clone(keptOut.runs), slices.Clone(keptOut.ends)}
				fn.Teardown()
				later := task
				if len(kept) > 0 {
					later.From, later.Cameras = task.From+cfg.N, nil
				}
				fn = ticked(t, cfg, later)
				caughtUp = 0
			case 2:
				l.end = rapid.Int64Range(l.end, full).Draw(t, "end so far")
			}
			before := len(out.runs) + len(out.ends)
			if err := fn.bundle(now, task, out); err != nil {
				t.Fatal(err)
			}
			if len(out.runs)+len(out.ends) == before {
				caughtUp++
				l.end = full
			} else {
				caughtUp = 0
			}
		}
		task.LogEnd = full
		out.check(t, l.recs, task, cfg)
	})
}

// Ticks that waited in line while other partitions were read come in one bundle.
func TestAPartitionIsReadOnceInABundle(t *testing.T) {
	l := &memLog{end: 9}
	for o := range l.end {
		l.recs = append(l.recs, frame.Record{Offset: o, Key: []byte("a")})
	}
	tasks := []Task{{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None}, {Partition: chunk.Partition{Topic: "frames", ID: 1}, To: chunk.None}}
	fn := ticked(t, Config{Log: testLog(t, l), N: 100, MaxRecords: 1}, tasks...)
	defer fn.Teardown()
	states, out := []*keyState{{values: map[string]any{}}, {values: map[string]any{}}}, &sink{}
	for bundle := 1; bundle <= 2; bundle++ {
		fn.StartBundle(nil, nil)
		for range 3 {
			for i, task := range tasks {
				if err := fn.tick(states[i], task, out); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(out.runs) != 2*bundle {
			t.Errorf("%d runs after %d bundles, want one of each partition in each", len(out.runs), bundle)
		}
	}
}

// However large the frames of the partitions that one worker reads.
func TestABundleGivesNoMoreThanItMayAndEveryPartitionHasItsTurn(t *testing.T) {
	const partitions = 5
	l := &memLog{end: 40}
	for o := range l.end {
		l.recs = append(l.recs, frame.Record{Offset: o, Key: []byte("a"), Value: make([]byte, bundleBytes/4)})
	}
	var tasks []Task
	var states []*keyState
	for p := range int32(partitions) {
		tasks = append(tasks, Task{Partition: chunk.Partition{Topic: "frames", ID: p}, To: chunk.None})
		states = append(states, &keyState{values: map[string]any{}})
	}
	fn := ticked(t, Config{Log: testLog(t, l), N: 100, MaxBytes: 3 * bundleBytes / 4, RunRecords: 1}, tasks...)
	defer fn.Teardown()
	read := map[int32]int{}
	for range 12 {
		fn.StartBundle(nil, nil)
		out := &sink{}
		for range 3 {
			for i, task := range tasks {
				if err := fn.tick(states[i], task, out); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := len(out.runs); n < 1 || n*bundleBytes/4 > 2*bundleBytes {
			t.Fatalf("a bundle gives %d frames", n)
		}
		for _, r := range out.runs {
			read[r.Partition.ID] += len(r.Records)
		}
	}
	for p := range int32(partitions) {
		if n := read[p]; n < 12 || n > 15 { // of 12 bundles with two calls of three frames each
			t.Errorf("partition %d: %d frames, of all %v", p, n, read)
		}
	}
}

func TestAnIdlePartitionIsNotReadAtEveryTick(t *testing.T) {
	l := &memLog{}
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None}
	fn := ticked(t, Config{Log: testLog(t, l), N: 10}, task)
	defer fn.Teardown()
	s, out := &keyState{values: map[string]any{}}, &sink{}
	if err := fn.tick(s, task, out); err != nil {
		t.Fatal(err)
	}
	if pause := time.Until(fn.pause[task.String()]); pause <= 0 || pause > idleDelay {
		t.Errorf("a pause of %v", pause)
	}
	l.set(func() { l.end, l.recs = 1, []frame.Record{{Key: []byte("a")}} })
	fn.pause[task.String()] = time.Now().Add(time.Hour)
	fn.StartBundle(nil, nil)
	if err := fn.tick(s, task, out); err != nil || len(out.runs) > 0 {
		t.Error("read while its pause lasted", err, out)
	}
	if err := fn.bundle(s, task, out); err != nil || len(out.runs) != 1 {
		t.Error("not read after its pause", err, out)
	}
}

func TestATaskWithAnEndIsReadNoFurtherOnTicks(t *testing.T) {
	l := &memLog{end: 9, recs: []frame.Record{{Key: []byte("a")}, {Offset: 8, Key: []byte("a")}}}
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: 5, LogEnd: 9}
	cfg := Config{Log: testLog(t, l), N: 4}.withDefaults()
	fn := ticked(t, cfg, task)
	defer fn.Teardown()
	s, out := &keyState{values: map[string]any{}}, &sink{}
	for range 4 {
		if err := fn.bundle(s, task, out); err != nil {
			t.Fatal(err)
		}
	}
	out.check(t, l.recs, task, cfg)
	kept := s.values["place"]
	if err := fn.bundle(s, task, out); err != nil || !bytes.Equal(kept.([]byte), s.values["place"].([]byte)) {
		t.Error("the position moved after the end", err)
	}
}

func TestTheStateOfAnotherGenerationIsRefusedOnTicks(t *testing.T) {
	spec := testLog(t, &memLog{})
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None, Generation: 1}
	s, out := &keyState{values: map[string]any{}}, &sink{}
	old := ticked(t, Config{Log: spec, N: 10, Generation: 1}, task)
	defer old.Teardown()
	if err := old.tick(s, task, out); err != nil {
		t.Fatal(err)
	}
	task.Generation = 2
	fn := ticked(t, Config{Log: spec, N: 10, Generation: 2}, task)
	defer fn.Teardown()
	if err := fn.bundle(s, task, out); !errors.Is(err, output.ErrOtherGeneration) {
		t.Error(err)
	}
}

// A savepoint of a job that ended elsewhere, or never, does not move the job's own end.
func TestTheEndIsTheJobsOwnWhateverASavepointSays(t *testing.T) {
	l := &memLog{end: 9}
	for o := range l.end {
		l.recs = append(l.recs, frame.Record{Offset: o, Key: []byte("a")})
	}
	cfg := Config{Log: testLog(t, l), N: 4, MaxRecords: 2}.withDefaults()
	for _, c := range []struct {
		name      string
		was, is   int64
		bundles   int // of the earlier job
		wantUntil int64
	}{
		{"later", 5, 8, 4, 8},
		{"never", 5, chunk.None, 4, 9},
		{"now there is one", chunk.None, 7, 2, 7},
		{"already behind", chunk.None, 3, 3, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, out := &keyState{values: map[string]any{}}, &sink{}
			task := Task{Partition: chunk.Partition{Topic: "frames"}, To: c.was, LogEnd: 9}
			earlier := ticked(t, cfg, task)
			defer earlier.Teardown()
			for range c.bundles {
				if err := earlier.bundle(s, task, out); err != nil {
					t.Fatal(err)
				}
			}
			task.To = c.is
			fn := ticked(t, cfg, task)
			defer fn.Teardown()
			for range 6 {
				if err := fn.bundle(s, task, out); err != nil {
					t.Fatal(err)
				}
			}
			var n int64
			for _, r := range out.runs {
				n += int64(len(r.Records))
			}
			if n != c.wantUntil {
				t.Errorf("%d records are read, want %d", n, c.wantUntil)
			}
		})
	}
}

func TestATickOfAnotherPartitionIsNothing(t *testing.T) {
	fn := ticked(t, Config{Log: testLog(t, &memLog{}), N: 10}, Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None})
	defer fn.Teardown()
	if err := fn.tick(&keyState{}, Task{Partition: chunk.Partition{Topic: "other"}}, &sink{}); err != nil {
		t.Error(err)
	}
}

func TestAPlaceSurvivesItsEncoding(t *testing.T) {
	task := Task{Partition: chunk.Partition{Topic: "t", ID: 3}, From: 20, To: chunk.None, LogEnd: 29, Identity: "id", Generation: 2, Cameras: []chunk.CameraOffset{{Camera: "a", Last: 7}}}
	p := progress{task, newRestriction(&task, 10)}
	got, err := unmarshalProgress(p.marshal())
	p.task.Cameras = nil
	if d := cmp.Diff(p, got, cmp.AllowUnexported(progress{})); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestStateThatIsNoneOfOursIsAnError(t *testing.T) {
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None}
	fn := ticked(t, Config{Log: testLog(t, &memLog{}), N: 10}, task)
	defer fn.Teardown()
	err := fn.tick(&keyState{values: map[string]any{"place": []byte{99}}}, task, &sink{})
	if err == nil || !strings.Contains(err.Error(), "position of topic frames partition 0: decode progress: unknown version") {
		t.Error(err)
	}
}

func FuzzUnmarshalPlace(f *testing.F) {
	task := Task{Partition: chunk.Partition{Topic: "t"}, From: 20, To: chunk.None}
	p := progress{task, newRestriction(&task, 10)}
	f.Add(p.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := unmarshalProgress(b)
		if err != nil {
			return
		}
		if again, err := unmarshalProgress(p.marshal()); err != nil || !bytes.Equal(again.marshal(), p.marshal()) {
			t.Error(again, err)
		}
	})
}

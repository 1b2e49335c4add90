package kafkasource

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
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
		reader: reader{Config: cfg.withDefaults()}, Tasks: map[string]Task{},
		Task: state.MakeValueState[[]byte]("task"), Left: state.MakeValueState[[]byte]("left"),
	}
	for _, task := range tasks {
		fn.Tasks[task.String()] = task
	}
	if err := fn.Setup(context.Background()); err != nil {
		t.Fatalf("%v", err)
	}
	return fn
}

// tick gives the stage a tick that was made now.
func (fn *tickedFn) tick(s *keyState, task Task, out *sink) error {
	return fn.ProcessElement(context.Background(), s, task.String(), time.Now().UnixMicro(),
		func(_ mtime.Time, r chunk.Run) { out.runs = append(out.runs, r) },
		func(_ mtime.Time, e chunk.End) { out.ends = append(out.ends, e) })
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
			fn.calls = map[string]called{} // the pause is over
			before := len(out.runs) + len(out.ends)
			if err := fn.tick(now, task, out); err != nil {
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

func TestATickAsksForACall(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	last := called{began: at(1000), ended: at(1300)}
	idle := called{began: at(1000), ended: at(1010), delay: 1600 * time.Millisecond}
	for _, c := range []struct {
		name      string
		last      called
		made, now int
		want      bool
	}{
		{"the first time", called{}, 5, 5, true},
		{"made after the call", last, 1310, 1320, true},
		{"made while the call went on", last, 1200, 1301, true},
		{"not if it was made before the call", last, 999, 1301, false},
		{"by a clock that is behind, after a while", last, 700, 2300, true},
		{"by a clock that is ahead", last, 9000, 1301, true},
		{"not while there is nothing to read", idle, 2000, 2000, false},
		{"when something may be there again", idle, 2700, 2700, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.last.due(at(c.made), at(c.now)); got != c.want {
				t.Error(got)
			}
		})
	}
}

func TestAnIdlePartitionIsNotReadAtEveryTick(t *testing.T) {
	l := &memLog{}
	task := Task{Topic: "frames", To: chunk.None}
	fn := ticked(t, Config{Log: testLog(t, l), N: 10}, task)
	defer fn.Teardown()
	s, out := &keyState{values: map[string]any{}}, &sink{}
	if err := fn.tick(s, task, out); err != nil {
		t.Fatal(err)
	}
	l.set(func() { l.end, l.recs = 1, []frame.Record{{Key: []byte("a")}} })
	if err := fn.tick(s, task, out); err != nil || len(out.runs) > 0 {
		t.Error("read while its pause lasted", err, out)
	}
}

func TestTheStateOfAnotherGenerationIsRefusedOnTicks(t *testing.T) {
	spec := testLog(t, &memLog{})
	task := Task{Topic: "frames", To: chunk.None, Generation: 1}
	s, out := &keyState{values: map[string]any{}}, &sink{}
	old := ticked(t, Config{Log: spec, N: 10, Generation: 1}, task)
	defer old.Teardown()
	if err := old.tick(s, task, out); err != nil {
		t.Fatal(err)
	}
	task.Generation = 2
	fn := ticked(t, Config{Log: spec, N: 10, Generation: 2}, task)
	defer fn.Teardown()
	if err := fn.tick(s, task, out); !errors.Is(err, ErrOtherGeneration) {
		t.Error(err)
	}
}

func TestStateThatIsNoneOfOursIsAnError(t *testing.T) {
	task := Task{Topic: "frames", To: chunk.None}
	fn := ticked(t, Config{Log: testLog(t, &memLog{}), N: 10}, task)
	defer fn.Teardown()
	good := newRestriction(&task, 10)
	for name, s := range map[string]*keyState{
		"position of": {values: map[string]any{"left": []byte{99}}},
		"task of":     {values: map[string]any{"left": good.Marshal(), "task": []byte{99}}},
	} {
		if err := fn.tick(s, task, &sink{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fn.tick(&keyState{}, Task{Topic: "other"}, &sink{}); err == nil || !strings.Contains(err.Error(), "no task") {
		t.Error(err)
	}
}

func TestEveryPartitionGetsATickButNotFromEverySlot(t *testing.T) {
	fn := &tickFn{Keys: []string{"a", "b"}, Every: time.Hour}
	var got []string
	for range 3 {
		fn.ProcessElement(nil, 0, nil, func(key string, made int64) {
			got = append(got, key)
			if age := time.Since(time.UnixMicro(made)); age < 0 || age > time.Minute {
				t.Errorf("a tick of %v ago", age)
			}
		})
	}
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
}

func TestTheClockIsThatOfFlinksRunner(t *testing.T) {
	m := model(t, Config{Log: testLog(t, &memLog{}), N: 2, TickEvery: 200 * time.Millisecond}, []Task{{Topic: "frames", To: chunk.None}})
	var clocks int
	for _, tr := range m.GetComponents().GetTransforms() {
		if tr.GetSpec().GetUrn() != clockURN {
			continue
		}
		clocks++
		var payload map[string]int
		if err := json.Unmarshal(tr.GetSpec().GetPayload(), &payload); err != nil || payload["interval_ms"] != 200 || payload["message_count"] != 0 {
			t.Errorf("payload %s, %v", tr.GetSpec().GetPayload(), err)
		}
		for _, id := range tr.GetOutputs() {
			if m.GetComponents().GetPcollections()[id].GetIsBounded() != pipepb.IsBounded_UNBOUNDED {
				t.Error("the clock has an end")
			}
		}
	}
	if clocks != 1 {
		t.Errorf("%d clocks", clocks)
	}
}

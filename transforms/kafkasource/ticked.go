package kafkasource

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/crashpoint"
)

func init() {
	register.DoFn4x0[state.Provider, int, []byte, func(string, int64)](&tickFn{})
	register.DoFn6x1[
		context.Context, state.Provider, string, int64,
		func(beam.EventTime, chunk.Run), func(beam.EventTime, chunk.End), error,
	](&tickedFn{})
	register.Emitter2[string, int64]()
}

// A splittable DoFn that hands back leaves something behind in Flink's state and
// in the TaskManager's heap for ever, with the job servers of Beam before 2.77
// (Beam issue 27648), and is called once in a bundle. So on Flink a partition is
// keyed state instead, and what comes round is a tick.

// clockURN is the one source of Flink's runner that goes on by itself: an element
// in every so many milliseconds, from each of its parallel parts.
const clockURN = "flink:transform:streaming_impulse:v1"

// clock gives elements for ever, at least one in every interval.
func clock(s beam.Scope, every time.Duration) beam.PCollection {
	payload, err := json.Marshal(map[string]int64{"interval_ms": max(1, every.Milliseconds()), "message_count": 0})
	if err != nil {
		panic(err)
	}
	return beam.External(s, clockURN, payload, nil, []beam.FullType{typex.New(reflect.TypeFor[[]byte]())}, false)[0]
}

// readOnTicks reads the tasks on whenever the clock gives an element.
func readOnTicks(s beam.Scope, r reader, tasks []Task, clock beam.PCollection) (runs, ends beam.PCollection) {
	byKey := make(map[string]Task, len(tasks))
	keys := make([]string, len(tasks))
	for i, t := range tasks {
		keys[i] = t.String()
		byKey[keys[i]] = t
	}
	// The clock has as many parts as the job has slots. One key makes one of them.
	ticks := beam.ParDo(s, &tickFn{Keys: keys, Every: r.Config.TickEvery, One: state.MakeValueState[[]byte]("one")}, beam.AddFixedKey(s, clock))
	return beam.ParDo2(s, &tickedFn{
		reader: r, Tasks: byKey,
		Task: state.MakeValueState[[]byte]("task"),
		Left: state.MakeValueState[[]byte]("left"),
	}, ticks)
}

// tickFn gives each key a tick with the time when it was made, in microseconds.
type tickFn struct {
	Keys  []string
	Every time.Duration
	One   state.Value[[]byte] // never used: engines bring a key to one place only for a DoFn with state

	last time.Time
}

// ProcessElement gives ticks, unless the last are too young.
func (f *tickFn) ProcessElement(_ state.Provider, _ int, _ []byte, emit func(string, int64)) {
	now := time.Now()
	if now.Sub(f.last) < f.Every/2 {
		return
	}
	f.last = now
	for _, k := range f.Keys {
		emit(k, now.UnixMicro())
	}
}

// tickedFn reads one partition per key, a call at each tick that is not too old.
type tickedFn struct {
	reader
	Tasks map[string]Task
	Task  state.Value[[]byte] // as the first call had it; a savepoint brings it into another job
	Left  state.Value[[]byte] // the restriction

	calls map[string]called
}

// called is when a partition was last read.
type called struct {
	began, ended time.Time
	delay        time.Duration // before the next call
}

// due reports whether a tick asks for a call.
//
// Ticks wait in line while a call lasts. One that was made before the last call
// began is dropped: there would be a call for each of them otherwise, all in one
// bundle, whose results an engine holds in memory until it ends. One that was made
// during the call is good, so that a partition with a backlog is read without
// a pause. After a while without a call any will do: the clocks may differ.
func (c called) due(made, now time.Time) bool {
	since := now.Sub(c.ended)
	return since >= c.delay && (since >= oldTick || !made.Before(c.began))
}

// oldTick is how long no tick waits in line once the calls before it have ended.
const oldTick = time.Second

// Setup opens the log.
func (f *tickedFn) Setup(ctx context.Context) error {
	f.calls = map[string]called{}
	return f.reader.Setup(ctx)
}

// ProcessElement reads on from where the partition stands.
func (f *tickedFn) ProcessElement(
	ctx context.Context, p state.Provider, key string, made int64,
	emitRun func(beam.EventTime, chunk.Run), emitEnd func(beam.EventTime, chunk.End),
) error {
	began := time.Now()
	if !f.calls[key].due(time.UnixMicro(made), began) {
		return nil
	}
	task, left, saved, err := f.load(p, key)
	if err != nil {
		return err
	}
	if task.Generation != f.Config.Generation {
		return fmt.Errorf("%v: read in generation %d, the job is of %d: %w", &task, task.Generation, f.Config.Generation, ErrOtherGeneration)
	}
	rt := NewTracker(left)
	cont, err := f.begin(&task, rt, newWatermark(left.Next), emitRun, emitEnd).process(ctx)
	if err != nil {
		return err
	}
	left = rt.GetRestriction().(Restriction)
	if b := left.Marshal(); !bytes.Equal(b, saved) {
		crashpoint.At("source-checkpoint")
		if err := f.Left.Write(p, b); err != nil {
			return fmt.Errorf("%v: write position: %w", &task, err)
		}
	}
	resumes.Inc(ctx, 1)
	f.calls[key] = called{began, time.Now(), cont.ResumeDelay()}
	return nil
}

// load is the task, what is left of it and how that was saved, nil at the first call.
func (f *tickedFn) load(p state.Provider, key string) (task Task, left Restriction, saved []byte, err error) {
	saved, begun, err := f.Left.Read(p)
	if err != nil {
		return task, left, nil, fmt.Errorf("read position of %s: %w", key, err)
	}
	if !begun {
		task, known := f.Tasks[key]
		if !known {
			return task, left, nil, fmt.Errorf("kafka source: a tick for %q, which is no task", key)
		}
		if err := f.Task.Write(p, task.Marshal()); err != nil {
			return task, left, nil, fmt.Errorf("%v: write task: %w", &task, err)
		}
		return task, newRestriction(&task, f.Config.N), nil, nil
	}
	if left, err = UnmarshalRestriction(saved); err != nil {
		return task, left, nil, fmt.Errorf("position of %s: %w", key, err)
	}
	b, _, err := f.Task.Read(p)
	if err == nil {
		task, err = UnmarshalTask(b)
	}
	if err != nil {
		return task, left, nil, fmt.Errorf("task of %s: %w", key, err)
	}
	return task, left, saved, nil
}

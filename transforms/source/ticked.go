package source

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/ticks"
	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterDoFn(&tickedFn{})
}

// readOnTicks reads the tasks on at ticks.
func readOnTicks(s beam.Scope, r reader, tasks []Task) (runs, ends beam.PCollection) {
	byKey := make(map[string]Task, len(tasks))
	keys := make([]string, len(tasks))
	for i, t := range tasks {
		keys[i] = t.String()
		byKey[keys[i]] = t
	}
	return beam.ParDo2(s, &tickedFn{
		reader: r, Tasks: byKey, Progress: state.MakeValueState[[]byte]("place"),
	}, ticks.For(s, keys, r.Config.TickEvery))
}

// tickedFn reads one partition per key, a call at a tick.
//
// Ticks wait in line while a bundle lasts, and come in the next one all at once. So
// there is at most one call for a key in a bundle, and none once it has given
// bundleBytes; who came too late for that comes first in the next bundle.
type tickedFn struct {
	reader
	Tasks    map[string]Task
	Progress state.Value[[]byte] // see progress; in savepoints its name is place

	served map[string]bool      // in this bundle, and in those before it since all were served
	late   bool                 // somebody was not
	room   int64                // bytes of values that the bundle may still give
	pause  map[string]time.Time // until when there is nothing to read, it seems
}

// Setup opens the log.
func (f *tickedFn) Setup(ctx context.Context) error {
	f.served, f.pause = map[string]bool{}, map[string]time.Time{}
	return f.reader.Setup(ctx)
}

// bundleBytes is about the most that a bundle gives. An engine holds it in memory until
// the bundle ends, and Beam's runners of 2.70 wait for ever for one that gives more than
// 100 messages, of 2 MB and more each (Beam issue 38570).
const bundleBytes = 64 << 20

// StartBundle begins a bundle.
func (f *tickedFn) StartBundle(func(beam.EventTime, chunk.Run), func(beam.EventTime, chunk.End)) {
	if !f.late {
		clear(f.served)
	}
	f.late, f.room = false, bundleBytes
}

// ProcessElement reads on from where the partition stands.
func (f *tickedFn) ProcessElement(
	ctx context.Context, p state.Provider, key string, _ bool,
	emitRun func(beam.EventTime, chunk.Run), emitEnd func(beam.EventTime, chunk.End),
) error {
	task, known := f.Tasks[key]
	// A tick of a partition that is not read is one that an engine has kept for an
	// earlier job's.
	if !known || f.served[key] || time.Now().Before(f.pause[key]) {
		return nil
	}
	if f.room <= 0 {
		f.late = true
		return nil
	}
	f.served[key] = true
	at := progress{task, newRestriction(&task, f.Config.N)}
	saved, begun, err := f.Progress.Read(p)
	if err == nil && begun {
		end := at.left.End // a savepoint may be of a job with another one
		at, err = unmarshalProgress(saved)
		at.left.End = end
	}
	if err != nil {
		return fmt.Errorf("kafka source: position of %s: %w", key, err)
	}
	if err := f.ours(&at.task); err != nil {
		return err
	}
	rt := NewTracker(at.left)
	call := f.begin(&at.task, rt, newWatermark(at.left.Next), emitRun, emitEnd)
	cont, err := call.process(ctx)
	if err != nil {
		return err
	}
	f.room -= int64(f.Config.MaxBytes) - call.bytes
	at.left = rt.GetRestriction().(Restriction)
	if b := at.marshal(); !bytes.Equal(b, saved) {
		if err := f.Progress.Write(p, b); err != nil {
			return fmt.Errorf("kafka source: keep position of %s: %w", key, err)
		}
	}
	f.pause[key] = time.Now().Add(cont.ResumeDelay())
	return nil
}

// progress is the keyed state of a partition: how far it is read, and the task as the
// first call had it, which a savepoint brings into another job. Only the end is that job's.
type progress struct {
	task Task // without Cameras, which the restriction has
	left Restriction
}

// progressVersion is the first byte of an encoded progress.
const progressVersion = 1

func (p *progress) marshal() []byte {
	task := p.task
	task.Cameras = nil
	b := wire.Bytes([]byte{progressVersion}, task.Marshal())
	return wire.Bytes(b, p.left.Marshal())
}

func unmarshalProgress(b []byte) (p progress, err error) {
	r, err := wire.Open(b, progressVersion)
	if err != nil {
		return p, fmt.Errorf("decode progress: %w", err)
	}
	task, left := r.Bytes(), r.Bytes()
	if err := r.Close(); err != nil {
		return p, fmt.Errorf("decode progress: %w", err)
	}
	if p.task, err = UnmarshalTask(task); err != nil {
		return p, err
	}
	p.left, err = UnmarshalRestriction(left)
	return p, err
}

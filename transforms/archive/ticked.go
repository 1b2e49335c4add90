package archive

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"

	"github.com/framebeam/framebeam/transforms/ticks"
	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterDoFn(&tickedFn{})
}

// watchOnTicks looks at the logs of tasks whenever there is a tick.
func watchOnTicks(s beam.Scope, cfg Config, tasks []Task) beam.PCollection {
	byKey := make(map[string]Task, len(tasks))
	keys := make([]string, len(tasks))
	for i, t := range tasks {
		keys[i] = t.Partition.Key()
		byKey[keys[i]] = t
	}
	return beam.ParDo(s, &tickedFn{
		Watch: watchFn{Config: cfg}, Tasks: byKey, Next: state.MakeValueState[[]byte]("next"),
	}, ticks.For(s, keys, cfg.TickEvery))
}

// tickedFn does what watchFn does, with what is handed out in keyed state.
type tickedFn struct {
	Watch watchFn
	Tasks map[string]Task
	Next  state.Value[[]byte] // the chunk to hand out next

	pause map[string]time.Time // until when not to look
}

// Setup opens the log.
func (f *tickedFn) Setup(ctx context.Context) error {
	f.pause = map[string]time.Time{}
	return f.Watch.Setup(ctx)
}

// Teardown closes the log.
func (f *tickedFn) Teardown() error { return f.Watch.Teardown() }

// ProcessElement emits the pieces that the log is past.
func (f *tickedFn) ProcessElement(ctx context.Context, p state.Provider, key string, _ bool, emit func(Piece)) error {
	t, known := f.Tasks[key]
	if !known || time.Now().Before(f.pause[key]) {
		return nil
	}
	left := f.Watch.CreateInitialRestriction(t)
	saved, begun, err := f.Next.Read(p)
	if err == nil && begun {
		left.Next, err = unmarshalNext(saved)
	}
	if err != nil {
		return fmt.Errorf("archive: position of %s: %w", key, err)
	}
	rt := newTracker(left)
	cont, err := f.Watch.ProcessElement(ctx, rt, t, emit)
	if err != nil {
		return err
	}
	if next := rt.next(); next != left.Next {
		if err := f.Next.Write(p, marshalNext(next)); err != nil {
			return fmt.Errorf("archive: keep position of %s: %w", key, err)
		}
	}
	f.pause[key] = time.Now().Add(cont.ResumeDelay())
	return nil
}

// nextVersion is the first byte of an encoded position.
const nextVersion = 1

func marshalNext(k int64) []byte { return wire.Int([]byte{nextVersion}, k) }

func unmarshalNext(b []byte) (int64, error) {
	r, err := wire.Open(b, nextVersion)
	if err != nil {
		return 0, fmt.Errorf("decode next chunk: %w", err)
	}
	k := r.Int()
	if err := r.Close(); err != nil {
		return 0, fmt.Errorf("decode next chunk: %w", err)
	}
	return k, nil
}

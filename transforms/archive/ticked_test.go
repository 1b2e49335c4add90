package archive

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
)

// growing is a log of one partition that is as long as one says.
type growing struct {
	log.Log // what is not asked
	end     atomic.Int64
}

func (l *growing) Bounds(context.Context, chunk.Partition) (int64, int64, error) {
	return 0, l.end.Load(), nil
}

func (l *growing) Close() error { return nil }

// keyState is the state of one key, as an engine keeps it.
type keyState struct {
	state.Provider // what the stage does not use
	value          any
}

func (s *keyState) ReadValueState(string) (any, []state.Transaction, error) { return s.value, nil, nil }
func (s *keyState) WriteValueState(t state.Transaction) error               { s.value = t.Val; return nil }

// Worker after worker goes on where the state says, and hands out every chunk once.
func TestOnTicksEveryChunkIsHandedOutOnce(t *testing.T) {
	l := &growing{}
	log.Register("growing", func(context.Context, log.Spec) (log.Log, error) { return l, nil })
	task := Task{Partition: chunk.Partition{Topic: "frames"}, N: 10, From: 20, To: chunk.None, Follow: true}
	key := task.Partition.Key()
	var s keyState
	var got []int64
	tick := func(fn *tickedFn) {
		t.Helper()
		err := fn.ProcessElement(t.Context(), &s, key, true, func(p Piece) { got = append(got, p.From) })
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []int64{20, 39, 41, 41, 75} {
		l.end.Store(end)
		fn := &tickedFn{
			Watch: watchFn{Config: Config{Log: log.Spec{Kind: "growing"}, Tail: time.Hour}},
			Tasks: map[string]Task{key: task}, Next: state.MakeValueState[[]byte]("next"),
		}
		if err := fn.Setup(t.Context()); err != nil {
			t.Fatal(err)
		}
		tick(fn)
		if pause := time.Until(fn.pause[key]); pause <= 0 || pause > pollDelay {
			t.Errorf("the next look is in %v", pause)
		}
		l.end.Store(1000)
		tick(fn) // too early
		if err := fn.Teardown(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int64{20, 30, 40, 50, 60}; !slices.Equal(got, want) {
		t.Errorf("chunks from %v, want %v", got, want)
	}
	s.value = []byte{9}
	fn := &tickedFn{
		Watch: watchFn{Config: Config{Log: log.Spec{Kind: "growing"}}},
		Tasks: map[string]Task{key: task}, Next: state.MakeValueState[[]byte]("next"),
	}
	if err := fn.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer fn.Teardown()
	err := fn.ProcessElement(t.Context(), &s, key, true, nil)
	if err == nil || !strings.Contains(err.Error(), "position of") || !strings.Contains(err.Error(), "unknown version") {
		t.Error(err)
	}
	if err := fn.ProcessElement(t.Context(), &s, "other+0", true, nil); err != nil {
		t.Error("a tick of a partition that is not archived", err)
	}
}

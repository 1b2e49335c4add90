package chunksink

import (
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/state"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// keyState is the state of one key, as an engine keeps it.
type keyState struct {
	state.Provider // what the stage does not use
	value          any
	bag            []any
}

func (s *keyState) ReadValueState(string) (any, []state.Transaction, error) { return s.value, nil, nil }
func (s *keyState) WriteValueState(t state.Transaction) error               { s.value = t.Val; return nil }
func (s *keyState) ClearValueState(state.Transaction) error                 { s.value = nil; return nil }
func (s *keyState) ReadBagState(string) ([]any, []state.Transaction, error) { return s.bag, nil, nil }
func (s *keyState) ClearBagState(state.Transaction) error                   { s.bag = nil; return nil }
func (s *keyState) WriteBagState(t state.Transaction) error {
	s.bag = append(s.bag, t.Val)
	return nil
}

func (s *keyState) empty() bool { return s.value == nil && s.bag == nil }

// stage is the sink on a fresh output of generation 1.
func stage(t *testing.T) *writeFn {
	t.Helper()
	f, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(t.Context(), f, output.OpenConfig{N: 4, ConfigDigest: "A"})
	if err != nil {
		t.Fatal(err)
	}
	fn := &writeFn{Config: Config{Output: out.Spec()}, Summary: state.MakeValueState[[]byte]("s"), Parts: state.MakeBagState[[]byte]("p")}
	if err := fn.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fn.Teardown(); err != nil {
			t.Error(err)
		}
	})
	return fn
}

func TestAFinishedKeyHasNoState(t *testing.T) {
	fn, w := stage(t), fixed()
	var s keyState
	var got []Committed
	add := func(p element.Part) {
		t.Helper()
		if err := fn.ProcessElement(t.Context(), &s, p.Key(), p, func(_ string, c Committed) { got = append(got, c) }); err != nil {
			t.Fatal(err)
		}
	}
	add(element.Part{ID: w.end.ID, Results: w.rows, End: &w.end})
	if s.empty() || len(got) != 0 {
		t.Errorf("the state is owed, and there is %+v, committed %+v", s, got)
	}
	add(element.Part{ID: w.end.ID, State: &w.states[0]})
	if !s.empty() || len(got) != 1 || got[0].Rows != 3 || got[0].Partial {
		t.Errorf("the chunk is complete, and there is %+v, committed %+v", s, got)
	}
	for _, late := range []element.Part{{ID: w.end.ID, Results: w.rows[:1]}, {ID: w.end.ID, End: &w.end}, {ID: w.end.ID, State: &w.states[0]}} {
		add(late)
		if !s.empty() || len(got) != 1 {
			t.Errorf("a late repeat left %+v, committed %+v", s, got)
		}
	}
}

func TestKeyedStateOfAnotherGenerationIsRefused(t *testing.T) {
	fn, w := stage(t), fixed()
	s := keyState{value: NewCollector(w.end.ID, 2).Marshal()}
	err := fn.ProcessElement(t.Context(), &s, w.end.Key(), element.Part{ID: w.end.ID, Results: []result.Frame{w.rows[0]}}, nil)
	if err == nil || !strings.Contains(err.Error(), "generation 2") {
		t.Errorf("got %v", err)
	}
}

package chunksink

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

// wanted is a chunk as the log and the configuration make it: what must be
// committed, whatever happens on the way.
type wanted struct {
	end    chunk.End
	rows   []result.Frame
	states []element.State
}

func (w *wanted) ready() *Ready { return &Ready{End: w.end, Rows: w.rows, States: w.states} }

// until is the beginning of the chunk, below offset upTo.
func (w *wanted) until(upTo int64) *Ready {
	e := chunk.End{ID: w.end.ID, N: w.end.N, Partial: true, UpTo: upTo, Offsets: w.end.Offsets.Below(upTo)}
	r := &Ready{End: e}
	for _, row := range w.rows {
		if row.Offset < upTo {
			r.Rows = append(r.Rows, row)
		}
	}
	return r
}

func drawWanted(t *rapid.T, k int64) *wanted {
	const n = 16
	id := chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: 2}, Index: k}
	w := &wanted{end: chunk.End{ID: id, N: n, LastDigest: 7}}
	seen := map[string]bool{}
	for o := k * n; o < (k+1)*n; o++ {
		switch camera := rapid.SampledFrom([]string{"gap", "", "a", "b", "c"}).Draw(t, "camera"); camera {
		case "gap":
		default:
			w.end.Offsets.Add(o)
			w.rows = append(w.rows, result.Frame{Topic: id.Topic, Partition: id.Partition.ID, Offset: o, Camera: camera, Detail: fmt.Sprint("row ", o)})
			if camera != "" {
				seen[camera] = true
			}
		}
	}
	for _, camera := range []string{"a", "b", "c"} {
		if seen[camera] {
			w.end.Owed = append(w.end.Owed, camera)
			w.end.Cameras = append(w.end.Cameras, chunk.CameraOffset{Camera: camera, Last: k})
			w.states = append(w.states, element.State{Camera: camera, Position: chunk.EndPosition(k, n), Bytes: []byte("state of " + camera)})
		}
	}
	return w
}

// deliveries are parts that bring the chunk once at least, cut, doubled and
// overlapping in every way.
func (w *wanted) deliveries(t *rapid.T) []element.Part {
	var parts []element.Part
	cut := func() {
		for rest := w.rows; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "run")
			parts = append(parts, element.Part{ID: w.end.ID, Results: rest[:n]})
			rest = rest[n:]
		}
	}
	cut()
	for range rapid.IntRange(0, 2).Draw(t, "cut again") {
		cut()
	}
	for range rapid.IntRange(0, 3).Draw(t, "overlaps") {
		if len(w.rows) > 0 {
			from := rapid.IntRange(0, len(w.rows)-1).Draw(t, "from")
			to := rapid.IntRange(from, len(w.rows)).Draw(t, "to")
			parts = append(parts, element.Part{ID: w.end.ID, Results: slices.Concat(w.rows[from:to], w.rows[from:min(to, from+1)])})
		}
	}
	for i := range w.states {
		for range rapid.IntRange(1, 2).Draw(t, "states") {
			p := element.Part{ID: w.end.ID, State: &w.states[i]}
			if len(w.rows) > 0 && rapid.Bool().Draw(t, "state with results") {
				p.Results = w.rows[len(w.rows)-1:]
			}
			parts = append(parts, p)
		}
	}
	for range rapid.IntRange(1, 2).Draw(t, "ends") {
		parts = append(parts, element.Part{ID: w.end.ID, End: &w.end})
	}
	return parts
}

// sink is the stateful stage as far as the collector is concerned.
type sink struct {
	t        *rapid.T
	summary  map[string][]byte
	bag      map[string][][]byte
	done     map[string]*Ready
	partials map[string][]*Ready
	reads    int
}

func newSink(t *rapid.T) *sink {
	return &sink{t: t, summary: map[string][]byte{}, bag: map[string][][]byte{}, done: map[string]*Ready{}, partials: map[string][]*Ready{}}
}

func (s *sink) add(sent element.Part) error {
	p, err := element.UnmarshalPart(sent.Marshal())
	if err != nil {
		return err
	}
	key := p.Key()
	c := NewCollector(p.ID, 3)
	if b, ok := s.summary[key]; ok {
		if c, err = UnmarshalCollector(b); err != nil {
			return err
		}
	} else if s.done[key] != nil {
		return nil // late repeat
	}
	keep, ready, err := c.Add(&p, func() ([][]byte, error) {
		s.reads++
		return rapid.Permutation(s.bag[key]).Draw(s.t, "bag"), nil
	})
	if err != nil {
		return err
	}
	if ready != nil && !ready.End.Partial {
		if s.done[key] != nil {
			return fmt.Errorf("%s was committed twice", key)
		}
		s.done[key] = ready
		delete(s.summary, key)
		delete(s.bag, key)
		return nil
	}
	if ready != nil {
		s.partials[key] = append(s.partials[key], ready)
	}
	if keep != nil {
		s.bag[key] = append(s.bag[key], keep)
	}
	s.summary[key] = c.Marshal()
	return nil
}

func TestWhateverTheEngineDoesEachChunkIsCommittedOnceAndAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var chunks []*wanted
		var parts []element.Part
		for k := range int64(rapid.IntRange(1, 3).Draw(t, "chunks")) {
			w := drawWanted(t, k)
			chunks = append(chunks, w)
			parts = append(parts, w.deliveries(t)...)
			for range rapid.IntRange(0, 2).Draw(t, "wishes") {
				upTo := rapid.Int64Range(k*16+1, k*16+15).Draw(t, "up to")
				parts = append(parts, element.Part{ID: w.end.ID, End: &w.until(upTo).End})
			}
		}
		s := newSink(t)
		for _, p := range rapid.Permutation(parts).Draw(t, "order") {
			if err := s.add(p); err != nil {
				t.Fatal(err)
			}
		}
		for _, w := range chunks {
			key := w.end.Key()
			if d := cmp.Diff(w.ready(), s.done[key]); d != "" {
				t.Fatalf("%s (wanted -, committed +):\n%s", key, d)
			}
			last := int64(0)
			for _, p := range s.partials[key] {
				if p.End.UpTo <= last {
					t.Fatalf("%s: partial up to %d after one up to %d", key, p.End.UpTo, last)
				}
				last = p.End.UpTo
				if d := cmp.Diff(w.until(p.End.UpTo), p); d != "" {
					t.Fatalf("%s partial up to %d:\n%s", key, p.End.UpTo, d)
				}
			}
		}
		if len(s.summary)+len(s.bag) > 0 {
			t.Fatalf("state is left: %v %v", s.summary, s.bag)
		}
	})
}

// fixed is a chunk for the table tests.
func fixed() *wanted {
	id := chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: 2}, Index: 1}
	w := &wanted{end: chunk.End{ID: id, N: 4, Offsets: chunk.Span(4, 7), Owed: []string{"a"}, LastDigest: 7}}
	for o := int64(4); o < 7; o++ {
		w.rows = append(w.rows, result.Frame{Topic: "frames", Partition: 2, Offset: o, Camera: "a", Quality: &result.Quality{Contrast: 1}})
	}
	w.states = []element.State{{Camera: "a", Position: chunk.EndPosition(1, 4), Bytes: []byte("state")}}
	return w
}

func TestWhatContradictsItselfIsRefused(t *testing.T) {
	w := fixed()
	id := w.end.ID
	otherRow := w.rows[1]
	otherRow.Detail = "other"
	otherEnd := w.end
	otherEnd.LastDigest++
	shortEnd := w.end
	shortEnd.Offsets = chunk.Span(4, 6)
	fewerOwed := w.end
	fewerOwed.Owed = nil
	for name, parts := range map[string][]element.Part{
		"an offset twice with other content":               {{ID: id, Results: w.rows}, {ID: id, Results: []result.Frame{otherRow}}},
		"an offset twice with other content, in one part":  {{ID: id, Results: []result.Frame{w.rows[1], otherRow}}},
		"a state twice with other content":                 {{ID: id, State: &w.states[0]}, {ID: id, State: &element.State{Camera: "a", Position: w.states[0].Position, Bytes: []byte("x")}}},
		"two different ends":                               {{ID: id, End: &w.end}, {ID: id, End: &otherEnd}},
		"more offsets than the end names, the end first":   {{ID: id, End: &shortEnd}, {ID: id, Results: w.rows}},
		"more offsets than the end names, the end last":    {{ID: id, Results: w.rows}, {ID: id, End: &shortEnd}},
		"a state of a camera that the end does not name":   {{ID: id, State: &w.states[0]}, {ID: id, End: &fewerOwed}},
		"the last row with other content, when all is due": {{ID: id, Results: w.rows}, {ID: id, End: &w.end}, {ID: id, State: &w.states[0], Results: []result.Frame{otherRow}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCollector(id, 1)
			var bag [][]byte
			var err error
			for _, p := range parts {
				var keep []byte
				keep, _, err = c.Add(&p, func() ([][]byte, error) { return bag, nil })
				if keep != nil {
					bag = append(bag, keep)
				}
			}
			if !errors.Is(err, output.ErrPromiseBroken) {
				t.Errorf("got %v, want ErrPromiseBroken", err)
			}
		})
	}
}

func TestStoredPartsAreReadOnlyWhenTheyAreNeeded(t *testing.T) {
	w := fixed()
	c := NewCollector(w.end.ID, 1)
	var bag [][]byte
	reads := 0
	for i, p := range []element.Part{
		{ID: w.end.ID, End: &w.end}, {ID: w.end.ID, Results: w.rows[2:]}, {ID: w.end.ID, Results: w.rows[:2]},
		{ID: w.end.ID, State: &w.states[0]},
	} {
		keep, ready, err := c.Add(&p, func() ([][]byte, error) { reads++; return bag, nil })
		if err != nil {
			t.Fatal(err)
		}
		if keep != nil {
			bag = append(bag, keep)
		}
		if last := i == 3; last != (ready != nil) || last != (reads == 1) {
			t.Errorf("after part %d: ready %v, %d reads", i, ready, reads)
		}
	}
}

func TestLostKeyedStateIsAnErrorAndNotAnEmptyChunk(t *testing.T) {
	w := fixed()
	c := NewCollector(w.end.ID, 1)
	lost := func() ([][]byte, error) { return nil, nil }
	if _, _, err := c.Add(&element.Part{ID: w.end.ID, Results: w.rows}, lost); err != nil {
		t.Fatal(err)
	}
	_, ready, err := c.Add(&element.Part{ID: w.end.ID, End: &w.end, State: &w.states[0]}, lost)
	if err == nil || ready != nil {
		t.Errorf("got %v, %v", ready, err)
	}
}

func FuzzUnmarshalCollector(f *testing.F) {
	w := fixed()
	c := NewCollector(w.end.ID, 4)
	f.Add(c.Marshal())
	for _, p := range []element.Part{{ID: w.end.ID, Results: w.rows[:1], End: &w.until(6).End}, {ID: w.end.ID, End: &w.end}} {
		if _, _, err := c.Add(&p, func() ([][]byte, error) { return nil, nil }); err != nil {
			f.Fatal(err)
		}
		f.Add(c.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := UnmarshalCollector(b)
		if err != nil {
			return
		}
		again, err := UnmarshalCollector(c.Marshal())
		if err != nil || string(again.Marshal()) != string(c.Marshal()) {
			t.Errorf("%+v became %+v: %v", c, again, err)
		}
	})
}

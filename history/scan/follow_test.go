package scan

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// TestEachRowIsFollowedOnceAndInOrder publishes chunks of two partitions in any order, in
// parts and whole, while a follower looks now and then.
func TestEachRowIsFollowedOnceAndInOrder(t *testing.T) {
	const n, chunks = 8, 5
	o := historytest.Output{Rows: 2 * n * chunks, N: n, Partitions: 2}
	for seed := range uint64(8) { // each file is made to last, so these are few
		random := rand.New(rand.NewPCG(seed, 0))
		root := filepath.Join(t.TempDir(), "out")
		folder, err := store.Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		out, err := output.Open(t.Context(), folder, output.OpenConfig{N: n, ConfigDigest: "digest"})
		if err != nil {
			t.Fatal(err)
		}
		w, err := output.OpenWriter(t.Context(), out.Spec())
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		got := map[int32][]int64{}
		f := s.Follow(Query{Columns: result.OfEvents})
		look := func() {
			if err := f.Next(t.Context(), func(b Batch) error {
				for _, r := range b.Rows {
					got[r.Partition] = append(got[r.Partition], r.Offset)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		var todo []chunk.ID
		for p := range int32(2) {
			if _, err := out.Begin(t.Context(), chunk.Partition{Topic: "frames", ID: p}, 0); err != nil {
				t.Fatal(err)
			}
			for k := range int64(chunks) {
				todo = append(todo, chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: p}, Index: k})
			}
		}
		random.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
		for _, id := range todo {
			begin := id.Index * n
			var rows []result.Frame
			for off := begin; off < begin+n; off++ {
				rows = append(rows, o.Row(id.Partition.ID, off))
			}
			for part := int64(1); part < n; part++ {
				if random.IntN(4) == 0 {
					end := chunk.End{ID: id, N: n, Partial: true, UpTo: begin + part, Offsets: chunk.Span(begin, begin+part)}
					var err error
					if end.Interim = random.IntN(3) > 0; end.Interim {
						_, err = w.CommitInterim(t.Context(), end, rows[random.Int64N(part):part], func() ([]result.Frame, error) { return rows[:part], nil })
					} else {
						_, err = w.CommitPartial(t.Context(), end, rows[:part], nil)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if random.IntN(4) == 0 {
					look()
				}
			}
			end := chunk.End{ID: id, N: n, Offsets: chunk.Span(begin, begin+n)}
			if _, err := w.Commit(t.Context(), end, rows, []element.State{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		look()
		look()
		var all []int64
		for off := range int64(n * chunks) {
			all = append(all, off)
		}
		if d := cmp.Diff(map[int32][]int64{0: all, 1: all}, got); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
)

var frames0 = chunk.Partition{Topic: "frames"}

// seedFolder seeds the output in a folder from that in another one at an offset.
func seedFolder(ctx context.Context, root, from, at string) error {
	offset, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	var folders [2]*store.Folder
	for i, r := range []string{root, from} {
		if folders[i], err = store.Open(ctx, r); err != nil {
			return err
		}
	}
	seed, err := OpenExisting(ctx, folders[1])
	if err != nil {
		return err
	}
	begin, bare, ok, err := seed.SeedAt(ctx, frames0, offset)
	if err != nil || !ok {
		return fmt.Errorf("%v, %w", ok, err)
	}
	return SeedFrom(ctx, folders[0], seed, Seed{Begins: map[string]int64{frames0.Key(): begin}, Bare: map[string]bool{frames0.Key(): bare}})
}

// changed is an output of chunks 0 to 5, of which B made those from 3 on and what of chunk
// 3 lies behind offset 14.
func changed(t *testing.T) *store.Folder {
	t.Helper()
	f := testFolder(t)
	a := testOpen(t, f, "A")
	testBegin(t, a, 0)
	commit(t, a, 0, "by A", 0, 1, 2)
	part := testEnd(testID(3), 0)
	part.Partial, part.UpTo, part.Owed, part.Cameras = true, 14, nil, nil
	part.Offsets = chunk.Span(12, 14)
	if _, err := testWriter(t, a).CommitPartial(t.Context(), part, testRows(part, "by A"), nil); err != nil {
		t.Fatal(err)
	}
	commit(t, testOpen(t, f, "B"), 0, "by B", 3, 4, 5)
	return f
}

func TestASeededOutputHasTheBytesOfItsSeed(t *testing.T) {
	seed := changed(t)
	whole, err := OpenExisting(t.Context(), seed)
	if err != nil {
		t.Fatal(err)
	}
	for k := int64(0); k < 6; k++ {
		t.Run(fmt.Sprint("from chunk ", k), func(t *testing.T) {
			f := testFolder(t)
			if err := seedFolder(t.Context(), f.Root(), seed.Root(), fmt.Sprint(k*testN+1)); err != nil {
				t.Fatal(err)
			}
			o, err := OpenExisting(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			p := resume(t, o)
			if p.Chunk != k || p.From != k*testN || (len(p.Cameras) > 0) != (k > 0) {
				t.Fatalf("it goes on at %+v", p)
			}
			want := "A"
			if k >= 3 {
				want = "B"
			}
			if gens := o.Generations(); gens[len(gens)-1].ConfigDigest != want {
				t.Fatalf("its configuration is %s", gens[len(gens)-1].ConfigDigest)
			}
			o = testOpen(t, f, want)
			for next, last := k, max(3, k+1); next < last; next++ {
				commit(t, o, 0, "by "+want, next)
				for _, file := range []string{o.layout.results(testName(t, next)), o.layout.states(testName(t, next)), o.layout.images(testName(t, next))} {
					mine, err := f.Read(t.Context(), file)
					theirs, err2 := seed.Read(t.Context(), file)
					if errors.Is(err, fs.ErrNotExist) && errors.Is(err2, fs.ErrNotExist) {
						continue
					}
					if d := cmp.Diff(theirs, mine); err != nil || err2 != nil || d != "" {
						t.Errorf("%s: %v, %v: %s", file, err, err2, d)
					}
				}
			}
		})
	}
	if _, _, _, err := whole.SeedAt(t.Context(), frames0, 7*testN); !errors.Is(err, ErrNoStates) {
		t.Errorf("behind its end: %v", err)
	}
	if _, _, ok, err := whole.SeedAt(t.Context(), chunk.Partition{Topic: "frames", ID: 7}, 0); ok || err != nil {
		t.Errorf("another partition: %v, %v", ok, err)
	}

	// Retention gives up what lies before chunk 2, and the states of chunk 1 at last.
	b, err := journal.Marshal(chunkfolder.Base{Format: journalFormat, Topic: "frames", Start: 2 * testN})
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, seed, partitionDir(frames0.Key())+fmt.Sprintf("retained+%0*d.json", chunkfolder.OffsetDigits, 2*testN), b)
	if begin, bare, ok, err := whole.SeedAt(t.Context(), frames0, 1); begin != 2*testN || bare || !ok || err != nil {
		t.Errorf("at a beginning that was raised: %d, %v, %v, %v", begin, bare, ok, err)
	}
	remove(t, seed, whole.layout.states(testName(t, 1)))
	if _, _, _, err := whole.SeedAt(t.Context(), frames0, 1); !errors.Is(err, ErrNoStates) {
		t.Errorf("without the states before it: %v", err)
	}
}

// Killed at any step there is no output, and whoever would begin one of its own there is
// told; seeded again it is whole.
func TestASeedingKilledAnywhereLeavesNoOutputOrAWholeOne(t *testing.T) {
	seed := changed(t)
	want := testFolder(t)
	if err := seedFolder(t.Context(), want.Root(), seed.Root(), "13"); err != nil {
		t.Fatal(err)
	}
	whole := 0
	for n := 1; ; n++ {
		f := testFolder(t)
		err := command.New(t, "seed", fmt.Sprintf("seed:%d", n), f.Root(), seed.Root(), "13").Run()
		if err == nil {
			if n < 6 {
				t.Fatalf("there are only %d steps", n-1)
			}
			break
		}
		killed(t, err)
		_, err = OpenExisting(t.Context(), f)
		switch {
		case err == nil:
			whole++
		case !errors.Is(err, fs.ErrNotExist):
			t.Fatal(err)
		case n > 1:
			for name, open := range map[string]func(context.Context, *store.Folder, OpenConfig) (*Output, error){"plan": Plan, "open": Open} {
				if _, err := open(t.Context(), f, OpenConfig{N: testN, ConfigDigest: "A"}); !errors.Is(err, ErrSeeding) {
					t.Fatalf("step %d: %s: %v", n, name, err)
				}
			}
		}
		// What the second asks for does not matter.
		if err := seedFolder(t.Context(), f.Root(), seed.Root(), "9"); n > 1 && err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		if n > 1 {
			same(t, want, f)
		}
	}
	if whole != 1 {
		t.Errorf("the output was whole at %d steps", whole)
	}
}

// The lineages of what a seeded output goes on from, and of its first chunk where the
// newest configuration there holds, are those of the seed.
func TestClippedGenerationsHaveTheLineagesOfTheSeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var gens []Generation
		configs := rapid.SampledFrom([]string{"A", "B", "C"})
		parts := []chunk.Partition{{Topic: "a"}, {Topic: "b"}}
		next := map[string]int64{}
		for i := range rapid.IntRange(1, 5).Draw(t, "generations") {
			g := Generation{Number: i + 1, ConfigDigest: configs.Draw(t, "config"), Began: map[string]int64{}, Effective: map[string]int64{}}
			for _, p := range parts {
				key := p.Key()
				next[key] = max(0, next[key]+rapid.Int64Range(-1, 4).Draw(t, "chunks"))
				if i > 0 && next[key] > 0 {
					g.Began[key] = next[key]
					if rapid.Bool().Draw(t, "inside") {
						g.Effective[key] = next[key]*testN + rapid.Int64Range(1, testN-1).Draw(t, "at")
					}
				}
			}
			gens = append(gens, g)
		}
		at := map[chunk.Partition]begun{}
		for _, p := range parts {
			at[p] = begun{chunk: rapid.Int64Range(1, 9).Draw(t, "from")}
		}
		clipped := clip(gens, at)
		for p, b := range at {
			for k := range b.chunk {
				if want, got := governing(gens, p.Key(), k), governing(clipped, p.Key(), k); want.lineage != got.lineage {
					t.Fatalf("%v chunk %d: %+v became %+v\n%+v\n%+v", p, k, want, got, gens, clipped)
				}
			}
			want, got := governing(gens, p.Key(), b.chunk), governing(clipped, p.Key(), b.chunk)
			if want.generation == len(clipped) && (want.lineage != got.lineage || want.at != got.at) {
				t.Fatalf("%v chunk %d: %+v became %+v", p, b.chunk, want, got)
			}
			if got.generation != len(clipped) {
				t.Fatalf("%v: the newest of %d is not the one that goes on, %d", p, len(clipped), got.generation)
			}
		}
		if before := slices.Collect(maps.Keys(gens[0].Began)); len(before) > 0 {
			t.Fatal("the seed's own were changed")
		}
	})
}

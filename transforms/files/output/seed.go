package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// An output may be seeded: it begins in the middle of another one, the seed, as if it had
// made itself what lies before and retention had given that up. It has the seed's layout
// and generations, so that its files have the lineages, and with them the bytes, of the
// seed's; and the states from which each camera goes on. Nothing of the seed is read later.
//
// seed.json is written first and the layout last. Without a layout there is no output,
// and with seed.json and without a layout nobody begins one but who seeds it.

// ErrSeeding is returned when an output is opened of which a seeding was interrupted.
var ErrSeeding = errors.New("it was being seeded from another output, and that was interrupted: seed it again from there, or remove it")

// seededFormat is the version of the generations of a seeded output: a program that does
// not know of seeds would begin in its middle with nothing remembered.
const seededFormat = 4

const seedFile = journalDir + "seed.json"

// Seed is where an output was seeded from.
type Seed struct {
	Root string `json:"root"` // the seed's folder
	// Begins holds, by topic+partition, the first offset that the seeded output has.
	Begins map[string]int64 `json:"begins"`
	// Bare are those of them at which the seed itself begins, with nothing remembered.
	Bare map[string]bool `json:"bare,omitempty"`
}

type seedEntry struct {
	Format int `json:"format"`
	Seed
}

// ReadSeed returns where the folder's output is or was to be seeded from, and whether the
// output is there. The error is fs.ErrNotExist if no seed is named.
func ReadSeed(ctx context.Context, f *store.Folder) (s Seed, whole bool, err error) {
	var e seedEntry
	if err := f.ReadJSON(ctx, seedFile, journalFormat, &e); err != nil {
		return Seed{}, false, err
	}
	whole, err = f.Exists(ctx, layoutFile)
	return e.Seed, whole, err
}

// refuseSeeding is an error if a seeding of the folder, which has no layout, was interrupted.
func refuseSeeding(ctx context.Context, f *store.Folder) error {
	s, _, err := ReadSeed(ctx, f)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w (%s)", f.Root(), ErrSeeding, s.Root)
}

// seededAt reports whether the output was seeded at the offset start of a partition, with
// states before it.
func (o *Output) seededAt(ctx context.Context, p chunk.Partition, start int64) (bool, error) {
	s, _, err := ReadSeed(ctx, o.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	at, ok := s.Begins[p.Key()]
	return ok && at == start && !s.Bare[p.Key()], err
}

// ErrNoStates is returned where an output cannot be gone on from.
var ErrNoStates = errors.New("the seed has no states there")

// SeedAt is where an output that is seeded by this one begins in a partition: at the first
// offset of the chunk of an offset, or at the first that this one has. bare reports
// whether nothing is remembered there, as this output itself has begun there. ok is false
// if this output does not know the partition. The error is an [ErrNoStates] if the
// chunk before is not complete.
func (o *Output) SeedAt(ctx context.Context, p chunk.Partition, offset int64) (begin int64, bare, ok bool, err error) {
	fail := func(err error) (int64, bool, bool, error) {
		return 0, false, false, fmt.Errorf("seed %v from %s: %w", p, o.folder.Root(), err)
	}
	base, err := o.base(ctx, p)
	if err != nil {
		return fail(err)
	}
	if base == chunk.None {
		return 0, false, false, nil
	}
	n := o.layout.N
	k := chunk.Of(max(offset, base), n)
	begin = max(base, k*n)
	if bare, err = o.bareAt(ctx, p, base); err != nil {
		return fail(err)
	}
	if bare && k == chunk.Of(base, n) {
		return begin, true, true, nil
	}
	if k != chunk.Of(base, n) { // of what lies before the beginning there are states, if anything
		c, err := o.contents(p)
		if err != nil {
			return fail(err)
		}
		is, err := c.complete(ctx, k-1, false)
		if err != nil {
			return fail(err)
		}
		if !is {
			next, err := o.contiguous(ctx, p, base)
			if err != nil {
				return fail(err)
			}
			return fail(fmt.Errorf("%w: the chunk before offset %d is not complete (from %d to %d all are)", ErrNoStates, begin, base, next*n))
		}
	}
	chunks, err := o.seedStates(ctx, p, k)
	if err != nil {
		return fail(err)
	}
	for _, of := range chunks {
		if name, err := chunkfolder.NameOf(chunk.ID{Partition: p, Index: of}, n); err != nil {
			return fail(err)
		} else if there, err := o.folder.Exists(ctx, o.layout.states(name)); err != nil || !there {
			return fail(errors.Join(err, fmt.Errorf("%w: %s is missing", ErrNoStates, o.folder.Path(o.layout.states(name)))))
		}
	}
	return begin, false, true, nil
}

// seedStates are the chunks before k in whose states the cameras are that are known
// there, k-1 the last.
func (o *Output) seedStates(ctx context.Context, p chunk.Partition, k int64) ([]int64, error) {
	end, err := o.endOf(ctx, p, k-1)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrNoStates, err)
	}
	if err != nil {
		return nil, err
	}
	chunks := map[int64]bool{k - 1: true}
	for _, c := range end.Cameras {
		chunks[chunk.Of(c.Last, o.layout.N)] = true
	}
	return slices.Sorted(maps.Keys(chunks)), nil
}

// endOf reads the end of a chunk from its states, which must be those that count.
func (o *Output) endOf(ctx context.Context, p chunk.Partition, k int64) (chunk.End, error) {
	id := chunk.ID{Partition: p, Index: k}
	name, err := chunkfolder.NameOf(id, o.layout.N)
	if err != nil {
		return chunk.End{}, err
	}
	end, lineage, err := readEnd(ctx, o.folder, o.layout.states(name))
	if err != nil {
		return chunk.End{}, err
	}
	if want := governing(o.gens, p.Key(), k).lineage; lineage != want || end.ID != id || end.N != o.layout.N {
		return chunk.End{}, fmt.Errorf("%s is of %v, %d offsets per chunk, lineage %s; expected lineage %s",
			o.folder.Path(o.layout.states(name)), end.ID, end.N, lineage, want)
	}
	return end, nil
}

// SeedFrom makes in a folder the output that goes on from the seed at the places of s,
// which [Output.SeedAt] gave. If a seeding of the folder was interrupted, it is taken up
// again where that wanted to, whatever s says; seeding by two at once does no harm. A
// folder that is an output already is left as it is.
func SeedFrom(ctx context.Context, f *store.Folder, seed *Output, s Seed) error {
	fail := func(err error) error { return fmt.Errorf("seed output %s: %w", f.Root(), err) }
	s.Root = seed.folder.Root()
	if f.Root() == s.Root {
		return fail(errors.New("it is the seed itself"))
	}
	if _, err := journal.ReadLayout(ctx, f); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := journal.Marshal(seedEntry{journalFormat, s})
	if err != nil {
		return fail(err)
	}
	crashpoint.At("seed")
	if err := f.CreateExclusive(ctx, seedFile, b); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	was, _, err := ReadSeed(ctx, f)
	if err != nil {
		return fail(err)
	}
	if was.Root != s.Root {
		return fail(fmt.Errorf("%w (%s)", ErrSeeding, was.Root))
	}
	target := layout{chunkfolder.Layout{N: seed.layout.N, Block: seed.layout.Block}}
	begins := map[chunk.Partition]begun{}
	for _, key := range slices.Sorted(maps.Keys(was.Begins)) {
		p, err := chunk.ParsePartition(key)
		if err != nil {
			return fail(err)
		}
		start := was.Begins[key]
		begins[p] = begun{chunk.Of(start, seed.layout.N), was.Bare[key]}
		if err := seed.copyStates(ctx, f, target, p, begins[p]); err != nil {
			return fail(err)
		}
		crashpoint.At("seed")
		if err := journal.CreateBase(ctx, f, baseFile(p), p, start); err != nil {
			return fail(err)
		}
	}
	for _, g := range clip(seed.gens, begins) {
		b, err := journal.Marshal(g)
		if err != nil {
			return fail(err)
		}
		crashpoint.At("seed")
		if err := f.CreateExclusive(ctx, generationFile(g.Number), b); err != nil && !errors.Is(err, fs.ErrExist) {
			return fail(err)
		}
	}
	crashpoint.At("seed")
	if _, err := journal.CreateLayout(ctx, f, target.Layout); err != nil {
		return fail(err)
	}
	crashpoint.At("seed")
	return nil
}

// copyStates copies the states that a partition goes on from, and the frozen beginning of
// its first chunk if there is one.
func (o *Output) copyStates(ctx context.Context, to *store.Folder, as layout, p chunk.Partition, b begun) error {
	put := func(from, file string) error {
		data, err := o.folder.Read(ctx, from)
		if err != nil {
			return err
		}
		crashpoint.At("seed")
		err = to.Put(ctx, file, store.WriteAll(data), func(s *store.Staged, ctx context.Context) error { return s.PublishNew(ctx) })
		if errors.Is(err, fs.ErrExist) {
			return nil // of the seeding that was interrupted
		}
		return err
	}
	if gov := governing(o.gens, p.Key(), b.chunk); gov.at > 0 && gov.from == b.chunk {
		file := headFile(p.Key(), gov.before, b.chunk*o.layout.N, gov.at)
		if err := put(file, file); err != nil {
			return err
		}
	}
	if b.bare {
		return nil
	}
	chunks, err := o.seedStates(ctx, p, b.chunk)
	if err != nil {
		return err
	}
	for _, k := range chunks {
		if _, err := o.endOf(ctx, p, k); err != nil {
			return err
		}
		name, err := chunkfolder.NameOf(chunk.ID{Partition: p, Index: k}, o.layout.N)
		if err == nil {
			err = put(o.layout.states(name), as.states(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Changes are the offsets behind another one from which on a partition has another
// configuration.
func (o *Output) Changes(p chunk.Partition, after int64) (offsets []int64) {
	govs := governors(o.gens, p.Key())
	for i := range govs {
		if at := max(govs[i].from*o.layout.N, govs[i].at); i > 0 && at > after && govs[i].config != govs[i-1].config {
			offsets = append(offsets, at)
		}
	}
	return offsets
}

// begun is where a seeded output begins in a partition.
type begun struct {
	chunk int64
	bare  bool // with nothing before
}

// clip are the generations of an output that has come only as far as the places: the last
// is the newest that makes a chunk there. What it makes further on in another partition
// it makes from there.
func clip(gens []Generation, at map[chunk.Partition]begun) []Generation {
	last := 0
	for p, b := range at {
		last = max(last, governing(gens, p.Key(), b.chunk).generation)
	}
	clipped := slices.Clone(gens[:last])
	for i := range clipped {
		g := &clipped[i]
		g.Format, g.Began, g.Effective = seededFormat, map[string]int64{}, map[string]int64{}
	}
	for p, b := range at {
		key := p.Key()
		bound := governor{from: b.chunk + 1}
		for i := last - 1; i >= 0; i-- {
			from, ok := gens[i].Began[key]
			if !ok {
				break // it made all there was, and what came before it counts for nothing
			}
			// What a later one has replaced must stay so.
			if own := (governor{from: from, at: gens[i].Effective[key]}); own.less(bound.from, bound.at) {
				bound = own
			} else if bound.from > b.chunk {
				bound = governor{from: b.chunk}
			}
			if b.bare && bound.from == b.chunk && bound.at == 0 {
				break // there is nothing before that it could keep
			}
			clipped[i].Began[key] = bound.from
			if bound.at > 0 {
				clipped[i].Effective[key] = bound.at
			}
		}
	}
	return clipped
}

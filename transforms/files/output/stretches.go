package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// Stretch is the part of a partition whose rows one generation made.
type Stretch struct {
	// From is the first offset and To the one after the last; [chunk.MaxOffset] if it has
	// no end yet.
	From, To int64
	// Begun is from which offset on the generation's analyses have seen the frames: the
	// beginning of the chunk that From lies in. Those that the generation before did not
	// have began afresh there.
	Begun      int64
	Generation Generation
}

// Stretches are those of a partition from the output's base on, ascending and without
// gaps; none if no job has begun the partition.
func (o *Output) Stretches(ctx context.Context, p chunk.Partition) ([]Stretch, error) {
	base, err := readBase(ctx, o.folder, p)
	if err != nil || base == chunk.None {
		return nil, err
	}
	var all []Stretch
	for _, g := range governors(o.gens, p.Key()) {
		begun := g.from * o.layout.N
		s := Stretch{From: max(base, begun, g.at), To: chunk.MaxOffset, Begun: max(base, begun), Generation: o.gens[g.generation-1]}
		if n := len(all); n > 0 {
			if all[n-1].To = s.From; all[n-1].From >= s.From {
				all = all[:n-1] // nothing of it is left
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// End is the end of a chunk, with the cameras that were not forgotten and their last
// offsets; ok is false if the output has no states of the chunk.
func (s *States) End(ctx context.Context, p chunk.Partition, index int64) (end chunk.End, ok bool, err error) {
	name, err := chunkfolder.NameOf(chunk.ID{Partition: p, Index: index}, s.o.layout.N)
	if err != nil {
		return chunk.End{}, false, err
	}
	file := s.o.layout.states(name)
	end, lineage, err := readEnd(ctx, s.o.folder, file)
	if errors.Is(err, fs.ErrNotExist) {
		return chunk.End{}, false, nil
	}
	if err != nil {
		return chunk.End{}, false, err
	}
	if want := governing(s.o.gens, p.Key(), index).lineage; lineage != want {
		return chunk.End{}, false, fmt.Errorf("%s has lineage %s, not %s", s.o.folder.Path(file), lineage, want)
	}
	return end, true, nil
}

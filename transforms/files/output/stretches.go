package output

import (
	"context"
	"errors"
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
	base, err := o.Base(ctx, p)
	if err != nil || base == chunk.None {
		return nil, err
	}
	all := o.AllStretches(p)
	for len(all) > 0 && all[0].To <= base {
		all = all[1:]
	}
	if len(all) > 0 {
		all[0].From, all[0].Begun = max(base, all[0].From), max(base, all[0].Begun)
	}
	return all, nil
}

// AllStretches are those of a partition from offset 0 on, also those of which the output
// has no rows, or none any more.
func (o *Output) AllStretches(p chunk.Partition) []Stretch {
	var all []Stretch
	for _, g := range governors(o.gens, p.Key()) {
		begun := g.from * o.layout.N
		s := Stretch{From: max(begun, g.at), To: chunk.MaxOffset, Begun: begun, Generation: o.gens[g.generation-1]}
		if n := len(all); n > 0 {
			all[n-1].To = s.From
		}
		all = append(all, s)
	}
	return all
}

// Bare reports whether nothing was remembered at the base of a partition: whether its first
// job has begun there, and not a seed or retention.
func (o *Output) Bare(ctx context.Context, p chunk.Partition) (bool, error) {
	base, err := o.Base(ctx, p)
	if err != nil || base == chunk.None {
		return true, err
	}
	return o.bareAt(ctx, p, base)
}

// bareAt is Bare for a base that is known. Where retention has raised it, the first chunk had
// something before it.
func (o *Output) bareAt(ctx context.Context, p chunk.Partition, base int64) (bool, error) {
	begun, err := chunkfolder.ReadBase(ctx, o.folder, baseFile(p), p)
	if err != nil || begun != base {
		return false, err
	}
	seeded, err := o.seededAt(ctx, p, base)
	return !seeded, err
}

// End is the end of a chunk, with the cameras that were not forgotten and their last
// offsets; ok is false if the output has no states of the chunk.
func (s *States) End(ctx context.Context, p chunk.Partition, index int64) (end chunk.End, ok bool, err error) {
	end, err = s.o.endOf(ctx, p, index)
	if errors.Is(err, fs.ErrNotExist) {
		return chunk.End{}, false, nil
	}
	return end, err == nil, err
}

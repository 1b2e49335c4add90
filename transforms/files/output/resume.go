package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/frame"
)

// base is the first offset that the output has of a partition, chunk.None if none.
func (o *Output) base(ctx context.Context, p chunk.Partition) (int64, error) {
	start, err := readBase(ctx, o.folder, p)
	if err == nil && start == chunk.None && o.planned != nil {
		if planned, ok := o.planned.bases[p.Key()]; ok {
			return planned, nil
		}
	}
	return start, err
}

// extent is the first offset that the output has of a partition, chunk.None if none, and
// the first chunk from there that is not complete. Files that are looked at may be given
// up meanwhile: then it looks again, from the new beginning.
func (o *Output) extent(ctx context.Context, p chunk.Partition) (start, next int64, err error) {
	for {
		start, err = o.base(ctx, p)
		if err != nil || start == chunk.None {
			return start, 0, err
		}
		next, err = o.contiguous(ctx, p, start)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return start, 0, err
		}
		now, baseErr := o.base(ctx, p)
		if baseErr != nil {
			return start, 0, baseErr
		}
		if now == start {
			return start, next, err
		}
	}
}

// Position is where a job goes on in a partition.
type Position struct {
	// Fresh is set when no job has begun the partition: the caller chooses
	// where to start and says so with [Output.Begin]. Nothing else is set then.
	Fresh bool
	// Base is the first offset that the output has.
	Base int64
	// From is the first offset to read: the beginning of Chunk, or Base if
	// that lies inside it.
	From int64
	// Chunk is the first chunk that is not complete.
	Chunk int64
	// Before is the chunk before which all were complete once: above Chunk, files are gone
	// since. It is not more than a hint.
	Before int64
	// Cameras are the cameras not forgotten, with their last offsets, at the
	// end of the chunk before.
	Cameras []chunk.CameraOffset
	// LastOffset is the last offset of the chunk before, and LastDigest its
	// record's digest; chunk.None and 0 if that chunk is not there or empty.
	LastOffset int64
	LastDigest uint64
}

// Begin says where the first job of a partition starts, and returns the base
// that counts: the one that is there if another job was first.
func (o *Output) Begin(ctx context.Context, p chunk.Partition, start int64) (int64, error) {
	if err := frame.CheckTopic(p.Topic); err != nil {
		return 0, err
	}
	if start < 0 || p.ID < 0 {
		return 0, fmt.Errorf("begin %v: start %d", p, start)
	}
	if o.planned != nil {
		o.planned.bases[p.Key()] = start
		return o.base(ctx, p)
	}
	if err := journal.CreateBase(ctx, o.folder, baseFile(p), p, start); err != nil {
		return 0, fmt.Errorf("begin %v: %w", p, err)
	}
	return readBase(ctx, o.folder, p)
}

// Resume returns where a job goes on: at the end of the contiguous complete
// chunks from the base. It lists the partition's blocks, and the files of the
// block where the last mark stands and of those after it, and reads metadata only
// of chunks that no earlier call has verified. Files that were removed by hand
// before that block are not missed, unless their block's folder is gone or the
// partition's verified.json was removed from the journal too.
func (o *Output) Resume(ctx context.Context, partition chunk.Partition) (Position, error) {
	none := Position{Base: chunk.None, From: chunk.None, Chunk: chunk.None, LastOffset: chunk.None}
	if err := frame.CheckTopic(partition.Topic); err != nil {
		return none, err
	}
	fail := func(err error) (Position, error) {
		return none, fmt.Errorf("resume %v: %w", partition, err)
	}
	if err := o.layout.CheckName(partition, resultsExt); err != nil {
		return none, err
	}
	before := o.mark(ctx, partition.Key()).Chunk
	start, next, err := o.extent(ctx, partition)
	if err != nil {
		return fail(err)
	}
	if start == chunk.None {
		none.Fresh = true
		return none, nil
	}
	p := Position{Base: start, From: max(start, next*o.layout.N), Chunk: next, Before: max(next, before), LastOffset: chunk.None}
	if next == chunk.Of(start, o.layout.N) {
		seeded, err := o.seededAt(ctx, partition, start)
		if err != nil {
			return fail(err)
		}
		if !seeded {
			return p, nil
		}
	}
	end, err := o.endOf(ctx, partition, next-1)
	if err != nil {
		return fail(err)
	}
	p.Cameras, p.LastDigest = end.Cameras, end.LastDigest
	if n := len(end.Offsets); n > 0 {
		p.LastOffset = end.Offsets[n-1].To - 1
	}
	return p, nil
}

// contiguous returns the first chunk from the base that is not complete, and
// leaves a mark there.
//
// A mark of this generation is trusted for all blocks before its own, as long as
// they have their folders; its own block and those after it are listed. Nobody
// removes files of complete chunks that count, but retention, which advances the
// base first: a generation's writers replace only what does not count in it, and
// a mark of another generation is not looked at.
func (o *Output) contiguous(ctx context.Context, p chunk.Partition, start int64) (int64, error) {
	c, err := o.contents(p)
	if err != nil {
		return 0, err
	}
	first := chunk.Of(start, o.layout.N)
	m := o.mark(ctx, c.key)
	next := first
	if m.Chunk > first && o.layout.BlockOf(first) < o.layout.BlockOf(m.Chunk-1) {
		results, err := c.blocks(ctx, resultsDir)
		if err != nil {
			return 0, err
		}
		states, err := c.blocks(ctx, statesDir)
		if err != nil {
			return 0, err
		}
		stateless, err := readStatesBase(ctx, o.folder, p)
		if err != nil {
			return 0, err
		}
		next = o.layout.LookFrom(first, m.Chunk, results)
		if from := max(first, chunk.Of(max(0, stateless), o.layout.N)); next > first && o.layout.BlockOf(from) < o.layout.BlockOf(m.Chunk-1) &&
			o.layout.LookFrom(from, m.Chunk, states) == from {
			next = first // a folder of states is gone
		}
	}
	o.lookedFrom(c.key, o.layout.BlockOf(next))
	for {
		ok, err := c.complete(ctx, next, next < m.Chunk)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		next++
	}
	// A mark that was too high must not stay: what lies between would be skipped
	// once this chunk is there.
	if next != m.Chunk && (next > first || m.Chunk > first) {
		if err := o.setMark(ctx, c.key, next); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// mark returns a partition's mark if it is of the newest generation.
func (o *Output) mark(ctx context.Context, key string) chunkfolder.Mark {
	m := readMark(ctx, o.folder, key)
	if o.planned != nil {
		if planned, ok := o.planned.marks[key]; ok {
			m = planned
		}
	}
	if m.Generation != len(o.gens) {
		return chunkfolder.Mark{}
	}
	return m
}

// setMark sets a partition's mark of the newest generation.
func (o *Output) setMark(ctx context.Context, key string, next int64) error {
	if o.planned != nil {
		o.planned.marks[key] = chunkfolder.Mark{Format: chunkfolder.Format, Generation: len(o.gens), Chunk: next}
		return nil
	}
	return writeMark(ctx, o.folder, key, len(o.gens), next)
}

// lookedFrom notes the first block that was looked at.
func (o *Output) lookedFrom(key string, block int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if had, ok := o.from[key]; ok && had <= block {
		return
	}
	if o.from == nil {
		o.from = map[string]int64{}
	}
	o.from[key] = block
}

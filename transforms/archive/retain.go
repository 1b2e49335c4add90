package archive

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Files is where the archive lies.
func (f *Folder) Files() *store.Folder { return f.files }

// Begun lists the partitions of all topics that were begun, in the order of their keys.
func (f *Folder) Begun(ctx context.Context) ([]chunk.Partition, error) { return f.begun(ctx, "") }

// Shelf is a partition's complete files, for who gives up old ones.
func (f *Folder) Shelf(p chunk.Partition) chunkfolder.Shelf {
	return chunkfolder.Shelf{
		Partition: p, Files: f.files, Layout: f.layout, Dir: framesDir, Ext: ext, Journal: journal,
		Begins: baseFile(p), Raised: retainedPrefix + p.Key() + "+",
	}
}

// Needed is the first chunk of those that must stay: the last complete one that has
// records, since a job compares its last record with the log, and all after it.
func (f *Folder) Needed(ctx context.Context, p chunk.Partition) (int64, error) {
	e, _, err := f.extent(ctx, p, 0)
	if err != nil {
		return 0, err
	}
	first := chunk.Of(e.Base, f.layout.N)
	if e.End == e.Base {
		return first, nil
	}
	for k := chunk.Of(e.End, f.layout.N) - 1; k > first; k-- {
		sum, err := f.Summary(ctx, ChunkSpan(chunk.ID{Partition: p, Index: k}, f.layout.N))
		if err != nil || sum.Records > 0 {
			return k, err
		}
	}
	return first, nil
}

// Newest is the highest timestamp of a chunk's records, in milliseconds since 1970 UTC; ok
// is false if it has none.
func (f *Folder) Newest(ctx context.Context, id chunk.ID) (ms int64, ok bool, err error) {
	sum, err := f.Summary(ctx, ChunkSpan(id, f.layout.N))
	return sum.MaxTimestamp, sum.MaxTimestamp != math.MinInt64, err
}

// Cameras are the cameras that a chunk's records are of, sorted; "" for records of none.
// All of the file is read.
func (f *Folder) Cameras(ctx context.Context, id chunk.ID) (cameras []string, err error) {
	r, c, err := f.Records(ctx, ChunkSpan(id, f.layout.N))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	met := map[string]bool{}
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(cameras)
			return cameras, nil
		}
		if err != nil {
			return nil, err
		}
		if camera := rec.Camera(); !met[camera] {
			met[camera] = true
			cameras = append(cameras, camera)
		}
	}
}

// Pinned are the offsets of a partition that were pinned: who gives up old files leaves
// those of their chunks, and they can be read one by one.
func (f *Folder) Pinned(ctx context.Context, p chunk.Partition) (chunk.Offsets, error) {
	return chunkfolder.ReadPinned(ctx, f.files, pinnedPrefix+p.Key()+".json", p)
}

// Pin replaces the pinned offsets of a partition.
func (f *Folder) Pin(ctx context.Context, p chunk.Partition, pinned chunk.Offsets) error {
	return journal.WritePinned(ctx, f.files, pinnedPrefix+p.Key()+".json", p, pinned)
}

// givenUp reports whether all of the span lies before the partition's beginning.
func (f *Folder) givenUp(ctx context.Context, s Span) (bool, error) {
	base, err := f.Base(ctx, s.Partition)
	return err == nil && s.End <= base, err
}

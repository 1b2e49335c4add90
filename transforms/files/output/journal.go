package output

import (
	"context"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// journalFormat is the version of the journal's files. Fields may be added
// within a version; a file of another version is refused. The version also says
// where the output's files lie: 1 had all of a kind in one folder.
const journalFormat = chunkfolder.Format

// insideFormat is the version of a generation that begins inside a chunk, which a
// program that knows only the one before must not go on from.
const insideFormat = 3

const layoutFile = journalDir + "layout.json"

// journal is how its entries are written that every folder of chunks has.
var journal = chunkfolder.Journal{Layout: layoutFile, Indent: "  "}

// A partition has a folder in the journal.
func partitionDir(key string) string { return journalDir + key + "/" }

func baseFile(p chunk.Partition) string {
	return partitionDir(p.Key()) + "base.json"
}

// What retention gave up of a partition is in entries that raise its beginnings, see
// [chunkfolder.Journal.Raise]: before the one of retained everything, before the one of
// retainedStates the states.
const (
	retained       = "retained+"
	retainedStates = "retained-states+"
)

// readBase returns the first offset that the output has of a partition, or
// chunk.None if no job has begun it.
func readBase(ctx context.Context, f *store.Folder, p chunk.Partition) (int64, error) {
	start, err := chunkfolder.ReadRaised(ctx, f, partitionDir(p.Key())+retained, p)
	if err != nil || start != chunk.None {
		return start, err
	}
	return chunkfolder.ReadBase(ctx, f, baseFile(p), p)
}

// readStatesBase returns the offset before which states may have been given up;
// chunk.None if none were.
func readStatesBase(ctx context.Context, f *store.Folder, p chunk.Partition) (int64, error) {
	return chunkfolder.ReadRaised(ctx, f, partitionDir(p.Key())+retainedStates, p)
}

// listPartitions returns every partition that has a folder in the journal, in the order
// of their keys.
func listPartitions(ctx context.Context, f *store.Folder) ([]chunk.Partition, error) {
	folders, err := f.Folders(ctx, journalDir)
	if err != nil {
		return nil, err
	}
	var parts []chunk.Partition
	for _, key := range folders {
		if p, err := chunk.ParsePartition(key); err == nil {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

func markFile(key string) string { return partitionDir(key) + "verified.json" }

// readMark returns the partition's mark; what it says holds for the generation that it
// was made in. One that cannot be read is as good as none.
func readMark(ctx context.Context, f *store.Folder, key string) chunkfolder.Mark {
	m := chunkfolder.ReadMark(ctx, f, markFile(key))
	if m.Generation < 1 {
		return chunkfolder.Mark{}
	}
	return m
}

// writeMark replaces the partition's mark, unless that is of a newer generation.
func writeMark(ctx context.Context, f *store.Folder, key string, generation int, next int64) error {
	if readMark(ctx, f, key).Generation > generation {
		return nil
	}
	return journal.WriteMark(ctx, f, markFile(key), generation, next)
}

package output

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// journalFormat is the version of the journal's files. Fields may be added
// within a version; a file of another version is refused. The version also says
// where the output's files lie: 1 had all of a kind in one folder.
const journalFormat = 2

// insideFormat is the version of a generation that begins inside a chunk, which a
// program that knows only the one before must not go on from.
const insideFormat = 3

// layoutFormat is the version of layout.json. 2 had no '+' before the names of topics
// that begin with '_' or '.'.
const layoutFormat = 3

const layoutFile = journalDir + "layout.json"

type layoutEntry struct {
	Format int `json:"format"`
	Layout
}

type base struct {
	Format    int    `json:"format"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"` // the first offset that the output has
}

// A partition has a folder in the journal.
func partitionDir(key string) string { return journalDir + key + "/" }

func baseFile(topic string, partition int32) string {
	return partitionDir(partitionKey(topic, partition)) + "base.json"
}

// retainedFile says that everything before start is no longer kept. Of several
// the highest counts.
func retainedFile(topic string, partition int32, start int64) string {
	return fmt.Sprintf("%sretained+%0*d.json", partitionDir(partitionKey(topic, partition)), offsetDigits, start)
}

func marshalJSON(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode journal entry: %w", err)
	}
	return append(b, '\n'), nil
}

func readLayout(ctx context.Context, f *store.Folder) (Layout, error) {
	var l layoutEntry
	if err := f.ReadJSONOf(ctx, layoutFile, []int{2, layoutFormat}, &l); err != nil {
		return Layout{}, err
	}
	l.Plain = l.Format < layoutFormat
	if l.N < 1 || l.Block < 1 {
		return Layout{}, fmt.Errorf("read %s: %d offsets per chunk, %d chunks per folder", f.Path(layoutFile), l.N, l.Block)
	}
	return l.Layout, nil
}

// readBase returns the first offset that the output has of a partition, or
// chunk.None if no job has begun it.
func readBase(ctx context.Context, f *store.Folder, topic string, partition int32) (int64, error) {
	file := baseFile(topic, partition)
	retained, err := f.List(ctx, partitionDir(partitionKey(topic, partition))+"retained+*.json")
	if err != nil {
		return 0, err
	}
	if len(retained) > 0 {
		file = retained[len(retained)-1]
	}
	var b base
	err = f.ReadJSON(ctx, file, journalFormat, &b)
	if errors.Is(err, fs.ErrNotExist) && len(retained) == 0 {
		return chunk.None, nil
	}
	if err != nil {
		return 0, err
	}
	if b.Start < 0 || b.Topic != topic || b.Partition != partition || len(retained) > 0 && file != retainedFile(topic, partition, b.Start) {
		return 0, fmt.Errorf("read %s: it says topic %s partition %d start %d", f.Path(file), b.Topic, b.Partition, b.Start)
	}
	return b.Start, nil
}

// listPartitions returns topic+partition of every partition that has a folder in
// the journal.
func listPartitions(ctx context.Context, f *store.Folder) ([]string, error) {
	folders, err := f.Folders(ctx, journalDir)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, key := range folders {
		if _, _, err := parsePartitionKey(key); err == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// mark says how far a partition's files were found complete and of the right
// lineage, so that a start need neither list nor read all of them again. What it
// says holds for the generation it was made in. Without it, everything is
// verified anew, so it may be removed at any time.
type mark struct {
	Format     int   `json:"format"`
	Generation int   `json:"generation"`
	Chunk      int64 `json:"chunk"` // all chunks from the base to here, exclusive
}

func markFile(key string) string { return partitionDir(key) + "verified.json" }

// readMark returns the partition's mark. One that cannot be read is as good as none.
func readMark(ctx context.Context, f *store.Folder, key string) mark {
	var m mark
	if f.ReadJSON(ctx, markFile(key), journalFormat, &m) != nil || m.Chunk < 0 || m.Generation < 1 {
		return mark{}
	}
	return m
}

// writeMark replaces the partition's mark, unless that is of a newer generation.
func writeMark(ctx context.Context, f *store.Folder, key string, generation int, chunk int64) error {
	if readMark(ctx, f, key).Generation > generation {
		return nil
	}
	b, err := marshalJSON(mark{journalFormat, generation, chunk})
	if err != nil {
		return err
	}
	return f.WriteAtomic(ctx, markFile(key), b)
}

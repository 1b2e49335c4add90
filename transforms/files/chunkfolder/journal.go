package chunkfolder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Format is the version of a journal's entries. Fields may be added within a version; a
// file of another version is refused. The version also says where files lie: 1 had all
// of a kind in one folder.
const Format = 2

// layoutFormat is the version of the layout. 2 had no '+' before the names of topics that
// begin with '_' or '.'.
const layoutFormat = 3

// Journal is how a kind of folder writes down, in JSON, how it is laid out, and by
// partition where it begins and how far it was found complete. Layout and beginning are
// created exclusively, so the first of several jobs decides.
type Journal struct {
	Layout string // the file of the layout
	Indent string // of the JSON, one level; "": on one line
}

type layoutEntry struct {
	Format int `json:"format"`
	Layout
}

// Base is where a folder begins in a partition.
type Base struct {
	Format    int    `json:"format"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Start     int64  `json:"start"` // the first offset that the folder has
}

// Mark is how far a partition's files were found complete, so that not all of them need
// be looked at again. It may be removed at any time.
type Mark struct {
	Format     int   `json:"format"`
	Generation int   `json:"generation,omitempty"` // for which it holds, where there are any
	Chunk      int64 `json:"chunk"`                // all chunks from the base to here, exclusive
}

// Marshal encodes an entry.
func (j Journal) Marshal(entry any) ([]byte, error) {
	b, err := json.Marshal(entry)
	if j.Indent != "" {
		b, err = json.MarshalIndent(entry, "", j.Indent)
	}
	if err != nil {
		return nil, fmt.Errorf("encode journal entry: %w", err)
	}
	return append(b, '\n'), nil
}

// ReadLayout reads the layout; the error is fs.ErrNotExist if there is none.
func (j Journal) ReadLayout(ctx context.Context, f *store.Folder) (Layout, error) {
	var l layoutEntry
	if err := f.ReadJSONOf(ctx, j.Layout, []int{Format, layoutFormat}, &l); err != nil {
		return Layout{}, err
	}
	l.Plain = l.Format < layoutFormat
	if l.N < 1 || l.Block < 1 {
		return Layout{}, fmt.Errorf("read %s: %d offsets per chunk, %d chunks per folder", f.Path(j.Layout), l.N, l.Block)
	}
	return l.Layout, nil
}

// CreateLayout fixes the layout, and returns the one that counts: the one that is there
// if another job was first.
func (j Journal) CreateLayout(ctx context.Context, f *store.Folder, l Layout) (Layout, error) {
	if err := j.create(ctx, f, j.Layout, layoutEntry{layoutFormat, l}); err != nil {
		return Layout{}, err
	}
	return j.ReadLayout(ctx, f)
}

// CreateBase fixes in a file where a partition begins, unless that is fixed.
func (j Journal) CreateBase(ctx context.Context, f *store.Folder, file string, p chunk.Partition, start int64) error {
	return j.create(ctx, f, file, Base{Format, p.Topic, p.ID, start})
}

// ReplaceBase moves the beginning of a partition of which the folder has nothing.
func (j Journal) ReplaceBase(ctx context.Context, f *store.Folder, file string, p chunk.Partition, start int64) error {
	return j.write(ctx, f, file, Base{Format, p.Topic, p.ID, start})
}

// ReadBase reads from a file where a partition begins; chunk.None if it is not there.
func ReadBase(ctx context.Context, f *store.Folder, file string, p chunk.Partition) (int64, error) {
	var b Base
	err := f.ReadJSON(ctx, file, Format, &b)
	if errors.Is(err, fs.ErrNotExist) {
		return chunk.None, nil
	}
	if err != nil {
		return 0, err
	}
	if is := (chunk.Partition{Topic: b.Topic, ID: b.Partition}); is != p || b.Start < 0 {
		return 0, fmt.Errorf("read %s: it says %v start %d", f.Path(file), is, b.Start)
	}
	return b.Start, nil
}

// ReadMark reads a mark. One that cannot be read is as good as none: the zero Mark.
func ReadMark(ctx context.Context, f *store.Folder, file string) Mark {
	var m Mark
	if f.ReadJSON(ctx, file, Format, &m) != nil || m.Chunk < 0 {
		return Mark{}
	}
	return m
}

// WriteMark replaces a mark.
func (j Journal) WriteMark(ctx context.Context, f *store.Folder, file string, generation int, next int64) error {
	return j.write(ctx, f, file, Mark{Format, generation, next})
}

func (j Journal) create(ctx context.Context, f *store.Folder, file string, entry any) error {
	b, err := j.Marshal(entry)
	if err != nil {
		return err
	}
	if err := f.CreateExclusive(ctx, file, b); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (j Journal) write(ctx context.Context, f *store.Folder, file string, entry any) error {
	b, err := j.Marshal(entry)
	if err != nil {
		return err
	}
	return f.WriteAtomic(ctx, file, b)
}

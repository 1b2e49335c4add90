package chunkfolder

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Shelf is the complete files of one kind and partition, as who gives up old ones sees
// them: oldest first, and from a beginning on, which is raised before files go. Below it
// may lie files that are kept for themselves.
type Shelf struct {
	Partition chunk.Partition
	Files     *store.Folder
	Layout    Layout
	Dir, Ext  string // of the kind, as "results/" and ".parquet"
	Journal   Journal
	// Raised is the prefix of the entries that raise the beginning; "": it is not written
	// down, since nothing depends on these files.
	Raised string
	// Notes are patterns of files of the journal whose names end with an offset and an
	// extension: they go with the block that the offset lies in.
	Notes []string
	// Begins is the file of the beginning that was never raised.
	Begins string
}

// Stored is a file on a shelf.
type Stored struct {
	Name
	File string // relative to the folder
	Size int64  // bytes
}

// Blocks lists the blocks that have a folder.
func (s *Shelf) Blocks(ctx context.Context) ([]int64, error) {
	return s.Layout.Blocks(ctx, s.Files, s.Dir, s.Partition)
}

// List lists the files of a block by offset. What is named otherwise is passed over.
func (s *Shelf) List(ctx context.Context, block int64) ([]Stored, error) {
	folder := s.Dir + s.Layout.BlockFolder(s.Partition, block)
	sizes, err := s.Files.Sizes(ctx, folder)
	if err != nil {
		return nil, err
	}
	var files []Stored
	for file, size := range sizes {
		if n, ok := s.Layout.parseIn(file, folder, s.Ext, s.Partition, block); ok {
			files = append(files, Stored{n, file, size})
		}
	}
	slices.SortFunc(files, func(a, b Stored) int { return LongestFirst(a.Name, b.Name) })
	return files, nil
}

// Others counts the files of a block's folder that are not ours; they stay.
func (s *Shelf) Others(ctx context.Context, block int64) (n int, err error) {
	folder := s.Dir + s.Layout.BlockFolder(s.Partition, block)
	files, err := s.Files.List(ctx, folder+"*")
	for _, file := range files {
		if _, ok := s.Layout.parseIn(file, folder, s.Ext, s.Partition, block); !ok && file != folder+store.TempDir {
			n++
		}
	}
	return n, err
}

// Base is the beginning; chunk.None if there is none.
func (s *Shelf) Base(ctx context.Context) (int64, error) {
	raised := int64(chunk.None)
	if s.Raised != "" {
		var err error
		if raised, err = ReadRaised(ctx, s.Files, s.Raised, s.Partition); err != nil {
			return 0, err
		}
	}
	begins, err := ReadBase(ctx, s.Files, s.Begins, s.Partition)
	return max(raised, begins), err
}

// Raise raises the beginning to an offset, durably.
func (s *Shelf) Raise(ctx context.Context, start int64) error {
	if s.Raised == "" {
		return nil
	}
	if err := s.Journal.Raise(ctx, s.Files, s.Raised, s.Partition, start); err != nil {
		return fmt.Errorf("raise the beginning of %v in %s to offset %d: %w", s.Partition, s.Files.Path(s.Dir), start, err)
	}
	return nil
}

// Remove removes a file of the shelf.
func (s *Shelf) Remove(ctx context.Context, file Stored) error {
	crashpoint.At("retention-remove")
	err := s.Files.Remove(ctx, file.File)
	crashpoint.At("retention-removed")
	return err
}

// RemoveBlock removes the folder of a block of which no file is left. Where it is not
// empty, or the filesystem cannot, it stays.
func (s *Shelf) RemoveBlock(ctx context.Context, block int64) {
	folder := s.Dir + s.Layout.BlockFolder(s.Partition, block)
	for _, pattern := range s.Notes {
		files, _ := s.Files.List(ctx, pattern) // they only save work
		for _, file := range files {
			if at, ok := noteOffset(file); ok && s.Layout.BlockOf(chunk.Of(at, s.Layout.N)) == block {
				_ = s.Files.Remove(ctx, file)
			}
		}
	}
	_ = s.Files.Remove(ctx, folder+store.TempDir)
	_ = s.Files.Remove(ctx, folder[:len(folder)-1])
}

// noteOffset is the offset that the name of notes ends with.
func noteOffset(file string) (int64, bool) {
	name := strings.TrimSuffix(file, path.Ext(file))
	digits := name[strings.LastIndexByte(name, '+')+1:]
	at, err := strconv.ParseInt(digits, 10, 64)
	return at, err == nil && len(digits) == OffsetDigits && at >= 0
}

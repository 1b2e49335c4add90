package table

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/store"
)

const (
	// mergeFactor is how many files of a size are made one on days that are not over.
	mergeFactor = 8
	// smallestSize is the size in bytes below which all files are of a size.
	smallestSize = 1 << 20
	// mergedFiles is how many files are made one at most: all are open at once.
	mergedFiles = 64
	// mergeBytes bounds what one commit merges: what is lost if it fails.
	mergeBytes = 1 << 30
)

// merge makes larger files of small ones.
func (ts *Tables) merge(ctx context.Context, s *state) error {
	groups, err := ts.mergeable(ctx, s)
	if err != nil {
		return err
	}
	for len(groups) > 0 {
		var change iceberg.Change
		n, bytes := 0, int64(0)
		of := []string{"merge", ts.cfg.Program}
		for n < len(groups) && (n == 0 || bytes < mergeBytes) {
			for _, f := range groups[n] {
				bytes += f.Bytes
				change.Removed = append(change.Removed, f)
				of = append(of, f.Path)
			}
			of = append(of, "")
			n++
		}
		c := s.table.Begin(s.version, of...)
		for _, g := range groups[:n] {
			f, err := mergeFiles(ctx, s.table, s.definition, c.NextFile(), g)
			if err != nil {
				return err
			}
			change.Added = append(change.Added, f)
		}
		if err := ts.publish(ctx, s, c, change); err != nil {
			return err
		}
		s.done.Merged += len(change.Removed)
		groups = groups[n:]
	}
	return nil
}

// mergeable lists groups of small files, each of which is to become one.
func (ts *Tables) mergeable(ctx context.Context, s *state) (groups [][]iceberg.File, err error) {
	small := map[iceberg.Partition][]iceberg.File{}
	newest := map[string]iceberg.Day{}
	err = s.table.Files(ctx, s.version, func(f iceberg.File) error {
		newest[f.Camera] = max(newest[f.Camera], f.Day)
		if f.Bytes < ts.cfg.FileBytes/2 {
			small[f.Partition] = append(small[f.Partition], f)
		}
		return nil
	})
	for _, p := range slices.SortedFunc(maps.Keys(small), comparePartitions) {
		over := p.Day != iceberg.NoDay && p.Day < newest[p.Camera]
		groups = append(groups, ts.cfg.choose(small[p], over)...)
	}
	return groups, err
}

// choose forms groups of files of a camera and day. Once the day is over all are taken, else
// those of which there are mergeFactor of a size.
func (c *Config) choose(files []iceberg.File, over bool) (groups [][]iceberg.File) {
	slices.SortFunc(files, func(a, b iceberg.File) int { return strings.Compare(a.Path, b.Path) })
	if !over {
		sizes := map[int][]iceberg.File{}
		for _, f := range files {
			size := 0
			for n := f.Bytes; n > smallestSize; n /= mergeFactor {
				size++
			}
			sizes[size] = append(sizes[size], f)
		}
		files = nil
		for _, size := range slices.Sorted(maps.Keys(sizes)) {
			if len(sizes[size]) >= mergeFactor {
				files = append(files, sizes[size]...)
			}
		}
	}
	for len(files) > 1 {
		n, bytes := 0, int64(0)
		for n < min(len(files), mergedFiles) && (n < 2 || bytes+files[n].Bytes <= c.FileBytes) {
			bytes += files[n].Bytes
			n++
		}
		groups = append(groups, files[:n])
		files = files[n:]
	}
	return groups
}

// mergeFiles makes one file of several of a camera and day. It holds some pages of each.
func mergeFiles(ctx context.Context, t *iceberg.Table, d iceberg.Definition, name string, files []iceberg.File) (iceberg.File, error) {
	return writeFile(ctx, t, d, name, files[0].Partition, func(w *parquet.GenericWriter[any]) (err error) {
		var groups []parquet.RowGroup
		for _, f := range files {
			in, err := openFile(ctx, t.Folder(), f)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, in.Close()) }()
			groups = append(groups, in.RowGroups()...)
		}
		merged, err := parquet.MergeRowGroups(groups, d.Schema, parquet.SortingRowGroupConfig(sorting(d)))
		if err != nil {
			return err
		}
		rows := merged.Rows()
		defer func() { err = errors.Join(err, rows.Close()) }()
		return copyRows(ctx, w, rows)
	})
}

// copiedRows is how many rows are copied at once.
const copiedRows = 128

func copyRows(ctx context.Context, w *parquet.GenericWriter[any], rows parquet.Rows) error {
	buf := make([]parquet.Row, copiedRows)
	for {
		n, err := rows.ReadRows(buf)
		if n > 0 {
			if _, err := w.WriteRows(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// openedFile is a data file that is read.
type openedFile struct {
	*parquet.File
	io.Closer
}

func openFile(ctx context.Context, folder *store.Folder, f iceberg.File) (*openedFile, error) {
	in, err := folder.OpenRead(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	r, ok := in.(io.ReaderAt)
	if !ok {
		b, err := io.ReadAll(in)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read %s: %w", folder.Path(f.Path), err), in.Close())
		}
		r = bytes.NewReader(b)
	}
	p, err := parquet.OpenFile(r, f.Bytes)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", folder.Path(f.Path), err), in.Close())
	}
	return &openedFile{p, in}, nil
}

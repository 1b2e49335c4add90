package chunkfolder

import (
	"context"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// Folders lists the folders of a partition's blocks from the given one on, of the files
// in dir.
func (l Layout) Folders(ctx context.Context, f *store.Folder, dir string, p chunk.Partition, from int64) (dirs []string, err error) {
	blocks, err := l.Blocks(ctx, f, dir, p)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		if b >= from {
			dirs = append(dirs, dir+l.BlockFolder(p, b))
		}
	}
	return dirs, nil
}

// SweepTemporary removes the temporary files of folders, but for those that a writer took
// from their names and died: they get them back. What does not count is taken again.
//
// It asks neither whose they are nor how old: a live writer whose temporary file vanishes
// writes it again.
func SweepTemporary(ctx context.Context, f *store.Folder, dirs ...string) error {
	for _, dir := range dirs {
		files, err := f.List(ctx, dir+store.TempDir+"/*")
		if err != nil {
			return err
		}
		for _, file := range files {
			if taken, err := f.Restore(ctx, file); err != nil {
				return err
			} else if taken {
				continue
			}
			if err := f.Remove(ctx, file); err != nil {
				return err
			}
		}
	}
	return nil
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Spacer is a filesystem that knows how much room it has.
type Spacer interface {
	// Space is how many bytes are free where a path is, or would be, and how many there are.
	Space(ctx context.Context, path string) (free, all uint64, err error)
}

// ErrSpaceUnknown is of a filesystem that does not say how much room it has.
var ErrSpaceUnknown = errors.New("the filesystem does not say how much room it has")

// Space is how many bytes are free where the folder is, or would be, and how many there are.
func (f *Folder) Space(ctx context.Context) (free, all uint64, err error) {
	s, ok := f.fs.(Spacer)
	if !ok {
		return 0, 0, fmt.Errorf("%s: %w", f.root, ErrSpaceUnknown)
	}
	return s.Space(ctx, f.root)
}

// Space implements [Spacer].
func (localFS) Space(_ context.Context, path string) (free, all uint64, err error) {
	var s unix.Statfs_t
	for {
		if err = unix.Statfs(path, &s); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			break
		}
		path = filepath.Dir(path)
	}
	if err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}

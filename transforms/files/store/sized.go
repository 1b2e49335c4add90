package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Sized is the name of a file and its length in bytes.
type Sized struct {
	Name string
	Size int64
}

// SizedLister is a filesystem that says the lengths of files while it lists a folder.
type SizedLister interface {
	// ListSized returns the files directly in dir, by their names without the folder.
	ListSized(ctx context.Context, dir string) ([]Sized, error)
}

// Sizes returns the lengths of the files in dir, which is "" or ends in "/", by their
// names in the folder. A folder that does not exist is empty. Where the filesystem is no
// [SizedLister] every file is asked for.
func (f *Folder) Sizes(ctx context.Context, dir string) (map[string]int64, error) {
	sizes := map[string]int64{}
	if l, ok := f.fs.(SizedLister); ok {
		files, err := l.ListSized(ctx, f.Path(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list %s: %w", f.Path(dir), err)
		}
		for _, file := range files {
			sizes[dir+file.Name] = file.Size
		}
		return sizes, nil
	}
	names, err := f.List(ctx, dir+"*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		size, err := f.Size(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		sizes[name] = size
	}
	return sizes, nil
}

func (localFS) ListSized(_ context.Context, dir string) ([]Sized, error) {
	entries, err := os.ReadDir(dir)
	var files []Sized
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		files = append(files, Sized{e.Name(), info.Size()})
	}
	return files, err
}

var _ SizedLister = localFS{}

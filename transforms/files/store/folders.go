package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// FolderLister is a filesystem that can list the folders in one folder by its plain name.
type FolderLister interface {
	// ListFolders returns the names of the folders directly in dir.
	ListFolders(ctx context.Context, dir string) ([]string, error)
}

// Folders returns the names of the folders directly in dir, which is "" or ends
// in "/", sorted. A folder that does not exist has none. Where the filesystem is
// no [FolderLister], only those are found that have a file at most two levels below.
func (f *Folder) Folders(ctx context.Context, dir string) ([]string, error) {
	names, err := f.folders(ctx, f.Path(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list folders of %s: %w", f.Path(dir), err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (f *Folder) folders(ctx context.Context, full string) ([]string, error) {
	if l, ok := f.fs.(FolderLister); ok {
		return l.ListFolders(ctx, full)
	}
	var names []string
	for _, below := range []string{"*/*", "*/*/*"} {
		paths, err := f.fs.List(ctx, escapePattern.Replace(full)+below)
		if err != nil {
			return names, err
		}
		for _, p := range paths {
			if rest, ok := strings.CutPrefix(p, full); ok {
				if name, _, ok := strings.Cut(rest, "/"); ok && name != "" {
					names = append(names, name)
				}
			}
		}
	}
	return names, nil
}

func (localFS) ListFolders(_ context.Context, dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

var _ FolderLister = localFS{}

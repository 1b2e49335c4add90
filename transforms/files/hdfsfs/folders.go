package hdfsfs

import (
	"context"
	"errors"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/files/store"
)

// ListFolder returns the names of the files in a folder, sorted; none if there
// is no folder.
func (f *FS) ListFolder(ctx context.Context, dir string) ([]string, error) {
	return f.names(ctx, dir, false)
}

// ListFolders returns the names of the folders in a folder, sorted; none if there
// is no folder.
func (f *FS) ListFolders(ctx context.Context, dir string) ([]string, error) {
	return f.names(ctx, dir, true)
}

// ListSized returns the files in a folder with their lengths; none if there is no folder.
func (f *FS) ListSized(ctx context.Context, dir string) ([]store.Sized, error) {
	c, p, err := f.at(dir)
	if err != nil {
		return nil, err
	}
	infos, err := c.list(ctx, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var files []store.Sized
	for _, i := range infos {
		if !i.IsDir() {
			files = append(files, store.Sized{Name: i.Name(), Size: i.Size()})
		}
	}
	return files, wrap("list", dir, err)
}

// names are those of a folder's folders, or of its files.
func (f *FS) names(ctx context.Context, dir string, folders bool) ([]string, error) {
	c, p, err := f.at(dir)
	if err != nil {
		return nil, err
	}
	infos, err := c.list(ctx, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, i := range infos {
		if i.IsDir() == folders {
			names = append(names, i.Name())
		}
	}
	return names, wrap("list", dir, err)
}

package hdfsfs

import (
	"context"
	"errors"
	"io/fs"
)

// ListFolders returns the names of the folders in a folder, sorted; none if there
// is no folder.
func (f *FS) ListFolders(ctx context.Context, dir string) ([]string, error) {
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
		if i.IsDir() {
			names = append(names, i.Name())
		}
	}
	return names, wrap("list", dir, err)
}

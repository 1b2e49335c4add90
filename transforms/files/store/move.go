package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Move gives a file another name, in another folder perhaps, that no file may have:
// fs.ErrExist. The error is fs.ErrNotExist if there is no such file.
func (f *Folder) Move(ctx context.Context, from, to string) error {
	err := (&Staged{f: f, name: to, temp: from}).PublishNew(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Perhaps it is the folder that is missing.
	if there, unknown := f.Exists(ctx, from); unknown != nil || !there {
		return fmt.Errorf("move %s: %w", f.Path(from), errors.Join(fs.ErrNotExist, unknown))
	}
	s, err := f.Stage(ctx, to)
	if err == nil {
		err = s.Discard(ctx)
	}
	if err != nil {
		return err
	}
	return (&Staged{f: f, name: to, temp: from}).PublishNew(ctx)
}

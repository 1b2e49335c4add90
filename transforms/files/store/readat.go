package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// ReadAt calls use with the file, which is read at once where the filesystem cannot read
// anywhere; the error is fs.ErrNotExist if there is none.
func (f *Folder) ReadAt(ctx context.Context, name string, use func(r io.ReaderAt, size int64) error) (err error) {
	rc, err := f.OpenRead(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	r, ok := rc.(io.ReaderAt)
	var size int64
	if ok {
		size, err = f.Size(ctx, name)
	} else {
		var b []byte
		b, err = io.ReadAll(rc)
		r, size = bytes.NewReader(b), int64(len(b))
	}
	if err == nil {
		err = use(r, size)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Path(name), err)
	}
	return nil
}

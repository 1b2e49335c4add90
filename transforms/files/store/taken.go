package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// takenMark is in the temporary names of files that were taken, before random digits.
// They are as long as those of files that are written, which end in a point and 16
// digits: names may be as long as a filesystem allows.
const (
	takenMark   = ".t"
	takenDigits = 15
)

// Taken is a file that was taken from its name to look at it undisturbed: between
// a look at a name and a removal by name another process may have published there
// what must stay. Give it back with PutBack or Replace, or Discard it.
type Taken struct {
	f          *Folder
	name, temp string
}

// Take gives the file a temporary name; the error is fs.ErrNotExist if there is
// none. If the process dies before it has decided, [Folder.Restore] puts it back.
func (f *Folder) Take(ctx context.Context, name string) (*Taken, error) {
	r, ok := f.fs.(filesystem.Renamer)
	if !ok {
		return nil, fmt.Errorf("take %s: the filesystem cannot rename", f.Path(name))
	}
	var id [8]byte
	rand.Read(id[:])
	dir, base := path.Split(name)
	t := &Taken{f, name, dir + TempDir + "/" + base + takenMark + hex.EncodeToString(id[:])[:takenDigits]}
	err := r.Rename(ctx, f.Path(name), f.Path(t.temp))
	if errors.Is(err, fs.ErrNotExist) {
		// Perhaps it is the temporary folder that is missing.
		if there, unknown := f.Exists(ctx, name); unknown != nil || !there {
			return nil, fmt.Errorf("take %s: %w", f.Path(name), errors.Join(fs.ErrNotExist, unknown))
		}
		var s *Staged
		if s, err = f.Stage(ctx, name); err == nil {
			err = s.Discard(ctx)
		}
		if err == nil {
			err = r.Rename(ctx, f.Path(name), f.Path(t.temp))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("take %s: %w", f.Path(name), cause(err))
	}
	return t, nil
}

// Name is where the file is now. It may vanish from there when another process
// starts on the same folder and restores it.
func (t *Taken) Name() string { return t.temp }

// PutBack gives the file its name again unless there is another one: fs.ErrExist.
// That it is back already is no error.
func (t *Taken) PutBack(ctx context.Context) error {
	err := (&Staged{f: t.f, name: t.name, temp: t.temp}).PublishNew(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		// Not every filesystem looks at the old name first.
		if there, unknown := t.f.Exists(ctx, t.temp); unknown == nil && !there {
			return nil
		}
	}
	return err
}

// Replace gives the file its name again whatever is there now.
func (t *Taken) Replace(ctx context.Context) error {
	err := (&Staged{f: t.f, name: t.name, temp: t.temp}).Replace(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Discard removes the file.
func (t *Taken) Discard(ctx context.Context) error { return t.f.Remove(ctx, t.temp) }

// Restore puts a file back that a process took and left, if temp is the temporary
// name of one; if its name is taken by another, it is removed. It reports whether
// temp was such a name.
func (f *Folder) Restore(ctx context.Context, temp string) (bool, error) {
	dir, base := path.Split(temp)
	dir, inTemp := strings.CutSuffix(dir, TempDir+"/")
	i := strings.LastIndex(base, takenMark)
	if !inTemp || i <= 0 || len(base)-i != len(takenMark)+takenDigits {
		return false, nil
	}
	t := &Taken{f, dir + base[:i], temp}
	err := t.PutBack(ctx)
	if errors.Is(err, fs.ErrExist) {
		err = t.Discard(ctx)
	}
	return true, err
}

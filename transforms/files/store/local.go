package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
)

// localFS is Beam's local filesystem with what it lacks: exclusive creation,
// renaming that does not replace, and renames that survive a power cut.
type localFS struct{}

var beamLocal = local.New(context.Background())

func (localFS) Close() error { return nil }

func (localFS) List(ctx context.Context, glob string) ([]string, error) {
	return beamLocal.List(ctx, glob)
}

func (localFS) OpenRead(ctx context.Context, name string) (io.ReadCloser, error) {
	return beamLocal.OpenRead(ctx, name)
}

func (localFS) OpenWrite(ctx context.Context, name string) (io.WriteCloser, error) {
	return beamLocal.OpenWrite(ctx, name)
}

// Size asks for the file's status only: Beam's own opens the file and leaves it open.
func (localFS) Size(_ context.Context, name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (localFS) Remove(_ context.Context, name string) error { return os.Remove(name) }

func (localFS) Rename(_ context.Context, oldname, newname string) error {
	if err := os.Rename(oldname, newname); err != nil {
		return err
	}
	return syncDir(filepath.Dir(newname))
}

// RenameNoReplace links and then removes: link(2) is the one portable call that
// fails when the target exists.
func (localFS) RenameNoReplace(_ context.Context, oldname, newname string) error {
	if err := os.Link(oldname, newname); err != nil {
		return err
	}
	// The file has its name now; a sweep may have removed the old one.
	if err := os.Remove(oldname); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(newname))
}

func (localFS) ListFolder(_ context.Context, dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (localFS) OpenExclusive(_ context.Context, name string) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

var _ interface {
	filesystem.Interface
	filesystem.Remover
	filesystem.Renamer
	ExclusiveWriter
	NoReplaceRenamer
	Lister
} = localFS{}

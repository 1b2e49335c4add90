package output

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func init() {
	filesystem.Register("fake", func(context.Context) filesystem.Interface { return fake })
}

// fake is a filesystem in memory that counts what is asked of it.
var fake = &fakeFS{folders: map[string]map[string][]byte{}, below: map[string]map[string]bool{}}

type fakeFS struct {
	mu      sync.Mutex
	folders map[string]map[string][]byte // files by folder and name
	below   map[string]map[string]bool   // folders by folder

	listings, names, reads int // since they were last set to 0

	before func(name string) // a file is opened to read it; nil: nothing
}

var fakes atomic.Int64

// fakeFolder is a folder in memory of its own.
func fakeFolder(t testing.TB) *store.Folder {
	t.Helper()
	f, err := store.Open(t.Context(), fmt.Sprintf("fake://%d", fakes.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fakeFS) put(name string, b []byte) {
	dir, base := path.Split(name)
	dir = path.Clean(dir)
	if f.folders[dir] == nil {
		f.folders[dir] = map[string][]byte{}
		for d := dir; path.Dir(d) != d; d = path.Dir(d) {
			if f.below[path.Dir(d)] == nil {
				f.below[path.Dir(d)] = map[string]bool{}
			}
			f.below[path.Dir(d)][path.Base(d)] = true
		}
	}
	f.folders[dir][base] = b
}

func (f *fakeFS) get(name string) ([]byte, error) {
	b, ok := f.folders[path.Dir(path.Clean(name))][path.Base(name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return b, nil
}

func (f *fakeFS) Close() error { return nil }

func (f *fakeFS) List(context.Context, string) ([]string, error) {
	return nil, fmt.Errorf("a pattern was listed")
}

func (f *fakeFS) ListFolder(_ context.Context, dir string) (names []string, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listings++
	for name := range f.folders[path.Clean(dir)] {
		names = append(names, name)
	}
	f.names += len(names)
	return names, nil
}

func (f *fakeFS) ListFolders(_ context.Context, dir string) (names []string, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listings++
	for name := range f.below[path.Clean(dir)] {
		names = append(names, name)
	}
	f.names += len(names)
	return names, nil
}

func (f *fakeFS) OpenRead(_ context.Context, name string) (io.ReadCloser, error) {
	if f.before != nil {
		f.before(name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	b, err := f.get(name)
	if err != nil {
		return nil, err
	}
	return fakeReader{bytes.NewReader(b)}, nil
}

type fakeReader struct{ *bytes.Reader }

func (fakeReader) Close() error { return nil }

func (f *fakeFS) OpenWrite(_ context.Context, name string) (io.WriteCloser, error) {
	return &fakeWriter{f: f, name: name}, nil
}

type fakeWriter struct {
	bytes.Buffer
	f    *fakeFS
	name string
}

func (w *fakeWriter) Close() error {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.put(w.name, w.Bytes())
	return nil
}

func (f *fakeFS) Size(_ context.Context, name string) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.get(name)
	return int64(len(b)), err
}

func (f *fakeFS) Remove(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = path.Clean(name)
	if files, ok := f.folders[name]; ok {
		if len(files)+len(f.below[name]) > 0 {
			return fmt.Errorf("%s is not empty", name)
		}
		delete(f.folders, name)
		delete(f.below[path.Dir(name)], path.Base(name))
		return nil
	}
	delete(f.folders[path.Dir(name)], path.Base(name))
	return nil
}

func (f *fakeFS) Rename(_ context.Context, from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.get(from)
	if err != nil {
		return err
	}
	delete(f.folders[path.Dir(from)], path.Base(from))
	f.put(to, b)
	return nil
}

func (f *fakeFS) RenameNoReplace(ctx context.Context, from, to string) error {
	f.mu.Lock()
	_, err := f.get(to)
	f.mu.Unlock()
	if err == nil {
		return fs.ErrExist
	}
	return f.Rename(ctx, from, to)
}

var _ interface {
	store.Lister
	store.FolderLister
	store.NoReplaceRenamer
	filesystem.Remover
	filesystem.Renamer
} = fake

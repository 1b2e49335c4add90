package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/framebeam/framebeam/transforms/files/store"
)

const patience = 10 * time.Minute

// flakyFS is a filesystem whose files fail in ways that may pass, as faults says.
type flakyFS struct{ bareFS }

var faults = func() error { return nil }

func init() {
	filesystem.Register("flaky", func(context.Context) filesystem.Interface { return flakyFS{} })
}

func flaky(p string) string { return "bare" + p[len("flaky"):] }

type passing struct{ error }

func (passing) Transient() bool { return true }

func (flakyFS) Patience() time.Duration { return patience }

func (flakyFS) Check(root string) error {
	if root == "flaky:///wrong" {
		return errors.New("the configuration is wrong")
	}
	return nil
}

func (f flakyFS) Size(ctx context.Context, name string) (int64, error) {
	return f.bareFS.Size(ctx, flaky(name))
}

func (f flakyFS) OpenRead(ctx context.Context, name string) (io.ReadCloser, error) {
	return f.bareFS.OpenRead(ctx, flaky(name))
}

func (f flakyFS) Remove(ctx context.Context, name string) error {
	return f.bareFS.Remove(ctx, flaky(name))
}

func (f flakyFS) Rename(ctx context.Context, a, b string) error {
	return f.bareFS.Rename(ctx, flaky(a), flaky(b))
}

func (f flakyFS) OpenWrite(ctx context.Context, name string) (io.WriteCloser, error) {
	w, err := f.bareFS.OpenWrite(ctx, flaky(name))
	return flakyFile{w}, err
}

type flakyFile struct{ io.WriteCloser }

func (f flakyFile) Close() error {
	err := faults()
	if errors.Is(err, errShort) {
		f.Write([]byte("more than was written, as the caller knows"))
		err = nil
	}
	return errors.Join(f.WriteCloser.Close(), err)
}

// errShort makes a file another length than it should have, without an error.
var errShort = errors.New("another length")

func TestAFileThatFailsInPassingIsWrittenAnewForAWhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		fails  int
		err    error
		writes int // 0: as many as patience allows
		ok     bool
	}{
		{"never", 0, nil, 1, true},
		{"a few times", 5, passing{errors.New("a node died")}, 6, true},
		{"without a word, with another length", 2, errShort, 3, true},
		{"for good", 1 << 30, passing{errors.New("no node is there")}, 0, false},
		{"in a way that does not pass", 1, fs.ErrPermission, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := "flaky://" + filepath.Join(t.TempDir(), "x")
			synctest.Test(t, func(t *testing.T) {
				left := c.fails
				faults = func() error {
					if left--; left >= 0 {
						return c.err
					}
					return nil
				}
				f, err := store.Open(t.Context(), root)
				if err != nil {
					t.Fatal(err)
				}
				begin, writes := time.Now(), 0
				err = f.Put(t.Context(), "d/x", func(w io.Writer) error {
					writes++
					_, err := fmt.Fprint(w, "content")
					return err
				}, (*store.Staged).Replace)
				waited := time.Since(begin)
				if (err == nil) != c.ok || !c.ok && !errors.Is(err, c.err) {
					t.Errorf("the error is %v", err)
				}
				if c.writes > 0 && writes != c.writes {
					t.Errorf("%d writes, want %d", writes, c.writes)
				}
				if c.writes == 0 && (waited < patience/2 || waited > patience) {
					t.Errorf("given up after %v", waited)
				}
				if b, err := f.Read(t.Context(), "d/x"); c.ok && string(b) != "content" || !c.ok && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("read %q, %v", b, err)
				}
			})
		})
	}
}

func TestAWrongConfigurationIsSaidWhenAFolderIsOpened(t *testing.T) {
	if _, err := store.Open(t.Context(), "flaky:///wrong"); err == nil {
		t.Error("it was accepted")
	}
}

package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/files/store"
)

func init() {
	filesystem.Register("bare", func(context.Context) filesystem.Interface { return bareFS{} })
}

// bareFS is a local filesystem that offers only what Beam demands, and removing
// and renaming: paths are bare:///path.
type bareFS struct{}

func bare(p string) string { return strings.TrimPrefix(p, "bare://") }

func (bareFS) Close() error { return nil }
func (bareFS) List(_ context.Context, glob string) ([]string, error) {
	paths, err := filepath.Glob(bare(glob))
	for i := range paths {
		paths[i] = "bare://" + paths[i]
	}
	return paths, err
}
func (bareFS) OpenRead(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(bare(name))
	return struct{ io.ReadCloser }{f}, err
}
func (bareFS) OpenWrite(_ context.Context, name string) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(bare(name)), 0o755); err != nil {
		return nil, err
	}
	return os.Create(bare(name))
}
func (bareFS) Size(_ context.Context, name string) (int64, error) {
	info, err := os.Stat(bare(name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
func (bareFS) Remove(_ context.Context, name string) error { return os.Remove(bare(name)) }
func (bareFS) Rename(_ context.Context, a, b string) error { return os.Rename(bare(a), bare(b)) }

// folders are the kinds of filesystem that the folder must do the same on, all
// at a root whose name means something in a pattern.
func folders(t *testing.T) map[string]*store.Folder {
	t.Helper()
	all := map[string]*store.Folder{}
	for kind, root := range map[string]string{
		"local": filepath.Join(t.TempDir(), "a[b]*c?+d"),
		"bare":  "bare://" + filepath.Join(t.TempDir(), "a[b]*c?+d"),
	} {
		f, err := store.Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		all[kind] = f
	}
	return all
}

func TestAFolderKeepsWhatIsWritten(t *testing.T) {
	for kind, f := range folders(t) {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			if names, err := f.List(ctx, "results/*"); err != nil || len(names) > 0 {
				t.Errorf("a folder that does not exist lists %v, %v", names, err)
			}
			if _, err := f.Read(ctx, "results/x"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("reading what is not there: %v", err)
			}
			if ok, err := f.Exists(ctx, "results/x"); ok || err != nil {
				t.Errorf("exists: %v, %v", ok, err)
			}
			for _, name := range []string{"results/t+1+2.p", "results/t+10+2.p", "results/t.p", "other/x.p"} {
				if err := f.WriteAtomic(ctx, name, []byte(name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.WriteAtomic(ctx, "results/t.p", []byte("new")); err != nil {
				t.Fatal(err)
			}
			if b, err := f.Read(ctx, "results/t.p"); err != nil || string(b) != "new" {
				t.Errorf("read %q, %v", b, err)
			}
			if n, err := f.Size(ctx, "results/t.p"); err != nil || n != 3 {
				t.Errorf("size %d, %v", n, err)
			}
			for pattern, want := range map[string][]string{
				"results/*.p":        {"results/t+1+2.p", "results/t+10+2.p", "results/t.p"},
				"results/t+1+*.p":    {"results/t+1+2.p"},
				"results/_nothing/*": {},
			} {
				got, err := f.List(ctx, pattern)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("list %s: %v, %v; want %v", pattern, got, err, want)
				}
			}
			if got, err := f.Sub("results").List(ctx, "*.p"); err != nil || len(got) != 3 {
				t.Errorf("the folder below lists %v, %v", got, err)
			}
			for range 2 {
				if err := f.Remove(ctx, "results/t.p"); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
			if left, err := f.List(ctx, "results/"+store.TempDir+"/*"); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestPublishNewDoesNotReplace(t *testing.T) {
	for kind, f := range folders(t) {
		t.Run(kind, func(t *testing.T) {
			for i, want := range []error{nil, fs.ErrExist} {
				err := f.Put(t.Context(), "x", store.WriteAll(fmt.Append(nil, i)), (*store.Staged).PublishNew)
				if !errors.Is(err, want) {
					t.Errorf("time %d: %v", i, err)
				}
			}
			if b, err := f.Read(t.Context(), "x"); err != nil || string(b) != "0" {
				t.Errorf("read %q, %v", b, err)
			}
			if left, err := f.List(t.Context(), store.TempDir+"/*"); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestOfManyWhoCreateAFileOneWins(t *testing.T) {
	f := folders(t)["local"]
	const n = 16
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = f.CreateExclusive(t.Context(), "j/g.json", fmt.Append(nil, i)) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("%d and %d both won", winner, i)
		case !errors.Is(err, fs.ErrExist):
			t.Error(err)
		}
	}
	if b, err := f.Read(t.Context(), "j/g.json"); err != nil || string(b) != fmt.Sprint(winner) {
		t.Errorf("read %q, %v; the winner is %d", b, err, winner)
	}
}

func TestExclusiveCreationIsRefusedWhereThereIsNone(t *testing.T) {
	if err := folders(t)["bare"].CreateExclusive(t.Context(), "x", nil); err == nil {
		t.Error("it was accepted")
	}
}

func TestAFileWhoseTemporaryIsSweptIsWrittenAgain(t *testing.T) {
	for kind, f := range folders(t) {
		t.Run(kind, func(t *testing.T) {
			sweep := func() {
				names, err := f.List(t.Context(), "d/"+store.TempDir+"/*")
				if err != nil || len(names) != 1 {
					t.Fatalf("temporaries: %v, %v", names, err)
				}
				if err := f.Remove(t.Context(), names[0]); err != nil {
					t.Fatal(err)
				}
			}
			writes := 0
			err := f.Put(t.Context(), "d/x", func(w io.Writer) error {
				_, err := w.Write([]byte("content"))
				if writes++; writes == 1 {
					sweep()
				}
				return err
			}, func(s *store.Staged, ctx context.Context) error {
				if writes == 2 {
					sweep()
				}
				return s.PublishNew(ctx)
			})
			if err != nil || writes != 3 {
				t.Errorf("%d writes, %v", writes, err)
			}
			if b, err := f.Read(t.Context(), "d/x"); err != nil || string(b) != "content" {
				t.Errorf("read %q, %v", b, err)
			}
		})
	}
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	for kind, f := range folders(t) {
		t.Run(kind, func(t *testing.T) {
			fault := errors.New("fault")
			err := f.Put(t.Context(), "d/x", func(w io.Writer) error {
				_, err := w.Write([]byte("half"))
				return errors.Join(err, fault)
			}, (*store.Staged).PublishNew)
			if !errors.Is(err, fault) {
				t.Errorf("got %v", err)
			}
			for _, pattern := range []string{"d/*", "d/" + store.TempDir + "/*"} {
				names, err := f.List(t.Context(), pattern)
				names = slices.DeleteFunc(names, func(n string) bool { return n == "d/"+store.TempDir })
				if err != nil || len(names) > 0 {
					t.Errorf("left: %v, %v", names, err)
				}
			}
		})
	}
}

func TestRootsAreMadePlain(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, root := range []string{"x/", "/tmp//y/../z", "/", "memfs://a/b/"} {
		f, err := store.Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		got[root] = f.Root() + " " + f.Path("n")
	}
	want := map[string]string{
		"x/": wd + "/x " + wd + "/x/n", "/tmp//y/../z": "/tmp/z /tmp/z/n", "/": "/ /n", "memfs://a/b/": "memfs://a/b memfs://a/b/n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, root := range []string{"", " ", "nosuch://x"} {
		if err := open(t, root); err == nil {
			t.Errorf("root %q was opened", root)
		}
	}
}

func open(t *testing.T, root string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("root %q: panic %v", root, p)
		}
	}()
	_, err = store.Open(t.Context(), root)
	return err
}

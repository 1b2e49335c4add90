// Package store is files as Framebeam needs them, on whatever filesystem Beam
// knows: atomic publication, exclusive creation, listing of a folder.
//
// It goes through Beam's filesystem interface, so that a new scheme ("hdfs://")
// is a registration and nothing else. What that interface lacks, a filesystem
// offers through the optional interfaces below; where it does not, the nearest
// safe thing is done and said.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// ExclusiveWriter is a filesystem that can create a file only if there is none.
type ExclusiveWriter interface {
	// OpenExclusive fails with fs.ErrExist if name exists.
	OpenExclusive(ctx context.Context, name string) (io.WriteCloser, error)
}

// NoReplaceRenamer is a filesystem that can rename without replacing.
type NoReplaceRenamer interface {
	// RenameNoReplace fails with fs.ErrExist if newname exists.
	RenameNoReplace(ctx context.Context, oldname, newname string) error
}

// Lister is a filesystem that can list one folder by its plain name. Patterns
// are then matched here, so that a root may contain characters that mean
// something in a pattern.
type Lister interface {
	// ListFolder returns the names, without the folder, of the files in dir.
	ListFolder(ctx context.Context, dir string) ([]string, error)
}

// Folder is a root under which files have slash-separated relative names. It is
// safe for concurrent use.
type Folder struct {
	root string
	fs   filesystem.Interface
}

var (
	openMu sync.Mutex
	opened = map[string]filesystem.Interface{}
)

// Open returns the folder at root: a local path or scheme://… . The folder need not exist.
//
// One filesystem per scheme is opened in a process and never closed: Beam opens
// and closes them per file, which some clients do not survive.
func Open(ctx context.Context, root string) (*Folder, error) {
	if strings.TrimSpace(root) == "" {
		return nil, errors.New("open folder: no path given")
	}
	scheme, _, ok := strings.Cut(root, "://")
	if !ok {
		abs, err := filepath.Abs(root)
		if err != nil {
			return nil, fmt.Errorf("open folder %s: %w", root, err)
		}
		return &Folder{root: strings.TrimRight(filepath.ToSlash(abs), "/"), fs: localFS{}}, nil
	}
	f, err := filesystemOf(ctx, scheme, root)
	if err == nil {
		if c, ok := f.(Checker); ok {
			err = c.Check(root)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", root, err)
	}
	return &Folder{root: strings.TrimRight(root, "/"), fs: f}, nil
}

// On returns the folder at root, a path with its scheme, of a filesystem that
// the caller has opened.
func On(f filesystem.Interface, root string) *Folder {
	return &Folder{root: strings.TrimRight(root, "/"), fs: f}
}

func filesystemOf(ctx context.Context, scheme, root string) (filesystem.Interface, error) {
	openMu.Lock()
	defer openMu.Unlock()
	if f, ok := opened[scheme]; ok {
		return f, nil
	}
	f, err := filesystem.New(ctx, root)
	if err == nil {
		opened[scheme] = f
	}
	return f, err
}

// Absolute is the root as another process on this machine names it: a local path
// from the file system's root on. Other roots stay as they are.
func Absolute(root string) (string, error) {
	if root == "" || strings.Contains(root, "://") {
		return root, nil
	}
	return filepath.Abs(root)
}

// Root is the folder's path as it was given, made absolute when local.
func (f *Folder) Root() string {
	if f.root == "" {
		return "/"
	}
	return f.root
}

// Path is the full path of a file in the folder.
func (f *Folder) Path(name string) string { return f.root + "/" + name }

// Sub is the folder below this one.
func (f *Folder) Sub(name string) *Folder { return &Folder{root: f.Path(name), fs: f.fs} }

// List returns the names in the folder that match a pattern, sorted. Only the
// last part of the pattern may hold the special characters of [path.Match]. A
// folder that does not exist is empty. Folders in it may be among the names
// where the filesystem is no Lister.
func (f *Folder) List(ctx context.Context, pattern string) ([]string, error) {
	dir, last := "", pattern
	if i := strings.LastIndexByte(pattern, '/'); i >= 0 {
		dir, last = pattern[:i+1], pattern[i+1:]
	}
	if _, err := path.Match(last, ""); err != nil {
		return nil, fmt.Errorf("list %s: %w", f.Path(pattern), err)
	}
	found, err := f.listFolder(ctx, dir, last)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", f.Path(pattern), err)
	}
	names := make([]string, 0, len(found))
	for _, name := range found {
		if ok, _ := path.Match(last, name); ok {
			names = append(names, dir+name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (f *Folder) listFolder(ctx context.Context, dir, pattern string) ([]string, error) {
	full := f.Path(dir)
	if l, ok := f.fs.(Lister); ok {
		return l.ListFolder(ctx, full)
	}
	paths, err := f.fs.List(ctx, escapePattern.Replace(full)+pattern)
	var names []string
	for _, p := range paths {
		if name, ok := strings.CutPrefix(p, full); ok && name != "" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names, err
}

var escapePattern = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// Exists reports whether the file is there.
func (f *Folder) Exists(ctx context.Context, name string) (bool, error) {
	_, err := f.Size(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Size is the file's length in bytes; the error is fs.ErrNotExist if there is none.
func (f *Folder) Size(ctx context.Context, name string) (int64, error) {
	n, err := f.fs.Size(ctx, f.Path(name))
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", f.Path(name), cause(err))
	}
	return n, nil
}

// Read returns the whole file; the error is fs.ErrNotExist if there is none.
func (f *Folder) Read(ctx context.Context, name string) (b []byte, err error) {
	r, err := f.OpenRead(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if b, err = io.ReadAll(r); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path(name), err)
	}
	return b, nil
}

// OpenRead opens the file; the error is fs.ErrNotExist if there is none. The
// reader is an io.ReaderAt too where the filesystem offers it.
func (f *Folder) OpenRead(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := f.fs.OpenRead(ctx, f.Path(name))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Path(name), cause(err))
	}
	return r, nil
}

// cause is err without the path, which most filesystems say themselves.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// Remove deletes the file; no file is no error.
func (f *Folder) Remove(ctx context.Context, name string) error {
	r, ok := f.fs.(filesystem.Remover)
	if !ok {
		return fmt.Errorf("remove %s: the filesystem cannot remove", f.Path(name))
	}
	if err := r.Remove(ctx, f.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", f.Path(name), err)
	}
	return nil
}

// CreateExclusive writes a small file that must not exist; the error is
// fs.ErrExist if it does. Of several callers one wins, and readers see the
// whole file or none where the filesystem can rename without replacing.
func (f *Folder) CreateExclusive(ctx context.Context, name string, data []byte) error {
	if _, ok := f.fs.(NoReplaceRenamer); ok {
		return f.Put(ctx, name, WriteAll(data), (*Staged).PublishNew)
	}
	x, ok := f.fs.(ExclusiveWriter)
	if !ok {
		return fmt.Errorf("create %s: the filesystem has no exclusive creation", f.Path(name))
	}
	w, err := x.OpenExclusive(ctx, f.Path(name))
	if err != nil {
		return fmt.Errorf("create %s: %w", f.Path(name), err)
	}
	_, err = w.Write(data)
	if err := errors.Join(noEOF(err), noEOF(w.Close())); err != nil {
		return fmt.Errorf("create %s: %w", f.Path(name), err)
	}
	return nil
}

// WriteAtomic writes a small file, replacing one that is there.
func (f *Folder) WriteAtomic(ctx context.Context, name string, data []byte) error {
	return f.Put(ctx, name, WriteAll(data), (*Staged).Replace)
}

// WriteAll writes data, for Put.
func WriteAll(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// putAttempts bounds how often a file is written anew because its temporary
// file vanished: another process sweeps once, when it starts.
const putAttempts = 10

// Put writes the file name with write under a temporary name and gives it its
// name with publish, for example (*Staged).PublishNew. Nothing is left of it
// when either fails. It is written again, so write must be repeatable, if the
// temporary file vanishes meanwhile, because a process that starts on the same
// folder sweeps, and after errors that are [Transient] on a [Patient]
// filesystem. A publish that discards the file on purpose returns nil.
func (f *Folder) Put(ctx context.Context, name string, write func(io.Writer) error, publish func(*Staged, context.Context) error) error {
	return f.again(ctx, name, func() error {
		for try := 1; ; try++ {
			err := f.putOnce(ctx, name, write, publish)
			if !errors.Is(err, fs.ErrNotExist) || try == putAttempts {
				return err
			}
		}
	})
}

func (f *Folder) putOnce(ctx context.Context, name string, write func(io.Writer) error, publish func(*Staged, context.Context) error) error {
	p, err := f.Stage(ctx, name)
	if err != nil {
		return err
	}
	if err = write(p); err == nil {
		err = p.Close()
	} else if p.err != nil && !errors.Is(err, p.err) {
		err = fmt.Errorf("%w: %w", err, p.err) // an encoder in between kept its text only
	}
	if err == nil {
		err = publish(p, ctx)
	}
	if err == nil {
		return nil
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupPatience)
	defer cancel()
	if left := p.Discard(clean); left != nil {
		// Only why the file could not be written says whether to write it again.
		err = fmt.Errorf("%w (and %v)", err, left) //nolint:errorlint // see above
	}
	return err
}

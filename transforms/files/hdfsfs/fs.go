package hdfsfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/colinmarc/hdfs/v2"
)

// Scheme is what paths begin with.
const Scheme = "hdfs"

func init() {
	filesystem.Register(Scheme, func(context.Context) filesystem.Interface { return shared() })
}

// shared is the filesystem of the process: Beam opens and closes one per file.
var shared = sync.OnceValue(func() *FS {
	cfg, err := FromEnvironment()
	f := New(cfg)
	f.bad = err
	return f
})

// FS is hdfs:// as a filesystem. It is safe for concurrent use.
type FS struct {
	bad      error // of the configuration
	patience time.Duration
	clusters clusters
}

// New returns a filesystem that connects when it is first used.
func New(cfg Config) *FS {
	cfg = cfg.withDefaults()
	return &FS{patience: cfg.Patience, clusters: clusters{cfg: cfg, all: map[string]*cluster{}}}
}

// Close does nothing: Beam closes a filesystem while its files are still read.
func (f *FS) Close() error { return nil }

// Disconnect closes all connections that no open file needs.
func (f *FS) Disconnect() {
	f.clusters.mu.Lock()
	defer f.clusters.mu.Unlock()
	for _, c := range f.clusters.all {
		c.close()
	}
}

// Check reports what is wrong with the configuration or with the path's
// NameNode, without connecting.
func (f *FS) Check(root string) error {
	_, _, err := f.at(root)
	return err
}

// Patience is how long writing a file is to be tried again.
func (f *FS) Patience() time.Duration { return f.patience }

func (f *FS) at(name string) (*cluster, string, error) {
	if f.bad != nil {
		return nil, "", f.bad
	}
	c, p, err := f.clusters.get(name)
	if err != nil {
		return nil, "", &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return c, path.Clean(p), nil
}

// wrap names the operation and the path in an error.
func wrap(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (c *cluster) stat(ctx context.Context, p string) (info *hdfs.FileInfo, err error) {
	err = c.do(ctx, func(cl *client) error {
		i, err := cl.Stat(p)
		if err == nil {
			info = i.(*hdfs.FileInfo)
		}
		return err
	})
	return info, err
}

// inode is the number that a file keeps when it is renamed, and that no other
// file ever has.
func inode(info *hdfs.FileInfo) uint64 { return info.Sys().(*hdfs.FileStatus).GetFileId() }

// Size is the file's length in bytes; of a file that is still written, that of
// its complete blocks.
func (f *FS) Size(ctx context.Context, name string) (int64, error) {
	info, err := f.file(ctx, name)
	if err != nil {
		return 0, wrap("stat", name, err)
	}
	return info.Size(), nil
}

// LastModified is when the file was completed.
func (f *FS) LastModified(ctx context.Context, name string) (time.Time, error) {
	info, err := f.file(ctx, name)
	if err != nil {
		return time.Time{}, wrap("stat", name, err)
	}
	return info.ModTime(), nil
}

func (f *FS) file(ctx context.Context, name string) (*hdfs.FileInfo, error) {
	c, p, err := f.at(name)
	if err != nil {
		return nil, err
	}
	return c.stat(ctx, p)
}

// OpenRead opens a file. The reader is an io.ReaderAt and io.Seeker too, and
// safe for concurrent use; it goes on after broken connections.
func (f *FS) OpenRead(ctx context.Context, name string) (io.ReadCloser, error) {
	c, p, err := f.at(name)
	if err != nil {
		return nil, err
	}
	r, err := c.openRead(ctx, p)
	if err != nil {
		return nil, wrap("open", name, err)
	}
	return r, nil
}

// OpenWrite creates a file, and its folder if there is none, in place of one
// that is there. The content is there once Close returns nil. After any error
// the file is removed; it may be written anew if the error is Transient.
func (f *FS) OpenWrite(ctx context.Context, name string) (io.WriteCloser, error) {
	c, p, err := f.at(name)
	if err != nil {
		return nil, err
	}
	w, err := c.create(ctx, p)
	if err != nil {
		return nil, wrap("create", name, err)
	}
	return w, nil
}

// Remove deletes a file; fs.ErrNotExist if there is none.
func (f *FS) Remove(ctx context.Context, name string) error {
	c, p, err := f.at(name)
	if err != nil {
		return err
	}
	return wrap("remove", name, c.remove(ctx, p))
}

func (c *cluster) remove(ctx context.Context, p string) error {
	lost := false // an answer
	return c.do(ctx, func(cl *client) error {
		err := cl.Remove(p)
		if lost && errors.Is(explain(err), fs.ErrNotExist) {
			return nil
		}
		lost = lost || err != nil && broken(explain(err))
		return err
	})
}

// Rename gives a file another name, in place of one that has it. The change is
// atomic: of two who rename to the same name, the later one's file is there.
func (f *FS) Rename(ctx context.Context, oldname, newname string) error {
	return f.rename(ctx, oldname, newname, false)
}

// RenameNoReplace gives a file another name that no file may have: fs.ErrExist.
// It is atomic.
func (f *FS) RenameNoReplace(ctx context.Context, oldname, newname string) error {
	return f.rename(ctx, oldname, newname, true)
}

func (f *FS) rename(ctx context.Context, oldname, newname string, keep bool) error {
	c, from, err := f.at(oldname)
	if err != nil {
		return err
	}
	other, to, err := f.at(newname)
	if err == nil && other != c {
		err = errors.New("not on the same cluster")
	}
	if err == nil {
		err = c.rename(ctx, from, to, keep)
	}
	return wrap("rename", oldname+" to "+newname, err)
}

func (c *cluster) rename(ctx context.Context, from, to string, keep bool) error {
	info, err := c.stat(ctx, from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return syscall.EISDIR
	}
	lost := false // an answer
	return c.do(ctx, func(cl *client) error {
		err := c.renameOnce(cl, from, to, keep)
		if errors.Is(err, fs.ErrNotExist) {
			if _, there := cl.Stat(from); there == nil { // then it is the target's folder that is not
				if err = cl.MkdirAll(path.Dir(to), 0o755); err == nil {
					err = c.renameOnce(cl, from, to, keep)
				}
			}
		}
		if err != nil && lost {
			now, unknown := cl.Stat(to)
			if unknown == nil && inode(now.(*hdfs.FileInfo)) == inode(info) {
				return nil
			}
			if unknown != nil && !errors.Is(unknown, fs.ErrNotExist) {
				return unknown
			}
		}
		lost = lost || err != nil && broken(explain(err))
		return err
	})
}

func (c *cluster) renameOnce(cl *client, from, to string, keep bool) error {
	if !keep {
		return cl.Rename(from, to)
	}
	c.keep.add(from)
	err := cl.Rename(from, to)
	if !c.keep.remove(from) && err == nil {
		return fmt.Errorf("%w: %s may have replaced %s", errRename, from, to)
	}
	return err
}

// Copy copies a file, in place of one that has the name.
func (f *FS) Copy(ctx context.Context, oldname, newname string) error {
	c, p, err := f.at(newname)
	if err != nil {
		return err
	}
	// Without a temporary name: a failed copy is removed, and others see an empty
	// file until it is complete.
	return wrap("copy to", newname, c.retry(ctx, func(err error) bool { _, again := errors.AsType[*failedWrite](err); return again }, func() (err error) {
		r, err := f.OpenRead(ctx, oldname)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		w, err := c.create(ctx, p)
		if err != nil {
			return err
		}
		if _, err = io.Copy(w, r); err != nil {
			w.abandon()
			return err
		}
		return w.Close()
	}))
}

func (c *cluster) list(ctx context.Context, p string) (infos []fs.FileInfo, err error) {
	err = c.do(ctx, func(cl *client) error {
		var err error
		infos, err = cl.ReadDir(p)
		return err
	})
	return infos, err
}

// List returns the files and folders that match a pattern, any part of which
// may have the special characters of [path.Match].
func (f *FS) List(ctx context.Context, glob string) ([]string, error) {
	authority, pattern, err := split(glob)
	if err != nil {
		return nil, err
	}
	c, _, err := f.at(glob)
	if err != nil {
		return nil, err
	}
	found := []string{""}
	parts := strings.Split(strings.Trim(pattern, "/"), "/")
	for i, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return nil, wrap("list", glob, err)
		}
		var next []string
		for _, dir := range found {
			if literal, ok := plain(part); ok && i < len(parts)-1 {
				next = append(next, dir+"/"+literal)
				continue
			}
			infos, err := c.list(ctx, dir+"/")
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
				continue
			}
			if err != nil {
				return nil, wrap("list", glob, err)
			}
			for _, info := range infos {
				if ok, _ := path.Match(part, info.Name()); ok && (i == len(parts)-1 || info.IsDir()) {
					next = append(next, dir+"/"+info.Name())
				}
			}
		}
		found = next
	}
	for i := range found {
		found[i] = Scheme + "://" + authority + found[i]
	}
	return found, nil
}

// plain returns the name that a part of a pattern without special characters means.
func plain(part string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		switch part[i] {
		case '*', '?', '[':
			return "", false
		case '\\':
			i++
		}
		b.WriteByte(part[i])
	}
	return b.String(), true
}

var _ interface {
	filesystem.Interface
	filesystem.LastModifiedGetter
	filesystem.Remover
	filesystem.Copier
	filesystem.Renamer
} = (*FS)(nil)

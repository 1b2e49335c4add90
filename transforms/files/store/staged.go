package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// TempDir is the folder, beside the final file, in which files are written before they are
// published: the name that readers such as Hive and Spark skip.
const TempDir = "_temporary"

// Staged is a file being written under a temporary name unique to this attempt.
// Write, Close, then publish it with PublishNew or Replace, or Discard it.
type Staged struct {
	f          *Folder
	name, temp string
	w          io.WriteCloser
	n          int64
	err        error // of the first Write that failed
	closed     bool
}

// Stage begins to write the file name.
func (f *Folder) Stage(ctx context.Context, name string) (*Staged, error) {
	var id [8]byte
	rand.Read(id[:])
	dir, base := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		dir, base = name[:i+1], name[i+1:]
	}
	temp := dir + TempDir + "/" + base + "." + hex.EncodeToString(id[:])
	w, err := f.fs.OpenWrite(ctx, f.Path(temp))
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.Path(temp), cause(err))
	}
	return &Staged{f: f, name: name, temp: temp, w: w}, nil
}

// Write appends to the file.
func (s *Staged) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.n += int64(n)
	if err != nil {
		// Some clients report a broken pipeline as io.EOF, which a caller could
		// take for success.
		err = fmt.Errorf("write %s: %w", s.f.Path(s.temp), cause(noEOF(err)))
		if s.err == nil {
			s.err = err
		}
		return n, err
	}
	return n, nil
}

// Close makes the content durable and checks its length.
func (s *Staged) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if d, ok := s.w.(interface{ Sync() error }); ok {
		if err := d.Sync(); err != nil {
			return errors.Join(fmt.Errorf("sync %s: %w", s.f.Path(s.temp), err), s.w.Close())
		}
	}
	if err := s.w.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.f.Path(s.temp), cause(noEOF(err)))
	}
	got, err := s.f.Size(context.Background(), s.temp)
	if err != nil {
		return err
	}
	if got != s.n {
		return &lengthError{s.f.Path(s.temp), s.n, got}
	}
	return nil
}

// lengthError is a file that was closed without error and is not whole.
type lengthError struct {
	path      string
	want, got int64
}

func (e *lengthError) Error() string {
	return fmt.Sprintf("close %s: wrote %d bytes, the file has %d", e.path, e.want, e.got)
}

// Transient reports that it may be written again.
func (e *lengthError) Transient() bool { return true }

// PublishNew gives the file its name unless one is there: fs.ErrExist. Where
// the filesystem cannot rename without replacing, the check comes just before.
func (s *Staged) PublishNew(ctx context.Context) error {
	if r, ok := s.f.fs.(NoReplaceRenamer); ok {
		if err := r.RenameNoReplace(ctx, s.f.Path(s.temp), s.f.Path(s.name)); err != nil {
			return fmt.Errorf("publish %s: %w", s.f.Path(s.name), err)
		}
		return nil
	}
	there, err := s.f.Exists(ctx, s.name)
	if err != nil {
		return err
	}
	if there {
		return fmt.Errorf("publish %s: %w", s.f.Path(s.name), fs.ErrExist)
	}
	return s.Replace(ctx)
}

// Replace gives the file its name, replacing one that is there.
func (s *Staged) Replace(ctx context.Context) error {
	r, ok := s.f.fs.(filesystem.Renamer)
	if !ok {
		return fmt.Errorf("publish %s: the filesystem cannot rename", s.f.Path(s.name))
	}
	if err := r.Rename(ctx, s.f.Path(s.temp), s.f.Path(s.name)); err != nil {
		return fmt.Errorf("publish %s: %w", s.f.Path(s.name), err)
	}
	return nil
}

// Discard removes the temporary file.
func (s *Staged) Discard(ctx context.Context) error {
	var err error
	if !s.closed {
		s.closed = true
		if err = s.w.Close(); s.err != nil {
			err = nil // it was said by Write
		}
	}
	return errors.Join(noEOF(err), s.f.Remove(ctx, s.temp))
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

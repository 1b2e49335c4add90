package draw

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/framebeam/framebeam/strictyaml/edit"
)

// ErrChanged says that a file is not the one any more that changes were made for.
var ErrChanged = errors.New("the file was changed meanwhile by somebody else: look at it again")

// file is the analyses' file. What is read of it has a tag; it is written only over what has
// the tag that it was read with.
type file struct {
	path string
	mu   sync.Mutex // held while it is written
}

// text is a file's content at a time.
type text struct {
	data []byte
	tag  string
}

func tagOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// read reads the file. The error is fs.ErrNotExist if it is not there.
func (f *file) read() (text, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return text{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, edit.MaxBytes+1))
	if err != nil {
		return text{}, err
	}
	if len(data) > edit.MaxBytes {
		return text{}, fmt.Errorf("%s has more than %d bytes, which are too many to be edited here", f.path, edit.MaxBytes)
	}
	return text{data, tagOf(data)}, nil
}

// write puts data in the place of the file's content, whole or not at all, if that still has
// the tag: else the error is [ErrChanged]. Where the path is a symbolic link, the file that it
// leads to is replaced; the new one has its permissions and, as far as they may be given, its
// owner.
func (f *file) write(data []byte, tag string) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "write", Path: path, Err: errors.New("it is no file")}
	}
	if now, err := f.read(); err != nil || now.tag != tag {
		return errors.Join(err, ErrChanged)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", f.path, err), temp.Close(), os.Remove(temp.Name()))
		}
	}()
	if _, err = io.Copy(temp, bytes.NewReader(data)); err != nil {
		return err
	}
	if err = temp.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && (int(owner.Uid) != os.Geteuid() || int(owner.Gid) != os.Getegid()) {
		// Who may not give it away keeps it: whoever could write the folder may do so.
		if err := temp.Chown(int(owner.Uid), int(owner.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	if err = temp.Sync(); err != nil {
		return err
	}
	// Nobody who writes it otherwise can be locked out, but the time for it is as short as may be.
	if now, readErr := f.read(); readErr != nil || now.tag != tag {
		return errors.Join(readErr, ErrChanged)
	}
	if err = os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return errors.Join(temp.Close(), syncFolder(filepath.Dir(path)))
}

// syncFolder makes a rename survive a loss of power.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // it was renamed all the same
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

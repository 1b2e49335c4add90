package hdfsfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall"

	"github.com/colinmarc/hdfs/v2"
)

// window is how much a small read fetches: what Parquet reads of a file's end,
// and of columns that lie side by side, is then one connection to a DataNode.
const window = 1 << 20

// belowChecksum is less than the bytes of a checksum, 512 or more: smaller reads
// than those are the only ones that the library returns after they were compared
// with their checksum; from larger ones it returns damaged bytes without an error.
const belowChecksum = 511

// reader reads one file, as it was when it was opened.
type reader struct {
	c     *cluster
	ctx   context.Context // of OpenRead
	path  string
	inode uint64
	size  int64

	mu     sync.Mutex
	closed bool
	at     int64 // of Read
	buf    []byte
	bufAt  int64
	cl     *client // of r
	r      *hdfs.FileReader
	rAt    int64 // of r
}

func (c *cluster) openRead(ctx context.Context, p string) (*reader, error) {
	r := &reader{c: c, ctx: ctx, path: p}
	err := c.do(ctx, func(cl *client) error { return r.open(cl) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

// open opens the file the first time or again.
func (r *reader) open(cl *client) error {
	f, err := cl.Open(r.path)
	if err != nil {
		return err
	}
	info := f.Stat().(*hdfs.FileInfo)
	switch {
	case info.IsDir():
		return syscall.EISDIR
	case r.inode == 0:
		r.inode, r.size = inode(info), info.Size()
	case r.inode != inode(info):
		return fmt.Errorf("replaced while it was read: %w", fs.ErrNotExist)
	}
	r.r, r.rAt, r.cl = f, 0, cl
	r.c.hold(cl)
	return nil
}

// drop gives the connections up.
func (r *reader) drop() {
	if r.r != nil {
		r.r.Close()
		r.c.release(r.cl)
		r.r, r.cl = nil, nil
	}
}

// fetch reads all of b from the offset, over as many connections as it takes.
// Patience begins anew with everything that arrives.
func (r *reader) fetch(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		err := r.c.retry(r.ctx, transientData, func() error {
			k, err := r.fetchSome(b[n:], off+int64(n))
			n += k
			if k > 0 {
				return nil
			}
			return err
		})
		if err != nil {
			return n, wrap("read", r.c.name+r.path, err)
		}
	}
	return n, nil
}

func (r *reader) fetchSome(b []byte, off int64) (n int, err error) {
	if r.r == nil {
		if err := r.c.once(r.open); err != nil {
			return 0, err
		}
	}
	if off != r.rAt {
		// A seek to where it stands ends the library's stream. Otherwise it might
		// skip a little without counting what it skipped, and if the connection broke
		// later go on in the wrong place on another DataNode, without an error.
		if _, err = r.r.Seek(0, io.SeekCurrent); err == nil {
			r.rAt, err = r.r.Seek(off, io.SeekStart)
		}
	}
	for err == nil && n < len(b) {
		k := 0
		k, err = r.r.Read(b[n:min(n+belowChecksum, len(b))])
		n += k
		r.rAt += int64(k)
		if k == 0 {
			break
		}
	}
	if err == nil && n == 0 {
		err = io.ErrNoProgress
	}
	if err != nil {
		r.drop()
		return n, explain(err)
	}
	return n, nil
}

func (r *reader) readAt(b []byte, off int64) (n int, err error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	if off < 0 {
		return 0, wrap("read", r.c.name+r.path, fmt.Errorf("offset %d: %w", off, fs.ErrInvalid))
	}
	for n < len(b) {
		pos := off + int64(n)
		if pos >= r.size {
			return n, io.EOF
		}
		if in := pos - r.bufAt; in >= 0 && in < int64(len(r.buf)) {
			n += copy(b[n:], r.buf[in:])
			continue
		}
		rest := b[n:min(int64(len(b)), int64(n)+r.size-pos)]
		if len(rest) >= window/2 {
			k, err := r.fetch(rest, pos)
			n += k
			if err != nil {
				return n, err
			}
			continue
		}
		if r.buf == nil {
			r.buf = make([]byte, 0, min(r.size, window))
		}
		// At the end of the file look back: there lie the things that say where
		// the others are.
		begin := max(0, min(pos, r.size-int64(cap(r.buf))))
		if r.at == pos {
			begin = pos
		}
		r.buf, r.bufAt = r.buf[:min(int64(cap(r.buf)), r.size-begin)], begin
		if k, err := r.fetch(r.buf, begin); err != nil {
			r.buf = r.buf[:k]
			if pos >= begin+int64(k) {
				return n, err
			}
		}
	}
	return n, nil
}

// ReadAt reads from an offset.
func (r *reader) ReadAt(b []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readAt(b, off)
}

// Read reads on.
func (r *reader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(b) > window {
		b = b[:window] // what is there is better than all
	}
	n, err := r.readAt(b, r.at)
	r.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Seek sets where Read goes on.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, errors.New("seek: unknown whence")
	}
	if offset < 0 {
		return 0, wrap("seek", r.c.name+r.path, fs.ErrInvalid)
	}
	r.at = offset
	return offset, nil
}

// Close gives the connections up.
func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fs.ErrClosed
	}
	r.closed, r.buf = true, nil
	r.drop()
	return nil
}

var _ interface {
	io.ReadCloser
	io.ReaderAt
	io.Seeker
} = (*reader)(nil)

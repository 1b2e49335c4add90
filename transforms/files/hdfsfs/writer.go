package hdfsfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/colinmarc/hdfs/v2"
)

// piece bounds what is handed to the library at once: it buffers all of it.
const piece = 256 << 10

// writer writes one file. Its connection to the DataNodes cannot be repaired.
type writer struct {
	c    *cluster
	cl   *client
	path string
	w    *hdfs.FileWriter
	ctx  context.Context // of OpenWrite, for the waits of Close
	done bool
	err  error // of a write or close; final
}

// create opens a new file, in place of one that is there.
func (c *cluster) create(ctx context.Context, p string) (*writer, error) {
	w := &writer{c: c, path: p, ctx: ctx}
	err := c.do(ctx, func(cl *client) error {
		defaults, err := cl.ServerDefaults()
		if err != nil {
			return err
		}
		replication, blockSize := defaults.Replication, defaults.BlockSize
		if c.cfg.Replication > 0 {
			replication = c.cfg.Replication
		}
		if c.cfg.BlockSize > 0 {
			blockSize = c.cfg.BlockSize
		}
		// At most: the file is there, its folder is not, and then it is created.
		for range 3 {
			w.w, err = cl.CreateFile(p, replication, blockSize, 0o644)
			switch {
			case err == nil:
				w.cl = cl
				c.hold(cl)
				return nil
			case errors.Is(err, fs.ErrNotExist):
				err = cl.MkdirAll(path.Dir(p), 0o755)
			case errors.Is(err, fs.ErrExist):
				// It may be our own, of a request whose answer was lost.
				if err = cl.Remove(p); errors.Is(explain(err), fs.ErrNotExist) {
					err = nil
				}
			}
			if err != nil {
				return err
			}
		}
		return fmt.Errorf("another writer creates it at the same time: %w", fs.ErrExist)
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Write hands bytes on; only Close tells whether they have arrived.
func (w *writer) Write(b []byte) (int, error) {
	if w.done {
		return 0, w.closed()
	}
	n := 0
	for n < len(b) {
		k, err := w.w.Write(b[n:min(n+piece, len(b))])
		n += k
		if err != nil {
			return n, w.fail("write", err)
		}
	}
	return n, nil
}

// Close waits until the file is complete and replicated as much as the NameNode
// demands.
func (w *writer) Close() error {
	if w.done {
		return w.err
	}
	// The one error after which Close may be called again is that of a NameNode
	// that has not heard of the blocks from the DataNodes yet; it has within
	// milliseconds, for a quarter of all small files.
	begin, wait := time.Now(), 4*time.Millisecond
	for {
		err := w.w.Close()
		if err == nil {
			break
		}
		if !hdfs.IsErrReplicating(err) || time.Since(begin) > w.c.cfg.Timeout {
			return w.fail("close", err)
		}
		select {
		case <-w.ctx.Done():
			return w.fail("close", context.Cause(w.ctx))
		case <-time.After(wait):
		}
		wait = min(2*wait, time.Second)
	}
	w.done = true
	w.c.release(w.cl)
	return nil
}

func (w *writer) closed() error {
	if w.err != nil {
		return w.err
	}
	return fs.ErrClosed
}

// fail ends the writer with an error, and removes the file.
func (w *writer) fail(op string, err error) error {
	err = explain(err)
	if transientData(err) {
		err = &failedWrite{err}
	}
	w.err = wrap(op, w.c.name+w.path, err)
	w.done = true
	w.discard()
	w.c.release(w.cl)
	return w.err
}

// abandon removes a file that is not wanted any more.
func (w *writer) abandon() {
	if w.done {
		return
	}
	w.done, w.err = true, fs.ErrClosed
	w.discard()
	w.c.release(w.cl)
}

// discard removes the file, if the NameNode answers, before it ends the stream
// to the DataNodes: a file that was removed cannot become complete.
func (w *writer) discard() {
	w.c.once(func(cl *client) error { return cl.Remove(w.path) })
	// It ends the library's goroutine; its answer means nothing.
	w.w.Close()
}

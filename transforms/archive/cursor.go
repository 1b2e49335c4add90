package archive

import (
	"context"
	"io"
	"slices"

	"github.com/framebeam/framebeam/transforms/frame"
)

// rewindBytes is how much a cursor keeps of what it has read: callers take less
// than was fetched, and go on from there.
const rewindBytes = 4 << 20

// cursor reads a file forward, and a little back.
type cursor struct {
	span Span
	r    *Reader
	file io.Closer // nil at the end of the file

	recent []frame.Record // read last, ascending
	size   int            // of recent
	low    int64          // the lowest offset from which it can read
	given  int64          // records below it were handed out
}

func (c *cursor) read(ctx context.Context, from, to int64, maxBytes int) ([]frame.Record, int64, error) {
	var recs []frame.Record
	size := 0
	for i := 0; ; i++ {
		if i == len(c.recent) {
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			ok, err := c.fetch()
			if err != nil {
				return nil, 0, err
			}
			if !ok {
				return recs, min(to, c.span.End), nil
			}
			i = len(c.recent) - 1
		}
		rec := &c.recent[i]
		switch {
		case rec.Offset < from:
			continue
		case rec.Offset >= to:
			return recs, to, nil
		case len(recs) > 0 && size+rec.Size() > maxBytes:
			return recs, rec.Offset, nil
		}
		size += rec.Size()
		if rec.Offset < c.given {
			recs = append(recs, clone(rec)) // the memory belongs to another
		} else {
			recs = append(recs, *rec)
			c.given = rec.Offset + 1
		}
	}
}

// fetch reads the next record into recent; false at the end of the file.
func (c *cursor) fetch() (bool, error) {
	if c.file == nil {
		return false, nil
	}
	rec, err := c.r.Next()
	if err == io.EOF {
		return false, c.close()
	}
	if err != nil {
		return false, err
	}
	for len(c.recent) > 0 && c.size+rec.Size() > rewindBytes {
		c.size -= c.recent[0].Size()
		c.low = c.recent[0].Offset + 1
		c.recent[0] = frame.Record{}
		c.recent = c.recent[1:]
	}
	c.recent = append(c.recent, rec)
	c.size += rec.Size()
	return true, nil
}

func (c *cursor) close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

func clone(r *frame.Record) frame.Record {
	c := *r
	c.Key, c.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	c.Headers = slices.Clone(r.Headers)
	for i := range c.Headers {
		c.Headers[i].Value = slices.Clone(c.Headers[i].Value)
	}
	return c
}

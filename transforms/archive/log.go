package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// Kind is the kind of log that an archive is: log.Spec{Kind: Kind, Root: …}.
const Kind = "archive"

func init() {
	log.Register(Kind, func(ctx context.Context, spec log.Spec) (log.Log, error) {
		f, err := Open(ctx, spec.Root)
		if err != nil {
			return nil, fmt.Errorf("open archive: %w", err)
		}
		return NewLog(f), nil
	})
}

// Log reads an archive as the log that it was made from: the same records at
// the same offsets, from the archive's first offset to the end of what is there
// without a gap, the partial tail included.
//
// A file that is missing although later ones are there, or that is damaged, is
// an error that wraps log.ErrDataLoss and names the path. So an archive
// that several workers are still filling cannot be followed: chunks appear out
// of order.
type Log struct {
	folder *Folder

	mu         sync.Mutex
	partitions map[chunk.Partition]*partitionFiles
}

// partitionFiles is what the log knows of a partition's files.
type partitionFiles struct {
	extent  *Extent   // as last listed; nil before
	cursors []*cursor // not in use, the one used last at the end
}

// NewLog reads the archive in f.
func NewLog(f *Folder) *Log {
	return &Log{folder: f, partitions: map[chunk.Partition]*partitionFiles{}}
}

var _ log.Log = (*Log)(nil)

// maxCursors is how many files of a partition stay open between two reads.
const maxCursors = 2

// Partitions lists the topic's partitions in ascending order.
func (l *Log) Partitions(ctx context.Context, topic string) ([]int32, error) {
	parts, err := l.folder.Partitions(ctx, topic)
	if err == nil && len(parts) == 0 {
		err = fmt.Errorf("archive %s has no topic %s: %w", l.folder.files.Root(), topic, fs.ErrNotExist)
	}
	return parts, err
}

// Bounds returns the archive's first offset and the end of what is there.
func (l *Log) Bounds(ctx context.Context, p chunk.Partition) (first, end int64, err error) {
	e, err := l.list(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	return e.Base, e.Upto(), nil
}

// list lists the partition's files anew.
func (l *Log) list(ctx context.Context, partition chunk.Partition) (Extent, error) {
	known := l.known(partition)
	var before int64
	if known != nil {
		before = chunk.Of(known.End, l.folder.N())
	}
	e, _, err := l.folder.extent(ctx, partition, before)
	if err != nil {
		return Extent{}, err
	}
	if e.Beyond != chunk.None {
		missing := ChunkSpan(chunk.ID{Partition: partition, Index: chunk.Of(e.Upto(), l.folder.N())}, l.folder.N())
		return Extent{}, l.loss(partition, e, e.Upto(), fmt.Sprintf("the file %s is missing, but chunk %d is there: framebeam repair archives it again from its topic", l.folder.Path(missing), e.Beyond))
	}
	if known != nil && e.Upto() < known.Upto() {
		return Extent{}, l.loss(partition, e, e.Upto(), fmt.Sprintf("the archive %s had offsets up to %d before", l.folder.files.Root(), known.Upto()))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.files(partition)
	if p.extent == nil || p.extent.Upto() <= e.Upto() {
		p.extent = &e
	}
	return e, nil
}

// known is the partition's extent as last listed; nil before.
func (l *Log) known(p chunk.Partition) *Extent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.files(p).extent
}

func (l *Log) loss(p chunk.Partition, e Extent, offset int64, what string) error {
	return &log.DataLoss{Partition: p, Offset: offset, First: e.Base, End: e.Upto(), What: what}
}

func (l *Log) files(partition chunk.Partition) *partitionFiles {
	p := l.partitions[partition]
	if p == nil {
		p = &partitionFiles{}
		l.partitions[partition] = p
	}
	return p
}

// OffsetAt returns the first offset whose record's timestamp is t or later, as Kafka
// does; the end if there is none. It looks at the end of every file and into one.
func (l *Log) OffsetAt(ctx context.Context, p chunk.Partition, t time.Time) (int64, error) {
	e, err := l.list(ctx, p)
	if err != nil {
		return 0, err
	}
	ms := log.Timestamp(t)
	for at := e.Base; at < e.Upto(); {
		s := l.span(p, e, at)
		sum, err := l.folder.Summary(ctx, s)
		if err == nil && sum.Records > 0 && sum.MaxTimestamp >= ms {
			var offset int64
			if offset, err = l.firstAt(ctx, s, ms); err == nil {
				return offset, nil
			}
		}
		if errors.Is(err, fs.ErrNotExist) && s.Complete() {
			// It may have just been given up: then what is left begins later.
			if e, err = l.list(ctx, p); err == nil && e.Base >= s.End {
				at = e.Base
				continue
			}
			err = cmp.Or(err, fs.ErrNotExist)
		}
		if err != nil {
			return 0, l.broken(s, at, err)
		}
		at = s.End
	}
	return e.Upto(), nil
}

func (l *Log) firstAt(ctx context.Context, s Span, ms int64) (offset int64, err error) {
	r, c, err := l.folder.Records(ctx, s)
	if err != nil {
		return 0, l.broken(s, s.Start, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for {
		rec, err := r.Next()
		if err != nil {
			return 0, l.broken(s, r.Summary().Last, fmt.Errorf("read %s: %w", l.folder.Path(s), err))
		}
		if rec.Timestamp >= ms {
			return rec.Offset, nil
		}
	}
}

// span is the file that covers an offset between the extent's bounds.
func (l *Log) span(p chunk.Partition, e Extent, offset int64) Span {
	if offset >= e.End {
		return e.Tail
	}
	return ChunkSpan(chunk.ID{Partition: p, Index: chunk.Of(offset, l.folder.N())}, l.folder.N())
}

// broken says that a file which should give the offset does not.
func (l *Log) broken(s Span, offset int64, err error) error {
	if !errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%v offset %d: %w: %w", s.Partition, offset, log.ErrDataLoss, err)
}

// Read returns records with offsets in [from, to) of one file. Where there are
// none yet it waits and looks once more.
func (l *Log) Read(ctx context.Context, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration) ([]frame.Record, int64, error) {
	waited := wait <= 0
	for pos := from; ; {
		if pos >= to {
			return nil, pos, nil
		}
		s, err := l.locate(ctx, p, pos)
		if err != nil {
			return nil, 0, err
		}
		if s == (Span{}) {
			if waited || pos > from {
				return nil, pos, nil
			}
			if err := sleep(ctx, wait); err != nil {
				return nil, 0, fmt.Errorf("read %v offset %d: %w", p, from, err)
			}
			waited = true
			continue
		}
		recs, next, err := l.readFile(ctx, s, pos, to, maxBytes)
		if err != nil {
			// A partial file goes when more of its chunk is there.
			if again, lerr := l.relocate(ctx, pos, s); lerr == nil && again {
				continue
			}
			if errors.Is(err, fs.ErrNotExist) {
				if e, lerr := l.list(ctx, p); lerr == nil && pos < e.Base {
					return nil, 0, l.loss(p, e, pos, "retention has given it up, and the archive begins later")
				}
			}
			return nil, 0, l.broken(s, pos, err)
		}
		if len(recs) > 0 {
			return recs, next, nil
		}
		pos = next
	}
}

// locate finds the file that covers the offset; the zero Span if the archive
// ends there.
func (l *Log) locate(ctx context.Context, p chunk.Partition, offset int64) (Span, error) {
	known := l.known(p)
	if known == nil || offset < known.Base || offset >= known.Upto() {
		e, err := l.list(ctx, p)
		if err != nil {
			return Span{}, err
		}
		known = &e
	}
	switch {
	case offset < known.Base:
		// Retention may have kept its file for itself.
		s := ChunkSpan(chunk.ID{Partition: p, Index: chunk.Of(offset, l.folder.N())}, l.folder.N())
		if s.End <= known.Base {
			if kept, err := l.folder.files.Exists(ctx, l.folder.file(s)); err != nil || kept {
				return s, err
			}
		}
		return Span{}, l.loss(p, *known, offset, "the archive begins later")
	case offset > known.Upto():
		return Span{}, l.loss(p, *known, offset, "the archive ends before")
	case offset == known.Upto():
		return Span{}, nil
	}
	return l.span(p, *known, offset), nil
}

// relocate lists anew and reports whether another file than s covers the offset now.
func (l *Log) relocate(ctx context.Context, offset int64, s Span) (bool, error) {
	if s.Complete() {
		return false, nil
	}
	if _, err := l.list(ctx, s.Partition); err != nil {
		return false, err
	}
	now, err := l.locate(ctx, s.Partition, offset)
	return now != s, err
}

func (l *Log) readFile(ctx context.Context, s Span, from, to int64, maxBytes int) ([]frame.Record, int64, error) {
	c := l.take(s, from)
	if c == nil {
		r, rc, err := l.folder.Records(ctx, s)
		if err != nil {
			return nil, 0, err
		}
		c = &cursor{span: s, low: s.Start, given: s.Start, r: r, file: rc}
	}
	recs, next, err := c.read(ctx, from, to, maxBytes)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("read %s: %w", l.folder.Path(s), err), c.close())
	}
	return recs, next, l.put(c)
}

// take takes the cursor that is nearest before the offset out of the pool.
func (l *Log) take(s Span, from int64) *cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.files(s.Partition)
	best := -1
	for i, c := range p.cursors {
		if c.span == s && c.low <= from && (best < 0 || c.low > p.cursors[best].low) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	c := p.cursors[best]
	p.cursors = slices.Delete(p.cursors, best, best+1)
	return c
}

// put gives a cursor back and closes the one that was not used for longest.
func (l *Log) put(c *cursor) error {
	l.mu.Lock()
	p := l.files(c.span.Partition)
	p.cursors = append(p.cursors, c)
	var old *cursor
	if len(p.cursors) > maxCursors {
		old = p.cursors[0]
		p.cursors = slices.Delete(p.cursors, 0, 1)
	}
	l.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.close()
}

// Close closes the files that are open. The log can still be used.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, p := range l.partitions {
		for _, c := range p.cursors {
			errs = append(errs, c.close())
		}
		p.cursors = nil
	}
	return errors.Join(errs...)
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package commitlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/transforms/frame"
)

// ErrOutOfRange is wrapped when an offset is asked for that is before the log's first or
// behind its end.
var ErrOutOfRange = errors.New("the log has no such offset")

// ErrInvalid is wrapped when what is to be appended is not one whole batch of records of
// version 2 outside a transaction, numbered from 0 without gaps.
var ErrInvalid = errors.New("not a record batch")

// Log is one partition's. Its methods are safe for concurrent use.
type Log struct {
	store *Store
	dir   string

	// syncing is held while the file is synced or replaced, and taken before mu.
	syncing sync.Mutex

	mu         sync.Mutex
	segments   []*segment // ascending; the last is the one that is written
	file       *os.File   // of the last
	end        int64      // the offset that the next record gets
	synced     int64      // the offset up to which all is on the disk
	syncedSize int64      // bytes of the last segment, likewise
	failed     error      // nothing can be appended any more
	producers  producers
}

// openLog opens a folder's log, without what was not written to its end.
func openLog(s *Store, dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if err := errors.Join(s.syncDir(s.opts.Dir), s.syncDir(filepath.Dir(dir))); err != nil {
		return nil, err
	}
	segments, err := listSegments(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{store: s, dir: dir, segments: segments, producers: producers{}}
	if len(segments) == 0 {
		return l, l.begin(0)
	}
	last := segments[len(segments)-1]
	if l.file, err = os.OpenFile(last.path(), os.O_RDWR, 0); err != nil {
		return nil, err
	}
	l.end = last.base
	size := last.size
	last.size, last.indexed = 0, true
	if _, err := whole(l.file, size, last.base, func(h header) {
		last.add(h, h.size)
		l.producers.note(h)
		l.end = h.last + 1
	}); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", last.path(), err), l.file.Close())
	}
	if last.size < size {
		s.opts.Log.Warn("cut off what had not been written to its end", "file", last.path(), "bytes", size-last.size)
		err = l.file.Truncate(last.size)
	}
	if err = errors.Join(err, s.opts.sync(l.file), s.syncDir(dir)); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	l.synced, l.syncedSize = l.end, last.size
	return l, nil
}

// begin begins a segment; mu is held, or nobody knows of the log yet.
func (l *Log) begin(base int64) error {
	s := &segment{dir: l.dir, base: base, newest: noTime, indexed: true, written: time.Now()}
	f, err := os.OpenFile(s.path(), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := l.store.syncDir(l.dir); err != nil {
		// The one before goes on growing, and what is behind its end must not begin earlier.
		return errors.Join(err, f.Close(), os.Remove(s.path()))
	}
	l.segments, l.file = append(l.segments, s), f
	l.synced, l.syncedSize = base, 0
	return nil
}

func (l *Log) last() *segment { return l.segments[len(l.segments)-1] }

// Bounds are the offset of the first record and of the one that comes next, as readers see
// them: of what is on the disk.
func (l *Log) Bounds() (first, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[0].base, l.synced
}

// Size is how many bytes the log takes up.
func (l *Log) Size() (bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size()
}

func (l *Log) size() (bytes int64) {
	for _, s := range l.segments {
		bytes += s.size
	}
	return bytes
}

// Append writes a batch, which it changes: it gets its offsets. It returns the offset of
// the first record, and the end to be given to [Log.Wait]. A batch of an idempotent producer
// that is there already gives the offsets that it has.
func (l *Log) Append(b []byte) (base, end int64, err error) {
	h, err := check(b)
	if err != nil {
		return 0, 0, err
	}
	if err := l.store.room(int64(len(b))); err != nil {
		return 0, 0, err
	}
	if base, end, err = l.append(b, h); err != nil {
		return 0, 0, err
	}
	l.store.touched(l) // without mu, which is taken after the store's
	return base, end, nil
}

// append writes a batch, of which h is the header.
func (l *Log) append(b []byte, h header) (base, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.failed == nil && l.last().size >= l.store.opts.SegmentBytes {
		l.mu.Unlock()
		err := l.roll(l.store.opts.SegmentBytes)
		l.mu.Lock()
		if err != nil {
			return 0, 0, err
		}
	}
	if l.failed != nil {
		return 0, 0, l.failed
	}
	if at, known, err := l.producers.known(h); err != nil || known {
		return at, at + int64(h.count), err
	}
	last := l.last()
	binary.BigEndian.PutUint64(b, uint64(l.end))
	binary.BigEndian.PutUint32(b[12:], 0) // the leader's epoch: there never was another leader
	if _, err := l.file.WriteAt(b, last.size); err != nil {
		if cut := l.file.Truncate(last.size); cut != nil {
			return 0, 0, l.fail(errors.Join(err, cut))
		}
		return 0, 0, fmt.Errorf("%s: %w", last.path(), err)
	}
	h = parseHeader(b)
	last.add(h, int64(len(b)))
	last.written = time.Now()
	l.producers.note(h)
	base, l.end = l.end, h.last+1
	return base, l.end, nil
}

// fail has the log take nothing any more, and says so; mu is held.
func (l *Log) fail(err error) error {
	l.failed = fmt.Errorf("%s: %w", l.last().path(), err)
	select {
	case l.store.failed <- l.failed:
	default: // another one has said it
	}
	return l.failed
}

// check makes sure that b is what a log may hold.
func check(b []byte) (header, error) {
	if len(b) < batch.HeaderSize || b[16] != 2 {
		return header{}, fmt.Errorf("%w of version 2", ErrInvalid)
	}
	got, n, err := batch.Split(b)
	switch {
	case err != nil:
		return header{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	case n != len(b):
		return header{}, fmt.Errorf("%w: %d bytes, of which it takes %d", ErrInvalid, len(b), n)
	case got.Damaged:
		return header{}, fmt.Errorf("%w: it does not match its checksum", ErrInvalid)
	case got.Transactional || got.Control:
		return header{}, fmt.Errorf("%w: it is of a transaction", ErrInvalid)
	}
	h := parseHeader(b)
	if h.count < 1 || h.last-h.base != int64(h.count)-1 {
		return header{}, fmt.Errorf("%w: it says it has %d records up to number %d", ErrInvalid, h.count, h.last-h.base)
	}
	return h, nil
}

// Wait waits until what is before an offset is on the disk.
func (l *Log) Wait(ctx context.Context, end int64) error {
	for {
		changed := l.store.Changed()
		l.mu.Lock()
		synced, failed := l.synced, l.failed
		l.mu.Unlock()
		if synced >= end {
			return nil
		}
		if failed != nil {
			return failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sync brings all that was appended to the disk, or fails.
func (l *Log) sync() {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	_ = l.syncFile()
}

// syncFile does it; syncing is held.
func (l *Log) syncFile() error {
	l.mu.Lock()
	file, end, size, failed := l.file, l.end, l.last().size, l.failed
	clean := l.synced == end
	l.mu.Unlock()
	if failed != nil || clean {
		return nil
	}
	err := l.store.opts.sync(file)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		// What was not written is now no longer known to the kernel as such, so another
		// attempt would succeed and mean nothing.
		return l.fail(err)
	}
	l.synced, l.syncedSize = end, size
	return nil
}

// roll begins a new segment if the last one has so many bytes.
func (l *Log) roll(atLeast int64) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	// Most of it, while others may append still.
	if err := l.syncFile(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last()
	if l.failed != nil || last.size < atLeast {
		return l.failed
	}
	old := l.file
	if err := errors.Join(l.store.opts.sync(old), last.saveIndex()); err != nil {
		return l.fail(err)
	}
	if err := l.begin(l.end); err != nil {
		return fmt.Errorf("begin a segment: %w", err)
	}
	if err := old.Close(); err != nil {
		return fmt.Errorf("%s: %w", last.path(), err)
	}
	return nil
}

// Read gives whole batches from the one on that has an offset: as many as max bytes hold,
// and at least one; none at the log's end.
func (l *Log) Read(offset int64, max int) ([]byte, error) {
	l.mu.Lock()
	if offset == l.synced {
		l.mu.Unlock()
		return nil, nil
	}
	if offset < l.segments[0].base || offset > l.synced {
		first, end := l.segments[0].base, l.synced
		l.mu.Unlock()
		return nil, fmt.Errorf("%w: %d is not from %d to %d", ErrOutOfRange, offset, first, end)
	}
	i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].base > offset }) - 1
	f, pos, size, err := l.openSegment(i, func(s *segment) int64 { return s.find(offset) })
	path := l.segments[i].path()
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var from, to int64 = -1, 0
	err = scan(f, pos, size, func(pos int64, h header) bool {
		switch {
		case h.last < offset:
		case from < 0:
			from, to = pos, pos+h.size
		case pos+h.size-from > int64(max):
			return false
		default:
			to = pos + h.size
		}
		return true
	})
	if err == nil && from < 0 {
		err = fmt.Errorf("offset %d: %w", offset, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b := make([]byte, to-from)
	if _, err := f.ReadAt(b, from); err != nil {
		return nil, fmt.Errorf("%s: %w", path, noEnd(err))
	}
	return b, nil
}

// openSegment opens the file of a segment to read it from where find says to where
// it may be read; mu is held.
func (l *Log) openSegment(i int, find func(*segment) int64) (f *os.File, pos, size int64, err error) {
	s := l.segments[i]
	if err := s.load(); err != nil {
		return nil, 0, 0, err
	}
	size = s.size
	if i == len(l.segments)-1 {
		size = l.syncedSize
	}
	if f, err = os.Open(s.path()); err != nil {
		return nil, 0, 0, err
	}
	return f, find(s), size, nil
}

// At is the place of the first record that has a timestamp or a later one, in milliseconds
// since 1970, and its timestamp; false if there is none.
func (l *Log) At(timestamp int64) (offset, found int64, ok bool, err error) {
	l.mu.Lock()
	i := 0
	for ; i < len(l.segments); i++ {
		if err := l.segments[i].load(); err != nil {
			l.mu.Unlock()
			return 0, 0, false, err
		}
		if l.segments[i].newest >= timestamp {
			break
		}
	}
	if i == len(l.segments) {
		l.mu.Unlock()
		return 0, 0, false, nil
	}
	f, pos, size, err := l.openSegment(i, func(s *segment) int64 { return s.findTime(timestamp) })
	path := l.segments[i].path()
	l.mu.Unlock()
	if err != nil {
		return 0, 0, false, err
	}
	defer f.Close()
	var at, bytes int64
	if err := scan(f, pos, size, func(pos int64, h header) bool {
		if h.newest < timestamp {
			return true
		}
		at, bytes = pos, h.size
		return false
	}); err != nil {
		return 0, 0, false, fmt.Errorf("%s: %w", path, err)
	}
	if bytes == 0 {
		return 0, 0, false, nil // it is not on the disk yet
	}
	b := make([]byte, bytes)
	if _, err := f.ReadAt(b, at); err != nil {
		return 0, 0, false, fmt.Errorf("%s: %w", path, noEnd(err))
	}
	h := parseHeader(b)
	opened, _, err := batch.Split(b)
	if err != nil {
		return 0, 0, false, fmt.Errorf("%s: %w", path, err)
	}
	records, poison := opened.Open(batch.MaxInflated)
	if poison != nil {
		return h.base, h.newest, true, nil // readers are told of each of them
	}
	for rec := (frame.Record{}); records.Next(&rec); {
		if rec.Timestamp >= timestamp {
			return rec.Offset, rec.Timestamp, true, nil
		}
	}
	return h.base, h.newest, true, nil
}

// close closes the file; whoever waits, reads or appends gets why.
func (l *Log) close(why error) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = why
	}
	return l.file.Close()
}

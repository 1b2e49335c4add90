// Package commitlog keeps topics' partitions as Kafka does: logs of record batches in files,
// segments, of which only the last is written.
//
// A batch counts once it is on the disk: only then [Log.Wait] returns and readers see it. So
// what was acknowledged, or read by anybody, is there after a crash of the process and after
// a power cut, at the same offset. Many batches share one fsync: the first is synced at once,
// those that come meanwhile together, at most once in Options.SyncEvery.
//
// Memory does not grow with what is on the disk, but for some hundred bytes for each
// segment, and starting reads the last segment of each partition only.
package commitlog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// DefaultSyncEvery is how long a batch waits at most until it is synced, on top of
	// the fsync itself: little beside the second within which events are to be seen,
	// much beside the milliseconds that an fsync takes.
	DefaultSyncEvery = 100 * time.Millisecond
	// DefaultSegmentBytes is what retention deletes at once, and what is read at a start.
	DefaultSegmentBytes = 64 << 20
	// DefaultReserve is how much of a disk is left free.
	DefaultReserve = 1 << 30
)

// ErrFull is wrapped by what an append gives when the disk has no more than Options.Reserve
// left, and there is no old segment to delete.
var ErrFull = errors.New("the disk is full")

// Options configures a [Store].
type Options struct {
	// Dir is the folder of all logs; it is made if it is not there.
	Dir string
	// SyncEvery is how often a log is synced at most. Default: DefaultSyncEvery.
	SyncEvery time.Duration
	// SegmentBytes is when a segment is full. Default: DefaultSegmentBytes.
	SegmentBytes int64
	// Reserve is how many bytes of the disk are left free: before an append would leave
	// less, the oldest segments of all logs go. Default: DefaultReserve.
	Reserve int64
	// Log is told what is cut off and deleted. Default: slog.Default().
	Log *slog.Logger

	free func() (int64, error) // bytes left on the disk, for tests
	sync func(*os.File) error  // likewise
}

// Store is the logs of all partitions in a folder. Its methods are safe for concurrent use.
type Store struct {
	opts Options

	mu      sync.Mutex      // taken before those of logs
	logs    map[string]*Log // by folder
	dirty   map[*Log]struct{}
	changed chan struct{} // closed and replaced when readers may see more
	closed  bool

	making sync.Mutex   // held while room is made
	free   atomic.Int64 // what the disk had when it was last asked, less what was written since
	wake   chan struct{}
	done   chan struct{}
	ended  chan struct{}
	failed chan error
}

// Open opens the folder, which nobody else may have open: whoever opens it holds a lock of the
// folder above (see package embedded).
func Open(opts Options) (*Store, error) {
	if opts.SyncEvery <= 0 {
		opts.SyncEvery = DefaultSyncEvery
	}
	if opts.SegmentBytes <= 0 {
		opts.SegmentBytes = DefaultSegmentBytes
	}
	if opts.Reserve <= 0 {
		opts.Reserve = DefaultReserve
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.free == nil {
		opts.free = func() (int64, error) {
			free, _, err := Disk(opts.Dir)
			return free, err
		}
	}
	if opts.sync == nil {
		opts.sync = (*os.File).Sync
	}
	if err := os.MkdirAll(opts.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("open logs: %w", err)
	}
	s := &Store{
		opts: opts, logs: map[string]*Log{}, dirty: map[*Log]struct{}{}, changed: make(chan struct{}),
		wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}), failed: make(chan error, 1),
	}
	go s.run()
	return s, nil
}

// Disk is how many bytes are left, to this user, of those that the disk of a folder has.
func Disk(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("how much room is in %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}

// ID tells a topic from one created anew under its name.
type ID = [16]byte

// Log opens a partition's log, or begins it.
func (s *Store) Log(topic string, id ID, partition int32) (*Log, error) {
	dir := filepath.Join(s.opts.Dir, folder(topic, id), strconv.Itoa(int(partition)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if l := s.logs[dir]; l != nil {
		return l, nil
	}
	l, err := openLog(s, dir)
	if err != nil {
		return nil, fmt.Errorf("log of topic %s partition %d: %w", topic, partition, err)
	}
	s.logs[dir] = l
	return l, nil
}

var errClosed = errors.New("the logs are closed")

// folder is the name of a topic's: topics' names have no +.
func folder(topic string, id ID) string { return topic + "+" + hex.EncodeToString(id[:]) }

// Sweep deletes the logs of topics that are no more.
func (s *Store) Sweep(exists func(topic string, id ID) bool) error {
	entries, err := os.ReadDir(s.opts.Dir)
	if err != nil {
		return fmt.Errorf("sweep logs: %w", err)
	}
	for _, e := range entries {
		topic, digits, _ := strings.Cut(e.Name(), "+")
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) != len(ID{}) || exists(topic, ID(b)) {
			continue
		}
		dir := filepath.Join(s.opts.Dir, e.Name())
		s.mu.Lock()
		for name, l := range s.logs {
			if filepath.Dir(name) == dir {
				l.close(errDeleted)
				delete(s.logs, name)
				delete(s.dirty, l)
			}
		}
		s.mu.Unlock()
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("sweep logs: %w", err)
		}
	}
	return nil
}

var errDeleted = errors.New("the topic was deleted")

// Changed is closed when readers may see more than now.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Failed gets an error when a log cannot be synced, or what was half written be cut off: what
// the disk has of it is not known until the store is opened anew.
func (s *Store) Failed() <-chan error { return s.failed }

// Close syncs and closes all logs. The error is also what [Store.Failed] would give.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.done)
	<-s.ended
	s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.logs {
		errs = append(errs, l.close(errClosed))
	}
	select {
	case err := <-s.failed:
		errs = append(errs, err)
	default:
	}
	return errors.Join(errs...)
}

// touched says that a log has what is not synced yet.
func (s *Store) touched(l *Log) {
	s.mu.Lock()
	s.dirty[l] = struct{}{}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run syncs what was written.
func (s *Store) run() {
	defer close(s.ended)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		pause.Reset(s.opts.SyncEvery)
		s.sync()
		select {
		case <-s.done:
			return
		case <-pause.C:
		}
	}
}

// sync syncs the logs that have something new, all at once: filesystems join what they do
// for them.
func (s *Store) sync() {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[*Log]struct{}{}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for l := range dirty {
		wg.Go(l.sync)
	}
	wg.Wait()
	s.mu.Lock()
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
}

// room makes sure that n bytes may be written.
func (s *Store) room(n int64) error {
	if s.free.Add(-n) >= s.opts.Reserve {
		return nil
	}
	s.making.Lock()
	defer s.making.Unlock()
	free, err := s.opts.free()
	if err != nil {
		return err
	}
	// What is deleted counts as free at once, since some filesystems free it later.
	left := free - n
	for left < s.opts.Reserve {
		bytes, err := s.dropOldest()
		if err != nil {
			return err
		}
		if bytes == 0 {
			return fmt.Errorf("%w: %d bytes are left, and %d are to be left free", ErrFull, free, s.opts.Reserve)
		}
		left += bytes
	}
	// What others write meanwhile is seen after at most a segment of ours.
	s.free.Store(min(left, s.opts.Reserve+s.opts.SegmentBytes))
	return nil
}

// dropOldest deletes the segment that was written to before all others, and returns its
// bytes; 0 if there are only such as are still written.
func (s *Store) dropOldest() (int64, error) {
	s.mu.Lock()
	var oldest *Log
	var since time.Time
	for _, l := range s.logs {
		if t, ok := l.oldest(); ok && (oldest == nil || t.Before(since)) {
			oldest, since = l, t
		}
	}
	s.mu.Unlock()
	if oldest == nil {
		return 0, nil
	}
	s.opts.Log.Warn("the disk is nearly full: the oldest records go", "log", oldest.dir, "written", since)
	return oldest.dropFirst()
}

// syncDir makes what was created, renamed and removed in a folder last.
func (s *Store) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = s.opts.sync(d)
	return errors.Join(err, d.Close())
}

// ignoreMissing is err, unless it says that a file is not there.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

package commitlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/framebeam/framebeam/kafka/batch"
)

const (
	logSuffix   = ".log"
	indexSuffix = ".index"
	// indexEvery is how many bytes of a segment are behind each entry of its index, and
	// at most read in vain to find an offset.
	indexEvery = 256 << 10
)

// segment is the records from base up to the next one's base.
type segment struct {
	dir  string
	base int64
	size int64
	// written is when it was last appended to.
	written time.Time

	// Of one that is not written any more, the index is read when it is first needed.
	indexed bool
	index   []entry
	newest  int64 // timestamp, milliseconds since 1970; MinInt64 without records
}

// entry is a place in a segment where a batch begins.
type entry struct {
	offset int64
	pos    int64
	newest int64 // timestamp of all batches before
}

const noTime = -1 << 63

func (s *segment) path() string { return filepath.Join(s.dir, segmentName(s.base)+logSuffix) }

func (s *segment) indexPath() string { return filepath.Join(s.dir, segmentName(s.base)+indexSuffix) }

// segmentName has the digits that every offset may have, as Kafka's.
func segmentName(base int64) string { return fmt.Sprintf("%020d", base) }

// listSegments are the segments in a folder, in their order, as the names and sizes say.
func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []*segment
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), logSuffix)
		base, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || base < 0 || segmentName(base) != digits {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		out = append(out, &segment{dir: dir, base: base, size: info.Size(), written: info.ModTime(), newest: noTime})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].base < out[j].base })
	return out, nil
}

// add tells the index of a batch that begins at the segment's end.
func (s *segment) add(h header, size int64) {
	if n := len(s.index); n == 0 || s.size-s.index[n-1].pos >= indexEvery {
		s.index = append(s.index, entry{offset: h.base, pos: s.size, newest: s.newest})
	}
	s.newest = max(s.newest, h.newest)
	s.size += size
}

// find is where to begin to look for an offset.
func (s *segment) find(offset int64) int64 {
	i := sort.Search(len(s.index), func(i int) bool { return s.index[i].offset > offset })
	if i == 0 {
		return 0
	}
	return s.index[i-1].pos
}

// findTime is where to begin to look for the first record of a timestamp or a later one.
func (s *segment) findTime(t int64) int64 {
	i := sort.Search(len(s.index), func(i int) bool { return s.index[i].newest >= t })
	if i == 0 {
		return 0
	}
	return s.index[i-1].pos
}

// load makes sure that the index of a segment that is not written any more is known.
func (s *segment) load() error {
	if s.indexed {
		return nil
	}
	b, err := os.ReadFile(s.indexPath())
	if err == nil && s.parseIndex(b) == nil {
		s.indexed = true
		return nil
	}
	f, err := os.Open(s.path())
	if err != nil {
		return err
	}
	defer f.Close()
	again := &segment{dir: s.dir, base: s.base, newest: noTime}
	if err := scan(f, 0, s.size, func(_ int64, h header) bool {
		again.add(h, h.size)
		return true
	}); err != nil {
		return fmt.Errorf("%s: %w", s.path(), err)
	}
	s.index, s.newest, s.indexed = again.index, again.newest, true
	return nil
}

// The file of an index: version, bytes of the segment, newest timestamp, entries; at the
// end the checksum of what is before. All numbers are big-endian.
const indexVersion = 1

func (s *segment) saveIndex() error {
	b := []byte{indexVersion}
	put := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	put(s.size)
	put(s.newest)
	for _, e := range s.index {
		put(e.offset)
		put(e.pos)
		put(e.newest)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return os.WriteFile(s.indexPath(), b, 0o600)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errIndex = errors.New("not the index of this segment")

func (s *segment) parseIndex(b []byte) error {
	const fixed, each = 1 + 8 + 8, 24
	if len(b) < fixed+4 || (len(b)-fixed-4)%each != 0 || b[0] != indexVersion {
		return errIndex
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return errIndex
	}
	get := func(at int) int64 { return int64(binary.BigEndian.Uint64(body[at:])) }
	if get(1) != s.size {
		return errIndex
	}
	index := make([]entry, 0, (len(body)-fixed)/each)
	for at := fixed; at < len(body); at += each {
		index = append(index, entry{get(at), get(at + 8), get(at + 16)})
	}
	s.index, s.newest = index, get(9)
	return nil
}

func (s *segment) remove() error {
	return errors.Join(ignoreMissing(os.Remove(s.indexPath())), ignoreMissing(os.Remove(s.path())))
}

// header is what is needed of the beginning of a batch of version 2.
type header struct {
	base, last int64
	size       int64 // of the whole batch, bytes
	newest     int64
	count      int32

	producer int64 // -1: none
	epoch    int16
	sequence int32
}

// parseHeader reads the batch.HeaderSize bytes of a batch that was checked before.
func parseHeader(b []byte) header {
	base, size := batch.Head(b)
	return header{
		base: base, last: base + int64(int32(binary.BigEndian.Uint32(b[23:]))), size: size,
		newest:   int64(binary.BigEndian.Uint64(b[35:])),
		producer: int64(binary.BigEndian.Uint64(b[43:])), epoch: int16(binary.BigEndian.Uint16(b[51:])),
		sequence: int32(binary.BigEndian.Uint32(b[53:])), count: int32(binary.BigEndian.Uint32(b[57:])),
	}
}

// scan shows the batches of a segment between two places, until told to stop. Of large ones it
// reads little more than the header.
func scan(f io.ReaderAt, from, to int64, show func(pos int64, h header) bool) error {
	r := bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), 64<<10)
	for pos := from; pos < to; {
		b, err := r.Peek(batch.HeaderSize)
		if err != nil {
			return fmt.Errorf("at byte %d: %w", pos, noEnd(err))
		}
		h := parseHeader(b)
		if h.size < batch.HeaderSize || h.size > to-pos {
			return fmt.Errorf("at byte %d: %w", pos, batch.ErrFraming)
		}
		if !show(pos, h) {
			return nil
		}
		pos += h.size
		if h.size > int64(r.Buffered()) {
			r.Reset(io.NewSectionReader(f, pos, to-pos))
		} else if _, err := r.Discard(int(h.size)); err != nil {
			return fmt.Errorf("at byte %d: %w", pos, noEnd(err))
		}
	}
	return nil
}

func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// whole reads a file's batches as long as they are whole, follow each other and match
// their checksums, and returns where the last one ends. What is behind was never
// acknowledged: it was being written when the process or the machine stopped.
func whole(f io.ReaderAt, size, next int64, show func(h header)) (int64, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<20)
	var buf bytes.Buffer
	pos := int64(0)
	for {
		head, err := r.Peek(batch.HeaderSize)
		if errors.Is(err, io.EOF) {
			return pos, nil
		} else if err != nil {
			return pos, err
		}
		base, n := batch.Head(head)
		if base != next || n < batch.HeaderSize || n > size-pos || head[16] != 2 {
			return pos, nil
		}
		buf.Reset()
		if _, err := io.CopyN(&buf, r, n); err != nil {
			return pos, noEnd(err)
		}
		b, _, err := batch.Split(buf.Bytes())
		if err != nil || b.Damaged {
			return pos, nil //nolint:nilerr // that is what is looked for
		}
		h := parseHeader(buf.Bytes())
		show(h)
		pos += n
		next = h.last + 1
	}
}

package similar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/framebeam/framebeam/transforms/wire"
)

// The perceptual hashes of a stretch of chunks lie together in a file of the journal, so
// that days of them are compared without reading the results. It is made by the first
// search that reads these chunks once all of them are complete, may be removed at any time,
// and is believed only of the very results files that it was made of.
//
// A hash is 64 bits, so of eight bytes and a count of bits: comparing all of them takes far
// less time than reading them. Multi-index hashing (M. Norouzi, A. Punjani and D. J. Fleet,
// Fast Search in Hamming Space with Multi-Index Hashing, CVPR 2012) would save comparisons
// and read as much; and the best frame of every stretch of time, which is what is listed, may
// be one that is far from what is looked for.
type segment struct {
	files   []source
	cameras []string
	rows    []byte // rowBytes each, in the order of the log
}

// source is a results file that a segment was made of.
type source struct {
	name    string
	size    int64
	lineage string
	rows    int64 // how many of the segment's rows are of it
}

// A row is an offset, a time in microseconds since 1970, the number of a camera and a hash, the
// last as it is stored.
const rowBytes = 8 + 8 + 4 + 8

type hashRow struct {
	offset, at int64
	camera     uint32
	hash       []byte
}

func appendRow(b []byte, offset, at int64, camera uint32, hash []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(at))
	b = binary.LittleEndian.AppendUint32(b, camera)
	return append(b, hash...)
}

func (s *segment) row(i int64) hashRow {
	b := s.rows[i*rowBytes : (i+1)*rowBytes]
	return hashRow{
		offset: int64(binary.LittleEndian.Uint64(b)), at: int64(binary.LittleEndian.Uint64(b[8:])),
		camera: binary.LittleEndian.Uint32(b[16:]), hash: b[20:],
	}
}

// segmentVersion is the first byte of the file.
const segmentVersion = 1

// marshal lays a segment out, with a checksum at its end.
func (s *segment) marshal() []byte {
	b := []byte{segmentVersion}
	b = wire.Uint(b, uint64(len(s.files)))
	for _, f := range s.files {
		b = wire.String(b, f.name)
		b = wire.Int(b, f.size)
		b = wire.String(b, f.lineage)
		b = wire.Int(b, f.rows)
	}
	b = wire.Uint(b, uint64(len(s.cameras)))
	for _, c := range s.cameras {
		b = wire.String(b, c)
	}
	b = wire.Bytes(b, s.rows)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

var errSegment = errors.New("it is no index of hashes")

// unmarshal is the inverse of marshal.
func unmarshal(b []byte) (*segment, error) {
	if len(b) < 5 || binary.LittleEndian.Uint32(b[len(b)-4:]) != crc32.ChecksumIEEE(b[:len(b)-4]) {
		return nil, errSegment
	}
	r, err := wire.Open(b[:len(b)-4], segmentVersion)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSegment, err)
	}
	var s segment
	var rows int64
	for range r.Count() {
		f := source{name: r.String(), size: r.Int(), lineage: r.String(), rows: r.Int()}
		if f.rows < 0 || f.rows > int64(len(b)) {
			return nil, errSegment
		}
		rows += f.rows
		s.files = append(s.files, f)
	}
	for range r.Count() {
		s.cameras = append(s.cameras, r.String())
	}
	s.rows = r.Bytes()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", errSegment, err)
	}
	if int64(len(s.rows)) != rows*rowBytes {
		return nil, errSegment
	}
	for i := range rows {
		if int(s.row(i).camera) >= len(s.cameras) {
			return nil, errSegment
		}
	}
	return &s, nil
}

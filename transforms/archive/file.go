package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/framebeam/framebeam/transforms/frame"
)

const (
	// fileFormat is the version of the files' schema and metadata. A reader
	// refuses versions that it does not know.
	fileFormat = 1
	// blockBytes is how much a block collects before it is written: few enough
	// blocks that their overhead is nothing, small enough for readers that split.
	blockBytes = 1 << 20
	// MaxRecord is the largest record in bytes that is written or read: above
	// what a Kafka topic can sensibly be configured for.
	MaxRecord = 256 << 20
)

// schema is the Avro schema of the files. Timestamps are plain numbers, for a
// record may carry one that no calendar type holds.
var schema = avro.MustParse(`{
 "type": "record", "name": "Record", "namespace": "framebeam",
 "doc": "A Kafka record as it lay in the log, readable as a frame or not.",
 "fields": [
  {"name": "offset", "type": "long"},
  {"name": "timestamp", "type": "long", "doc": "milliseconds since 1970 UTC"},
  {"name": "key", "type": ["null", "bytes"]},
  {"name": "headers", "type": {"type": "array", "items": {"type": "record", "name": "Header", "fields": [
   {"name": "key", "type": "string"},
   {"name": "value", "type": ["null", "bytes"]}]}}},
  {"name": "value", "type": ["null", "bytes"]},
  {"name": "digest", "type": "long", "doc": "xxHash64 over timestamp, key, headers and value"},
  {"name": "end", "type": ["null", {"type": "fixed", "name": "End", "size": 41}], "default": null,
   "doc": "On the file's last record only: number of records, last offset, last digest, highest timestamp, chained hash of all offsets and digests (8 bytes each, big-endian), and a version byte."}
 ]}`)

// endSize is the size of the schema's End; its last byte is endVersion.
const (
	endSize    = 41
	endVersion = 1
)

// row is a record as the schema has it.
type row struct {
	Offset    int64          `avro:"offset"`
	Timestamp int64          `avro:"timestamp"`
	Key       *[]byte        `avro:"key"`
	Headers   []rowHeader    `avro:"headers"`
	Value     *[]byte        `avro:"value"`
	Digest    int64          `avro:"digest"`
	End       *[endSize]byte `avro:"end"`
}

type rowHeader struct {
	Key   string  `avro:"key"`
	Value *[]byte `avro:"value"`
}

// Summary is what a complete file knows of its records.
type Summary struct {
	Records      int64
	Last         int64  // offset of the last record; chunk.None if there is none
	LastDigest   uint64 // its frame.Record.Digest
	MaxTimestamp int64  // the highest timestamp; math.MinInt64 if there is no record
	Chain        uint64 // xxHash64 over the Chain before, the offset and the digest, record by record, from 0
}

var noRecords = Summary{Last: -1, MaxTimestamp: math.MinInt64}

func (s *Summary) add(r *frame.Record, digest uint64) {
	s.Records++
	s.Last, s.LastDigest = r.Offset, digest
	s.MaxTimestamp = max(s.MaxTimestamp, r.Timestamp)
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], s.Chain)
	binary.BigEndian.PutUint64(b[8:], uint64(r.Offset))
	binary.BigEndian.PutUint64(b[16:], digest)
	s.Chain = xxhash.Sum64(b[:])
}

func (s *Summary) end() *[endSize]byte {
	var b [endSize]byte
	binary.BigEndian.PutUint64(b[0:], uint64(s.Records))
	binary.BigEndian.PutUint64(b[8:], uint64(s.Last))
	binary.BigEndian.PutUint64(b[16:], s.LastDigest)
	binary.BigEndian.PutUint64(b[24:], uint64(s.MaxTimestamp))
	binary.BigEndian.PutUint64(b[32:], s.Chain)
	b[endSize-1] = endVersion
	return &b
}

func parseEnd(b []byte) Summary {
	return Summary{
		Records:      int64(binary.BigEndian.Uint64(b[0:])),
		Last:         int64(binary.BigEndian.Uint64(b[8:])),
		LastDigest:   binary.BigEndian.Uint64(b[16:]),
		MaxTimestamp: int64(binary.BigEndian.Uint64(b[24:])),
		Chain:        binary.BigEndian.Uint64(b[32:]),
	}
}

// syncMarker is the file's sync marker: a hash of its name, so that the same
// records under the same name are the same bytes.
func syncMarker(name string) [16]byte {
	sum := sha256.Sum256([]byte(name))
	return [16]byte(sum[:16])
}

// Writer writes one file. Equal spans and records give equal bytes.
type Writer struct {
	w       io.Writer
	span    Span
	ocf     *ocf.Writer
	pending *row // held back until it is known whether it is the last
	sum     Summary
}

// NewWriter begins the file of span on w. Nothing is written before the first
// block is full, and w is not closed.
func NewWriter(w io.Writer, span Span) *Writer {
	return &Writer{w: w, span: span, sum: noRecords}
}

// Append adds a record; offsets ascend and lie in the span. The record's memory
// must not change until the next call.
func (w *Writer) Append(r *frame.Record) error {
	if r.Offset < w.span.Start || r.Offset >= w.span.End || r.Offset <= w.sum.Last {
		return fmt.Errorf("archive %s: offset %d after %d does not belong there", w.span.Name(), r.Offset, w.sum.Last)
	}
	if r.Size() > MaxRecord {
		return fmt.Errorf("archive %s: the record at offset %d has %d bytes, more than %d", w.span.Name(), r.Offset, r.Size(), MaxRecord)
	}
	if err := w.put(); err != nil {
		return err
	}
	digest := r.Digest()
	w.sum.add(r, digest)
	w.pending = &row{
		Offset: r.Offset, Timestamp: r.Timestamp,
		Key: nullable(r.Key), Value: nullable(r.Value),
		Headers: make([]rowHeader, len(r.Headers)), Digest: int64(digest),
	}
	for i := range r.Headers {
		w.pending.Headers[i] = rowHeader{r.Headers[i].Key, nullable(r.Headers[i].Value)}
	}
	return nil
}

// Close writes the rest and returns what the file holds.
func (w *Writer) Close() (Summary, error) {
	if w.pending != nil {
		w.pending.End = w.sum.end()
	}
	if err := w.put(); err != nil {
		return Summary{}, err
	}
	if err := w.open(); err != nil {
		return Summary{}, err
	}
	if err := w.ocf.Close(); err != nil {
		return Summary{}, fmt.Errorf("archive %s: %w", w.span.Name(), err)
	}
	return w.sum, nil
}

// put encodes the pending record.
func (w *Writer) put() error {
	if w.pending == nil {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	if err := w.ocf.Encode(w.pending); err != nil {
		return fmt.Errorf("archive %s: offset %d: %w", w.span.Name(), w.pending.Offset, err)
	}
	w.pending = nil
	return nil
}

// open writes the file's header, as late as can be: a file without records has
// no last record to mark its end, so its header must say that it is empty.
func (w *Writer) open() error {
	if w.ocf != nil {
		return nil
	}
	meta := []struct{ key, value string }{
		{metaFormat, strconv.Itoa(fileFormat)},
		{metaTopic, w.span.Topic},
		{metaPartition, strconv.Itoa(int(w.span.Partition.ID))},
		{metaN, strconv.FormatInt(w.span.N, 10)},
		{metaStart, strconv.FormatInt(w.span.Start, 10)},
		{metaEnd, strconv.FormatInt(w.span.End-1, 10)},
		{metaEmpty, strconv.FormatBool(w.pending == nil)},
	}
	opts := []ocf.WriterOpt{ocf.WithBlockBytes(blockBytes), ocf.WithSyncMarker(syncMarker(w.span.Name()))}
	for _, m := range meta {
		// One entry per option: a map's order would change from file to file.
		opts = append(opts, ocf.WithMetadata(map[string][]byte{m.key: []byte(m.value)}))
	}
	var err error
	if w.ocf, err = ocf.NewWriter(w.w, schema, opts...); err != nil {
		return fmt.Errorf("archive %s: %w", w.span.Name(), err)
	}
	return nil
}

// The files' metadata.
const (
	metaFormat    = "framebeam.format"
	metaTopic     = "framebeam.topic"
	metaPartition = "framebeam.partition"
	metaN         = "framebeam.n"     // offsets per chunk
	metaStart     = "framebeam.start" // the first offset that the file covers
	metaEnd       = "framebeam.end"   // the last offset that the file covers
	metaEmpty     = "framebeam.empty" // true: it covers offsets, but there are no records
)

// tailSize is how many bytes at a file's end tell whether it is complete: the
// last record's end and the sync marker of its block.
const tailSize = endSize + 16

// parseTail reads a file's summary off its last tailSize bytes. The byte before
// the last sync marker is endVersion in a complete file; a file cut between two
// blocks has the 0 of a null end there.
func parseTail(tail []byte, span Span) (Summary, bool) {
	sync := syncMarker(span.Name())
	if len(tail) != tailSize || string(tail[endSize:]) != string(sync[:]) || tail[endSize-1] != endVersion {
		return Summary{}, false
	}
	return parseEnd(tail), true
}

// nullable keeps no bytes and an empty byte string apart.
func nullable(b []byte) *[]byte {
	if b == nil {
		return nil
	}
	return &b
}

func bytesOf(p *[]byte) []byte {
	if p == nil {
		return nil
	}
	if *p == nil {
		return []byte{}
	}
	return *p
}

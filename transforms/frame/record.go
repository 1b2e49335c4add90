package frame

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/framebeam/framebeam/transforms/wire"
)

// Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Record is a Kafka record as it lies in the log, poison or not. Nothing in it
// has been checked.
type Record struct {
	Offset    int64
	Timestamp int64 // milliseconds since 1970 UTC, as the log has it: the producer's, or the broker's where the topic has LogAppendTime
	Key       []byte
	Headers   []Header
	Value     []byte

	// Created is the producer's timestamp where the log has another. It is not a part of
	// the record: it is neither encoded nor archived, and only tells what was written by
	// a Framebeam that took it for the timestamp.
	Created int64
}

// Header returns the value of the first header named key, and whether it is there.
func (r *Record) Header(key string) (string, bool) {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			return string(r.Headers[i].Value), true
		}
	}
	return "", false
}

// Headers of W3C Trace Context, which say that somebody follows the record.
const (
	TraceHeader      = "traceparent"
	traceStateHeader = "tracestate"
)

// Digest identifies the record's content (timestamp, key, headers, value, not
// its offset) with 64 bits. It tells a recreated or rewritten topic from the
// one that was read before; it is no defence against an adversary. Headers of traces are no
// content: results must not depend on whether somebody follows a frame.
func (r *Record) Digest() uint64 {
	h := xxhash.New()
	var n [8]byte
	put := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	binary.BigEndian.PutUint64(n[:], uint64(r.Timestamp))
	h.Write(n[:])
	put(r.Key)
	for i := range r.Headers {
		if key := r.Headers[i].Key; key != TraceHeader && key != traceStateHeader {
			put([]byte(key))
			put(r.Headers[i].Value)
		}
	}
	put(r.Value)
	return h.Sum64()
}

// Size is about how many bytes the record takes in memory and on the wire.
func (r *Record) Size() int {
	n := len(r.Key) + len(r.Value) + 32
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 8
	}
	return n
}

// Append appends the record's encoding to b.
func (r *Record) Append(b []byte) []byte {
	b = wire.Int(b, r.Offset)
	b = wire.Int(b, r.Timestamp)
	b = wire.Bytes(b, r.Key)
	b = wire.Uint(b, uint64(len(r.Headers)))
	for i := range r.Headers {
		b = wire.String(b, r.Headers[i].Key)
		b = wire.Bytes(b, r.Headers[i].Value)
	}
	return wire.Bytes(b, r.Value)
}

// ReadRecord reads what [Record.Append] wrote; byte strings alias the reader's input.
func ReadRecord(r *wire.Reader) Record {
	rec := Record{Offset: r.Int(), Timestamp: r.Int(), Key: r.Bytes()}
	if n := r.Count(); n > 0 {
		rec.Headers = make([]Header, n)
		for i := range rec.Headers {
			rec.Headers[i] = Header{Key: r.String(), Value: r.Bytes()}
		}
	}
	rec.Value = r.Bytes()
	return rec
}

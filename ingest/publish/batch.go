package publish

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/segmentio/kafka-go/compress"

	"github.com/framebeam/framebeam/transforms/frame"
)

// maxInflated is the most that is read of a compressed batch. Publishers compress
// nothing; brokers may (compression.type), and their batches are as large as they
// were sent, batchBytes or one frame.
const maxInflated = 64 << 20

var errBatch = errors.New("malformed record batch")

// eachRecord calls do for every record in batches, and returns the offset behind
// the last whole batch, 0 if there is none. The records alias b. What no publisher
// writes is passed over: transactions, old versions, what cannot be read.
func eachRecord(b []byte, do func(*frame.Record)) (next int64) {
	const framing = 12 // base offset, length
	for len(b) >= batchHeader {
		base, length := int64(binary.BigEndian.Uint64(b)), int64(int32(binary.BigEndian.Uint32(b[8:])))
		if length < 0 || int64(len(b)) < framing+length {
			break
		}
		batch := b[:framing+length]
		b = b[len(batch):]
		if len(batch) < batchHeader || batch[16] != 2 {
			next = base + 1 // a message of an old version
			continue
		}
		next = base + int64(int32(binary.BigEndian.Uint32(batch[23:]))) + 1
		attributes := binary.BigEndian.Uint16(batch[21:])
		if attributes&0x30 != 0 { // of a transaction, or what ends one
			continue
		}
		records := batch[batchHeader:]
		if attributes&7 != 0 {
			var err error
			if records, err = inflate(compress.Compression(attributes&7), records); err != nil {
				continue
			}
		}
		c := cursor{b: records}
		first := int64(binary.BigEndian.Uint64(batch[27:]))
		for range binary.BigEndian.Uint32(batch[57:]) {
			rec, ok := c.record(base, first)
			if !ok {
				break
			}
			do(&rec)
		}
	}
	return next
}

func inflate(c compress.Compression, b []byte) ([]byte, error) {
	codec := c.Codec()
	if codec == nil {
		return nil, errBatch
	}
	r := codec.NewReader(bytes.NewReader(b))
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if err == nil && len(out) > maxInflated {
		err = errBatch
	}
	return out, err
}

// cursor takes records apart and remembers that there was too little.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.b, c.bad = nil, true
		return 0
	}
	c.b = c.b[n:]
	return v
}

// bytes is a byte string with its length before it; a length of -1 is null.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n == -1 {
		return nil
	}
	return c.take(n)
}

func (c *cursor) take(n int64) []byte {
	if n < 0 || n > int64(len(c.b)) {
		c.b, c.bad = nil, true
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) record(base, first int64) (frame.Record, bool) {
	r := cursor{b: c.take(c.varint())}
	r.take(1) // attributes, of which there are none
	rec := frame.Record{Timestamp: first + r.varint()}
	rec.Offset = base + r.varint()
	rec.Key, rec.Value = r.bytes(), r.bytes()
	for n := r.varint(); n > 0 && !r.bad; n-- {
		key := string(r.bytes())
		rec.Headers = append(rec.Headers, frame.Header{Key: key, Value: r.bytes()})
	}
	return rec, !c.bad && !r.bad
}

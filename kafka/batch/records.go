package batch

import (
	"encoding/binary"
	"io"

	"github.com/framebeam/framebeam/transforms/frame"
)

// Records are the records of a batch, in ascending order of offsets.
type Records struct {
	data     []byte // those still to come
	v2       bool
	left     int32  // in version 2, how many are still to come
	base     int64  // what offsets are counted from
	first    int64  // what timestamps are counted from
	appended *int64 // the timestamp of all, where the broker gave it
	size     int
}

// Size is how many bytes of memory the records hold beside the batch's own.
func (r *Records) Size() int { return r.size }

// Next gives the next record, whose memory is the batch's; false after the last.
func (r *Records) Next(rec *frame.Record) bool {
	return r.next(rec, true) == nil // all were looked at before
}

// check looks at every record: their offsets must ascend from first to last.
func (r *Records) check(first, last int64) error {
	c, at := *r, first-1
	var rec frame.Record
	for {
		switch err := c.next(&rec, false); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case rec.Offset <= at || rec.Offset > last:
			return errMalformed
		}
		at = rec.Offset
	}
}

// lastOffset is the offset of the last record.
func (r *Records) lastOffset() (int64, error) {
	c, rec := *r, frame.Record{Offset: -1}
	for {
		if err := c.next(&rec, false); err == io.EOF {
			return rec.Offset, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// next reads a record; io.EOF after the last. Headers cost memory.
func (r *Records) next(rec *frame.Record, headers bool) (err error) {
	if r.v2 {
		err = r.next2(rec, headers)
	} else {
		err = r.next01(rec)
	}
	if err == nil && r.appended != nil {
		rec.Created, rec.Timestamp = rec.Timestamp, *r.appended
	}
	return err
}

func (r *Records) next2(rec *frame.Record, headers bool) error {
	if r.left <= 0 {
		if r.left < 0 || len(r.data) > 0 {
			return errMalformed
		}
		return io.EOF
	}
	c := cursor{b: r.data}
	n := c.varint()
	body := c.take(n)
	rest := c.b
	if c.bad || body == nil {
		return errMalformed
	}
	c.b = body
	c.take(1) // attributes, of which there are none
	*rec = frame.Record{Timestamp: r.first + c.varint()}
	rec.Offset = r.base + c.varint()
	rec.Key = c.bytes()
	rec.Value = c.bytes()
	count := c.varint()
	if count < 0 || count > int64(len(c.b)) {
		return errMalformed
	}
	if headers && count > 0 {
		rec.Headers = make([]frame.Header, 0, count)
	}
	for range count {
		key := c.bytes()
		c.bad = c.bad || key == nil
		value := c.bytes()
		if headers {
			rec.Headers = append(rec.Headers, frame.Header{Key: string(key), Value: value})
		}
	}
	if c.bad || len(c.b) > 0 {
		return errMalformed
	}
	r.data, r.left = rest, r.left-1
	return nil
}

func (r *Records) next01(rec *frame.Record) error {
	if len(r.data) == 0 {
		return io.EOF
	}
	if len(r.data) < framing+least01 {
		return errMalformed
	}
	n := int64(int32(binary.BigEndian.Uint32(r.data[8:])))
	if n < least01 || n > int64(len(r.data)-framing) {
		return errMalformed
	}
	b := r.data[: framing+n : framing+n]
	if int8(b[16]) > 1 || int8(b[16]) < 0 || codec(b[17]&7) != plain && r.size > 0 {
		return errMalformed // a version of its own, or a set inside a set inside a set
	}
	*rec = frame.Record{Offset: r.base + int64(binary.BigEndian.Uint64(b))}
	if b[16] == 1 && len(b) >= framing+least01+8 {
		rec.Timestamp = int64(binary.BigEndian.Uint64(b[18:]))
	}
	var err error
	if rec.Key, rec.Value, err = message01(b); err != nil {
		return err
	}
	r.data = r.data[framing+n:]
	return nil
}

// message01 gives a message's key and value.
func message01(b []byte) (key, value []byte, err error) {
	at := 18
	if b[16] == 1 {
		at += 8
	}
	if len(b) < at {
		return nil, nil, errMalformed
	}
	c := cursor{b: b[at:]}
	key = c.take(c.int32())
	value = c.take(c.int32())
	if c.bad || len(c.b) > 0 {
		return nil, nil, errMalformed
	}
	return key, value, nil
}

// cursor takes bytes apart and remembers that there were too few.
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

func (c *cursor) int32() int64 {
	if len(c.b) < 4 {
		c.b, c.bad = nil, true
		return 0
	}
	v := int32(binary.BigEndian.Uint32(c.b))
	c.b = c.b[4:]
	return int64(v)
}

// bytes is a byte string with its length before it.
func (c *cursor) bytes() []byte { return c.take(c.varint()) }

// take takes n bytes; -1 of them is null.
func (c *cursor) take(n int64) []byte {
	if n == -1 {
		return nil
	}
	if n < 0 || n > int64(len(c.b)) {
		c.b, c.bad = nil, true
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

// Package batch takes apart the record batches in which Kafka keeps and sends
// records: version 2, and the message sets of versions 0 and 1 that old topics
// still hold.
//
// It trusts nothing: a batch is checked against its checksum, inflated up to a
// bound in bytes and looked through as a whole before its first record is given.
// So whether a batch can be read does not depend on where reading begins.
package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/framebeam/framebeam/transforms/frame"
)

// MaxInflated is the most bytes that a compressed batch may inflate to. Producers
// bound a batch by its bytes before compression: 1 MiB by default, some 16 where
// raw frames are sent, 34 for one of 3840 x 2160 pixels as the original's JSON. A
// batch of a few hundred KB can inflate to gigabytes, and every reader would die of
// it at the same offset. A batch that is not compressed has no such bound: it takes
// what it takes in the log.
const MaxInflated = 64 << 20

// ErrFraming is wrapped by every error that means: these bytes are no batches, so
// nothing can be said of the offsets in them.
var ErrFraming = errors.New("not a record batch")

// ErrUnknown is wrapped when a batch is of a version that is not known.
var ErrUnknown = errors.New("unknown version of record batch")

// unknownBase is the Base of a compressed message of an old version: it lies inside.
const unknownBase = -1

// NoEpoch is the Epoch of a batch that has none.
const NoEpoch = -1

// Batch is one batch as it lies in the log, or one message of a message set.
type Batch struct {
	// Base and Last are the first and the last offset that the batch takes up;
	// there may be fewer records than offsets. Base is -1 where only Last is
	// known. Of a Damaged batch Last means nothing.
	Base, Last int64
	// Epoch is the epoch of the leader that appended the batch, or NoEpoch.
	Epoch int32
	// Timestamp is the highest of its records, milliseconds since 1970.
	Timestamp int64
	// Transactional is a batch of a transaction, Control what ends one.
	Transactional, Control bool
	// Damaged is a batch that does not match its checksum.
	Damaged bool

	magic    int8
	codec    codec
	appended bool   // the timestamps are those of the broker
	first    int64  // what the records' timestamps are counted from
	count    int32  // of records, version 2
	body     []byte // the records, or the one message
}

// HeaderSize is how many bytes a batch of version 2 has before its records (Kafka protocol,
// "Record Batch").
const HeaderSize = 61

// Sizes of what stands before a batch's records, and where the checksum begins.
const (
	framing  = 12 // base offset, length
	checked2 = 21
	least01  = 14 // a message's checksum, version, attributes and two lengths
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Split takes the first batch off b and returns how many bytes it takes; 0 when b
// ends before the batch does, as what a broker sends may. The batch shares b's memory.
func Split(b []byte) (Batch, int, error) {
	if len(b) < framing {
		return Batch{}, 0, nil
	}
	base, length := int64(binary.BigEndian.Uint64(b)), int64(int32(binary.BigEndian.Uint32(b[8:])))
	if base < 0 || length < least01 {
		return Batch{}, 0, fmt.Errorf("%w: offset %d, %d bytes", ErrFraming, base, length)
	}
	if int64(len(b)) < framing+length {
		return Batch{}, 0, nil
	}
	n := int(framing + length)
	batch, err := parse(base, b[:n:n])
	return batch, n, err
}

// Head is what b's beginning says of its first batch: its first offset, and how many
// bytes it takes; 0 where b is too short to say it.
func Head(b []byte) (base, length int64) {
	if len(b) < framing {
		return 0, 0
	}
	return int64(binary.BigEndian.Uint64(b)), framing + int64(int32(binary.BigEndian.Uint32(b[8:])))
}

func parse(base int64, b []byte) (Batch, error) {
	switch magic := int8(b[16]); magic {
	case 0, 1:
		return parse01(base, magic, b)
	case 2:
		return parse2(base, b)
	default:
		return Batch{}, fmt.Errorf("%w %d at offset %d", ErrUnknown, magic, base)
	}
}

func parse2(base int64, b []byte) (Batch, error) {
	if len(b) < HeaderSize {
		return Batch{}, fmt.Errorf("%w: offset %d, %d bytes", ErrFraming, base, len(b))
	}
	attributes := binary.BigEndian.Uint16(b[21:])
	out := Batch{
		Base:          base,
		Last:          base + int64(int32(binary.BigEndian.Uint32(b[23:]))),
		Epoch:         int32(binary.BigEndian.Uint32(b[12:])),
		Timestamp:     int64(binary.BigEndian.Uint64(b[35:])),
		Transactional: attributes&0x10 != 0,
		Control:       attributes&0x20 != 0,
		magic:         2,
		codec:         codec(attributes & 7),
		appended:      attributes&8 != 0,
		first:         int64(binary.BigEndian.Uint64(b[27:])),
		count:         int32(binary.BigEndian.Uint32(b[57:])),
		body:          b[HeaderSize:],
	}
	out.Damaged = crc32.Checksum(b[checked2:], castagnoli) != binary.BigEndian.Uint32(b[17:])
	if !out.Damaged && out.Last < base {
		return Batch{}, fmt.Errorf("%w: it begins at offset %d and ends at %d", ErrFraming, base, out.Last)
	}
	return out, nil
}

func parse01(offset int64, magic int8, b []byte) (Batch, error) {
	out := Batch{Base: offset, Last: offset, Epoch: NoEpoch, magic: magic, codec: codec(b[17] & 7), appended: magic == 1 && b[17]&8 != 0, body: b}
	if magic == 1 {
		if len(b) < framing+least01+8 {
			return Batch{}, fmt.Errorf("%w: offset %d, %d bytes", ErrFraming, offset, len(b))
		}
		out.Timestamp = int64(binary.BigEndian.Uint64(b[18:]))
	}
	out.Damaged = crc32.ChecksumIEEE(b[16:]) != binary.BigEndian.Uint32(b[12:])
	if out.codec != plain {
		out.Base = unknownBase
	}
	return out, nil
}

// Open makes the batch's records readable, or says why none of them is: it is of
// bytes that are not records, or it would inflate to more than limit bytes. What it
// says depends on the batch alone.
func (b *Batch) Open(limit int) (*Records, *frame.Poison) {
	records, err := b.open(limit)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, tooLarge(limit)
	case err != nil:
		return nil, &frame.Poison{Reason: frame.ReasonBatchCorrupt, Detail: "its batch cannot be read"}
	}
	return records, nil
}

func tooLarge(limit int) *frame.Poison {
	return &frame.Poison{Reason: frame.ReasonBatchTooLarge, Detail: fmt.Sprintf("its batch inflates to more than %d bytes", limit)}
}

// TooLarge is what is wrong with the records of a batch that is too large to be fetched.
func TooLarge() *frame.Poison {
	return &frame.Poison{Reason: frame.ReasonBatchTooLarge, Detail: "its batch is too large to be fetched"}
}

// Corrupt is what is wrong with the records of a Damaged batch.
func Corrupt() *frame.Poison {
	return &frame.Poison{Reason: frame.ReasonBatchCorrupt, Detail: "its batch does not match its checksum"}
}

var errMalformed = errors.New("malformed records")

func (b *Batch) open(limit int) (*Records, error) {
	if b.Damaged {
		return nil, errMalformed
	}
	data, size := b.body, 0
	if b.magic != 2 && b.codec != plain {
		var err error
		if _, data, err = message01(b.body); err != nil {
			return nil, err
		}
	}
	if b.codec != plain {
		var err error
		if data, err = inflate(b.codec, data, limit); err != nil {
			return nil, err
		}
		size = cap(data)
	}
	r := &Records{data: data, size: size}
	if b.appended && (b.magic == 2 || b.codec != plain) {
		r.appended = &b.Timestamp
	}
	switch {
	case b.magic == 2:
		r.v2, r.left, r.base, r.first = true, b.count, b.Base, b.first
		return r, r.check(b.Base, b.Last)
	case b.codec == plain:
		return r, r.check(b.Base, b.Last)
	}
	// The wrapper has the offset of its last message. In version 1 those inside count
	// from 0.
	last, err := r.lastOffset()
	if err != nil {
		return nil, err
	}
	if b.magic == 1 {
		r.base = b.Last - last
	} else if last != b.Last {
		return nil, errMalformed
	}
	return r, r.check(0, b.Last)
}

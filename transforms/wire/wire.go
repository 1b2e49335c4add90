// Package wire holds the primitives of the compact binary encoding in which
// Framebeam's own types cross a Beam shuffle and rest in Beam state.
//
// Integers are varints (zig-zag where they may be negative), byte strings are
// length-prefixed, floats are their IEEE 754 bits. There is no self-description:
// every type that uses it starts with its own version byte where it outlives a job ([Open]).
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ErrCorrupt is returned by [Reader.Err] when the bytes end early or a length
// or varint is impossible.
var ErrCorrupt = errors.New("corrupt encoding")

// Int appends a signed integer.
func Int(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

// Uint appends an unsigned integer.
func Uint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// Bool appends a truth value.
func Bool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// Float appends a float64, bit for bit.
func Float(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(v))
}

// String appends a length-prefixed string.
func String(b []byte, s string) []byte { return append(Uint(b, uint64(len(s))), s...) }

// Bytes appends a length-prefixed byte string; nil and empty are told apart.
func Bytes(b []byte, v []byte) []byte {
	if v == nil {
		return Uint(b, 0)
	}
	return append(Uint(b, uint64(len(v))+1), v...)
}

// Reader consumes what the append functions wrote. The first impossible value
// makes every later read return zero values; ask [Reader.Err] once at the end.
type Reader struct {
	b       []byte
	err     error
	version byte
}

// Open reads b, which begins with the byte of a version: that must be one of those that
// are known. Byte strings that the reader returns alias b.
func Open(b []byte, known ...byte) (*Reader, error) {
	if len(b) == 0 || !slices.Contains(known, b[0]) {
		return nil, fmt.Errorf("unknown version (known: %s)", strings.Trim(fmt.Sprint(known), "[]"))
	}
	return &Reader{b: b[1:], version: b[0]}, nil
}

// NewReader reads from b. Byte strings that it returns alias b.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Version is that with which what [Open] opened begins.
func (r *Reader) Version() byte { return r.version }

// Err is nil if everything read so far was there.
func (r *Reader) Err() error { return r.err }

// Close is Err, and an error if bytes are left.
func (r *Reader) Close() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = ErrCorrupt
	}
	return r.err
}

// Fail makes the reader fail as if a value had been impossible: for types that
// allow fewer values than their encoding.
func (r *Reader) Fail() {
	r.err = ErrCorrupt
	r.b = nil
}

// Int reads a signed integer.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.Fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// Count reads the length of a list of which every entry takes at least one
// byte, so that a corrupt length cannot make the caller allocate without bound.
func (r *Reader) Count() int {
	v := r.Uint()
	if v > uint64(len(r.b)) {
		r.Fail()
		return 0
	}
	return int(v)
}

// Bool reads a truth value.
func (r *Reader) Bool() bool {
	if len(r.b) == 0 || r.b[0] > 1 {
		r.Fail()
		return false
	}
	v := r.b[0] == 1
	r.b = r.b[1:]
	return v
}

// Float reads a float64.
func (r *Reader) Float() float64 {
	if len(r.b) < 8 {
		r.Fail()
		return 0
	}
	v := math.Float64frombits(binary.BigEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

// String reads a string.
func (r *Reader) String() string { return string(r.take(r.Uint())) }

// Bytes reads a byte string that aliases the reader's input.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n == 0 {
		return nil
	}
	return r.take(n - 1)
}

func (r *Reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.Fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

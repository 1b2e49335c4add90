package wire_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/wire"
)

// value is one written value and how to check that it is read again.
type value struct {
	write func([]byte) []byte
	same  func(*wire.Reader) bool
}

func drawValue(t *rapid.T) value {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		v := rapid.Int64().Draw(t, "int")
		return value{func(b []byte) []byte { return wire.Int(b, v) }, func(r *wire.Reader) bool { return r.Int() == v }}
	case 1:
		v := rapid.Uint64().Draw(t, "uint")
		return value{func(b []byte) []byte { return wire.Uint(b, v) }, func(r *wire.Reader) bool { return r.Uint() == v }}
	case 2:
		v := rapid.Bool().Draw(t, "bool")
		return value{func(b []byte) []byte { return wire.Bool(b, v) }, func(r *wire.Reader) bool { return r.Bool() == v }}
	case 3:
		bits := rapid.Uint64().Draw(t, "float") // also infinities and every NaN
		return value{
			func(b []byte) []byte { return wire.Float(b, math.Float64frombits(bits)) },
			func(r *wire.Reader) bool { return math.Float64bits(r.Float()) == bits },
		}
	case 4:
		v := rapid.String().Draw(t, "string")
		return value{func(b []byte) []byte { return wire.String(b, v) }, func(r *wire.Reader) bool { return r.String() == v }}
	default:
		var v []byte
		if !rapid.Bool().Draw(t, "nil") {
			v = rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		}
		return value{
			func(b []byte) []byte { return wire.Bytes(b, v) },
			func(r *wire.Reader) bool {
				got := r.Bytes()
				return bytes.Equal(got, v) && (got == nil) == (v == nil)
			},
		}
	}
}

func TestReader_readsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := make([]value, rapid.IntRange(0, 20).Draw(t, "n"))
		var b []byte
		for i := range values {
			values[i] = drawValue(t)
			b = values[i].write(b)
		}
		r := wire.NewReader(b)
		for i := range values {
			if !values[i].same(r) {
				t.Fatalf("value %d differs", i)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		// Whatever is missing at the end is noticed.
		if len(b) > 0 {
			r = wire.NewReader(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")])
			for i := range values {
				values[i].same(r)
			}
			if !errors.Is(r.Close(), wire.ErrCorrupt) {
				t.Fatal("a cut encoding is read without error")
			}
		}
	})
}

func TestReader_refuses(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		read func(*wire.Reader)
	}{
		{"an int that is not there", nil, func(r *wire.Reader) { r.Int() }},
		{"an int of more than 64 bits", bytes.Repeat([]byte{0xff}, 11), func(r *wire.Reader) { r.Int() }},
		{"a uint of more than 64 bits", bytes.Repeat([]byte{0xff}, 11), func(r *wire.Reader) { r.Uint() }},
		{"a bool of 2", []byte{2}, func(r *wire.Reader) { r.Bool() }},
		{"a float of seven bytes", make([]byte, 7), func(r *wire.Reader) { r.Float() }},
		{"a string longer than what is left", []byte{3, 'a', 'b'}, func(r *wire.Reader) { _ = r.String() }},
		{"bytes longer than what is left", []byte{4, 'a', 'b'}, func(r *wire.Reader) { r.Bytes() }},
		{"bytes of 2^64-1", wire.Uint(nil, math.MaxUint64), func(r *wire.Reader) { r.Bytes() }},
		{"a list of more entries than bytes", []byte{3, 0, 0}, func(r *wire.Reader) { r.Count() }},
		{"bytes that are left", []byte{0, 0}, func(r *wire.Reader) { r.Int() }},
		{"what the type does not allow", []byte{0}, func(r *wire.Reader) { r.Int(); r.Fail() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := wire.NewReader(c.b)
			c.read(r)
			if err := r.Close(); !errors.Is(err, wire.ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
			if r.Int() != 0 || r.Uint() != 0 || r.Bool() || r.Float() != 0 || r.String() != "" || r.Bytes() != nil || r.Count() != 0 {
				t.Fatal("after the failure something is read")
			}
		})
	}
}

// What is appended to a byte string that was read must not change what follows it.
func TestReader_Bytes_doesNotLendWhatFollows(t *testing.T) {
	b := wire.Bytes(wire.Bytes(nil, []byte("one")), []byte("two"))
	r := wire.NewReader(b)
	_ = append(r.Bytes(), "xxxx"...)
	if got := string(r.Bytes()); got != "two" {
		t.Fatalf("got %q", got)
	}
}

func TestOnlyVersionsThatAreKnownAreOpened(t *testing.T) {
	b := wire.Int([]byte{2}, 7)
	r, err := wire.Open(b, 1, 2)
	if err != nil || r.Version() != 2 || r.Int() != 7 || r.Close() != nil {
		t.Error(r, err)
	}
	for _, b := range [][]byte{nil, {}, {0, 7}, {3, 7}} {
		if r, err := wire.Open(b, 1, 2); r != nil || err == nil || err.Error() != "unknown version (known: 1 2)" {
			t.Errorf("%v: %v, %v", b, r, err)
		}
	}
}

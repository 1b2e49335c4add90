package hdfsfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// request is a request to a NameNode as the library writes it.
func request(method string, args []byte) []byte {
	var b []byte
	b = protowire.AppendBytes(b, []byte("header"))
	name := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), method)
	name = protowire.AppendVarint(protowire.AppendTag(name, 3, protowire.VarintType), 1)
	b = protowire.AppendBytes(b, name)
	b = protowire.AppendBytes(b, args)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func renameArgs(from, to string, replace uint64) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), from)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), to)
	return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), replace)
}

func TestOnlyTheRenamesThatMustNotReplaceAreChanged(t *testing.T) {
	var k keepTargets
	k.add("/a")
	noFlag := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "/a")
	for _, c := range []struct {
		name     string
		in, want []byte // nil: an error
	}{
		{"a rename that must not replace", request("rename2", renameArgs("/a", "/b", 1)), request("rename2", renameArgs("/a", "/b", 0))},
		{"a rename that may", request("rename2", renameArgs("/c", "/b", 1)), request("rename2", renameArgs("/c", "/b", 1))},
		{"another method", request("concat", renameArgs("/a", "/b", 1)), request("concat", renameArgs("/a", "/b", 1))},
		{"a greeting", []byte("hrpc\x09\x00\x00"), []byte("hrpc\x09\x00\x00")},
		{"two messages only", []byte("\x00\x00\x00\x04\x01a\x01b"), []byte("\x00\x00\x00\x04\x01a\x01b")},
		{"a rename without the flag", request("rename2", noFlag), nil},
		{"a rename with another flag", request("rename2", renameArgs("/a", "/b", 2)), nil},
		{"a rename that is torn", request("rename2", []byte{0x0a, 0xff}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.in)
			got, err := k.rewrite(c.in)
			if c.want == nil && !errors.Is(err, errRename) || c.want != nil && (err != nil || !bytes.Equal(got, c.want)) {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			if !bytes.Equal(before, c.in) {
				t.Error("the caller's bytes changed")
			}
		})
	}
	if !k.remove("/a") || k.remove("/c") {
		t.Error("it is not known which rename was changed")
	}
}

func TestAnyBytesPassUnlessTheyAreSuchARename(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var k keepTargets
		k.add("/a")
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "framed") {
			b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
		}
		if got, err := k.rewrite(b); err == nil && !bytes.Equal(got, b) {
			t.Fatalf("%q became %q", b, got)
		}
	})
}

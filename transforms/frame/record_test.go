package frame

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/wire"
)

// drawBytes draws nil, empty and other byte strings.
func drawBytes(t *rapid.T, label string) []byte {
	if rapid.IntRange(0, 4).Draw(t, label+" is nil") == 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, label)
}

func drawRecord(t *rapid.T) Record {
	rec := Record{
		Offset: rapid.Int64().Draw(t, "offset"), Timestamp: rapid.Int64().Draw(t, "timestamp"),
		Key: drawBytes(t, "key"), Value: drawBytes(t, "value"),
	}
	for range rapid.IntRange(0, 4).Draw(t, "headers") {
		rec.Headers = append(rec.Headers, Header{rapid.String().Draw(t, "header"), drawBytes(t, "header value")})
	}
	return rec
}

func TestRecord_isReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		r := wire.NewReader(want.Append(nil))
		got := ReadRecord(r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if want.Digest() != got.Digest() || want.Size() != got.Size() {
			t.Fatal("digest or size differ")
		}
	})
}

func TestRecord_Digest_differs(t *testing.T) {
	base := Record{Timestamp: 1, Key: []byte("k"), Headers: []Header{{"h", []byte("v")}}, Value: []byte("val")}
	elsewhere := base
	elsewhere.Offset = 99
	if base.Digest() != elsewhere.Digest() {
		t.Error("the offset is part of the digest")
	}
	for name, other := range map[string]Record{
		"timestamp":             {Timestamp: 2, Key: base.Key, Headers: base.Headers, Value: base.Value},
		"key":                   {Timestamp: 1, Key: []byte("l"), Headers: base.Headers, Value: base.Value},
		"header":                {Timestamp: 1, Key: base.Key, Headers: []Header{{"h", []byte("w")}}, Value: base.Value},
		"value":                 {Timestamp: 1, Key: base.Key, Headers: base.Headers, Value: []byte("vam")},
		"bytes moved to header": {Timestamp: 1, Key: base.Key, Headers: []Header{{"h", []byte("vv")}}, Value: []byte("al")},
		"no headers":            {Timestamp: 1, Key: base.Key, Value: base.Value},
	} {
		if other.Digest() == base.Digest() {
			t.Errorf("another %s has the same digest", name)
		}
	}
}

func TestValidCamera(t *testing.T) {
	for id, want := range map[string]bool{
		"gate-1": true, "A.b_c-9": true, "...": true, ".hidden": true,
		"": false, ".": false, "..": false, "a/b": false, "a b": false, "ä": false, "a+b": false, "a\x00": false,
		string(bytes.Repeat([]byte("a"), 128)): true, string(bytes.Repeat([]byte("a"), 129)): false,
	} {
		if ValidCamera(id) != want || ValidEpoch(id) != want {
			t.Errorf("%q: camera %t, epoch %t, want %t", id, ValidCamera(id), ValidEpoch(id), want)
		}
	}
}

// FuzzReadRecord: whatever the bytes, there is no panic, and a record that was
// read whole is the same again when it is written and read.
func FuzzReadRecord(f *testing.F) {
	for _, c := range parseCases() {
		addSeed(f, &c.rec)
	}
	f.Add([]byte{0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := wire.NewReader(b)
		rec := ReadRecord(r)
		if len(rec.Headers) > len(b) {
			t.Fatalf("%d headers of %d bytes", len(rec.Headers), len(b))
		}
		if r.Err() != nil {
			return
		}
		r = wire.NewReader(rec.Append(nil))
		again := ReadRecord(r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(rec, again); d != "" {
			t.Fatal(d)
		}
	})
}

func TestTopicsAreCheckedBeforeTheyBecomePaths(t *testing.T) {
	for _, topic := range []string{"a", "A.b_c-9", "...", strings.Repeat("x", MaxTopic)} {
		if err := CheckTopic(topic); err != nil {
			t.Error(err)
		}
	}
	for _, topic := range []string{"", ".", "..", "a/b", "a+b", "a b", "ä", "a\x00", "*", strings.Repeat("x", MaxTopic+1)} {
		if CheckTopic(topic) == nil {
			t.Errorf("%q was accepted", topic)
		}
	}
}

package chunk_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func drawEnd(t *rapid.T) chunk.End {
	e := chunk.End{
		ID: chunk.ID{
			Partition: chunk.Partition{Topic: rapid.String().Draw(t, "topic"), ID: rapid.Int32Min(0).Draw(t, "partition")},
			Index:     rapid.Int64().Draw(t, "index"),
		},
		N:          rapid.Int64().Draw(t, "n"),
		Partial:    rapid.Bool().Draw(t, "partial"),
		UpTo:       rapid.Int64().Draw(t, "up to"),
		LastDigest: rapid.Uint64().Draw(t, "digest"),
	}
	e.Interim = e.Partial && rapid.Bool().Draw(t, "interim")
	e.Offsets, _ = draw(t, "offsets")
	for range rapid.IntRange(0, 3).Draw(t, "owed") {
		e.Owed = append(e.Owed, rapid.String().Draw(t, "owing camera"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "cameras") {
		e.Cameras = append(e.Cameras, chunk.CameraOffset{Camera: rapid.String().Draw(t, "camera"), Last: rapid.Int64().Draw(t, "last")})
	}
	return e
}

func TestEnd_isReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawEnd(t)
		b := want.Marshal()
		got, err := chunk.UnmarshalEnd(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		// Chunk ends are compared as bytes.
		if !bytes.Equal(b, got.Marshal()) {
			t.Fatal("the same end is written with other bytes")
		}
		if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); !fails(chunk.UnmarshalEnd(b[:cut])) {
			t.Fatalf("%d of %d bytes are read as an end", cut, len(b))
		}
		if !fails(chunk.UnmarshalEnd(append(b, 0))) {
			t.Fatal("a byte too many is passed over")
		}
	})
}

// FuzzUnmarshalEnd: whatever the bytes, there is no panic, and an end that was
// read is the same again when it is written and read.
func FuzzUnmarshalEnd(f *testing.F) {
	for _, e := range []chunk.End{
		{},
		{
			ID: chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: 2}, Index: 7}, N: 64, UpTo: 512,
			Offsets: chunk.Offsets{{From: 448, To: 500}, {From: 501, To: 512}}, Owed: []string{"a", "b"},
			Cameras: []chunk.CameraOffset{{Camera: "a", Last: 511}, {Camera: "b", Last: 499}}, LastDigest: 1 << 63,
		},
		{ID: chunk.ID{Partition: chunk.Partition{Topic: "frames"}}, N: 64, Partial: true, UpTo: 3, Offsets: chunk.Span(0, 3)},
		{ID: chunk.ID{Partition: chunk.Partition{Topic: "frames"}}, N: 64, Partial: true, UpTo: 3, Offsets: chunk.Span(0, 3), Interim: true},
	} {
		f.Add(e.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := chunk.UnmarshalEnd(b)
		if err != nil {
			return
		}
		again, err := chunk.UnmarshalEnd(e.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, again); d != "" {
			t.Fatal(d)
		}
	})
}

package chunk_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
)

func drawRun(t *rapid.T) chunk.Run {
	r := chunk.Run{Link: chunk.Link{
		Partition: chunk.Partition{Topic: rapid.String().Draw(t, "topic"), ID: rapid.Int32Min(0).Draw(t, "partition")},
		Chunk:     rapid.Int64().Draw(t, "chunk"),
		N:         rapid.Int64().Draw(t, "n"),
		Camera:    rapid.String().Draw(t, "camera"),
		Kind:      rapid.SampledFrom([]chunk.Kind{chunk.Frames, chunk.Save, chunk.Clear, chunk.Stray}).Draw(t, "kind"),
		Prev:      rapid.Int64Min(chunk.Fresh).Draw(t, "prev"),
		Restore:   rapid.Int64Min(chunk.None).Draw(t, "restore"),
	}}
	for range rapid.IntRange(0, 3).Draw(t, "records") {
		rec := frame.Record{Offset: rapid.Int64().Draw(t, "offset"), Timestamp: rapid.Int64().Draw(t, "timestamp")}
		if rapid.Bool().Draw(t, "has key") {
			rec.Key = rapid.SliceOf(rapid.Byte()).Draw(t, "key")
			rec.Value = rapid.SliceOf(rapid.Byte()).Draw(t, "value")
			rec.Headers = []frame.Header{{Key: "h", Value: rapid.SliceOf(rapid.Byte()).Draw(t, "header")}}
		}
		r.Records = append(r.Records, rec)
	}
	return r
}

func TestRun_isReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRun(t)
		b := want.Marshal()
		got, err := chunk.UnmarshalRun(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); !fails(chunk.UnmarshalRun(b[:cut])) {
			t.Fatalf("%d of %d bytes are read as a run", cut, len(b))
		}
		if !fails(chunk.UnmarshalRun(append(b, 0))) {
			t.Fatal("a byte too many is passed over")
		}
	})
}

func fails[T any](_ T, err error) bool { return err != nil }

func TestUnmarshalRun_refuses(t *testing.T) {
	for name, r := range map[string]chunk.Run{
		"an unknown kind":      {Link: chunk.Link{Kind: chunk.Stray + 1}},
		"a negative partition": {Link: chunk.Link{Partition: chunk.Partition{ID: -1}}},
	} {
		if !fails(chunk.UnmarshalRun(r.Marshal())) {
			t.Errorf("%s is read", name)
		}
	}
}

// FuzzUnmarshalRun: whatever the bytes, there is no panic, and a run that was
// read is the same again when it is written and read.
func FuzzUnmarshalRun(f *testing.F) {
	for _, r := range []chunk.Run{
		{},
		{Link: chunk.Link{Partition: chunk.Partition{Topic: "frames", ID: 2}, Chunk: 7, N: 64, Camera: "gate-1", Kind: chunk.Save, Prev: chunk.Fresh, Restore: chunk.None}},
		{Link: chunk.Link{Partition: chunk.Partition{Topic: "frames"}, N: math.MaxInt64, Camera: "gate-1"}, Records: []frame.Record{
			{Offset: 1, Key: []byte("gate-1"), Headers: []frame.Header{{Key: "ce_id", Value: []byte("x")}}, Value: []byte("jpeg")},
			{Offset: 2, Timestamp: -1, Value: []byte{}},
		}},
	} {
		f.Add(r.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := chunk.UnmarshalRun(b)
		if err != nil {
			return
		}
		again, err := chunk.UnmarshalRun(r.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, again); d != "" {
			t.Fatal(d)
		}
	})
}

package output

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

const testN = 4

var testLayout = layout{chunkfolder.Layout{N: testN, Block: chunkfolder.BlockChunks}}

// testDir is the folder of a block of partition 0 in dir.
func testDir(dir string, block int64) string {
	return dir + testLayout.BlockFolder(chunk.Partition{Topic: "frames"}, block)
}

func testID(k int64) chunk.ID { return chunk.ID{Partition: chunk.Partition{Topic: "frames"}, Index: k} }

// testEnd is chunk k with all its offsets from base on, and cameras a and b.
func testEnd(id chunk.ID, base int64) chunk.End {
	return chunk.End{
		ID: id, N: testN, Offsets: chunk.Span(max(base, id.Index*testN), (id.Index+1)*testN), Owed: []string{"a", "b"},
		Cameras:    []chunk.CameraOffset{{Camera: "a", Last: id.Index*testN + 3}, {Camera: "b", Last: id.Index*testN + 2}},
		LastDigest: uint64(100 + id.Index),
	}
}

func testRows(end chunk.End, content string) (rows []result.Frame) {
	for o := range end.Offsets.All {
		rows = append(rows, result.Frame{Topic: end.Topic, Partition: end.Partition.ID, Offset: o, Camera: "a", Status: result.OK, Detail: content})
	}
	return rows
}

func testStates(end chunk.End) (states []element.State) {
	for _, camera := range end.Owed {
		states = append(states, element.State{Camera: camera, Position: chunk.EndPosition(end.Index, end.N), Bytes: fmt.Appendf(nil, "%s at %d", camera, end.Index)})
	}
	return states
}

type testPictures struct{}

func (testPictures) Pack(_ context.Context, w io.Writer, end chunk.End, rows []result.Frame) (int, error) {
	if end.Index%2 == 1 {
		return 0, nil
	}
	for i := range rows {
		if _, err := fmt.Fprintln(w, rows[i].Offset, rows[i].Detail); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

func testFolder(t testing.TB) *store.Folder {
	t.Helper()
	f, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func testOpen(t testing.TB, f *store.Folder, config string) *Output {
	t.Helper()
	o, err := Open(t.Context(), f, OpenConfig{N: testN, ConfigDigest: config, ConfigText: "config: " + config, OpenCV: "4.6.0"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func testBegin(t testing.TB, o *Output, start int64) {
	t.Helper()
	if _, err := o.Begin(t.Context(), chunk.Partition{Topic: "frames"}, start); err != nil {
		t.Fatal(err)
	}
}

func testWriter(t testing.TB, o *Output) *Writer {
	t.Helper()
	w, err := OpenWriter(t.Context(), o.Spec())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// commit publishes whole chunks of partition 0.
func commit(t testing.TB, o *Output, base int64, content string, ks ...int64) {
	t.Helper()
	w := testWriter(t, o)
	for _, k := range ks {
		end := testEnd(testID(k), base)
		if _, err := w.Commit(t.Context(), end, testRows(end, content), testStates(end), testPictures{}); err != nil {
			t.Fatal(err)
		}
	}
}

func resume(t testing.TB, o *Output) Position {
	t.Helper()
	p, err := o.Resume(t.Context(), chunk.Partition{Topic: "frames"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t testing.TB, f *store.Folder, name string) []byte {
	t.Helper()
	b, err := f.Read(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func overwrite(t testing.TB, f *store.Folder, name string, b []byte) {
	t.Helper()
	if err := f.WriteAtomic(t.Context(), name, b); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, f *store.Folder, name string) {
	t.Helper()
	if ok, err := f.Exists(t.Context(), name); err != nil || !ok {
		t.Fatalf("%s is not there to be removed (%v)", name, err)
	}
	if err := f.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

func testName(t testing.TB, k int64) chunkfolder.Name {
	t.Helper()
	n, err := chunkfolder.NameOf(testID(k), testN)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// same fails unless both outputs have equal results, states and images.
func same(t testing.TB, want, got *store.Folder) {
	t.Helper()
	r, err := Compare(t.Context(), want, got)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Equal() {
		t.Errorf("outputs differ:\n%v", r)
	}
}

package output

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func TestSavedStatesAreFound(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	commit(t, o, 0, "x", 0, 1, 2, 3, 4, 5, 6)
	s, err := OpenStates(t.Context(), o.Spec())
	if err != nil {
		t.Fatal(err)
	}
	load := func(k int64, camera string) (string, int64, bool, error) {
		b, pos, ok, err := s.Load(t.Context(), chunk.Partition{Topic: "frames"}, k, camera)
		return string(b), pos, ok, err
	}
	for range 2 {
		for k := range int64(7) { // more files than are kept
			for _, st := range testStates(testEnd(testID(k), 0)) {
				if b, pos, ok, err := load(k, st.Camera); err != nil || !ok || b != string(st.Bytes) || pos != st.Position {
					t.Errorf("chunk %d camera %s: %q at %d, %v, %v", k, st.Camera, b, pos, ok, err)
				}
			}
		}
	}
	if len(s.files) != statesCached || s.order.Len() != statesCached {
		t.Errorf("%d files are kept", len(s.files))
	}
	for _, camera := range []string{"", "c"} {
		if _, _, ok, err := load(0, camera); ok || err != nil {
			t.Errorf("camera %q: %v, %v", camera, ok, err)
		}
	}
	if _, _, _, err := load(9, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a chunk that is not there: %v", err)
	}
}

func TestStatesOfAnotherLineageAreRefused(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	commit(t, o, 0, "x", 0)
	s, err := OpenStates(t.Context(), testOpen(t, f, "B").Spec())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := s.Load(t.Context(), chunk.Partition{Topic: "frames"}, 0, "a"); err == nil {
		t.Error("they were read")
	}
}

func encoded(t testing.TB, end chunk.End) []byte {
	t.Helper()
	b, err := encodeStates(testName(t, end.Index), "lineage", &end, testStates(end))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStatesFilesHoldTheChunksEnd(t *testing.T) {
	end := testEnd(testID(3), 14)
	b := encoded(t, end)
	if !bytes.Equal(b, encoded(t, end)) {
		t.Error("two encodings differ")
	}
	r, err := newStatesReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.r.Close()
	if d := cmp.Diff(end, r.end); d != "" || r.lineage != "lineage" {
		t.Errorf("lineage %s, end:\n%s", r.lineage, d)
	}
}

func TestDamagedStatesGiveErrors(t *testing.T) {
	f := testFolder(t)
	end := testEnd(testID(0), 0)
	b := encoded(t, end)
	for n := range len(b) {
		overwrite(t, f, "s", b[:n])
		if _, err := readStates(t.Context(), f, "s", "lineage"); err == nil {
			t.Errorf("a file cut to %d of %d bytes was read", n, len(b))
		}
	}
}

func FuzzReadStates(f *testing.F) {
	f.Add(encoded(f, testEnd(testID(0), 0)))
	f.Add(encoded(f, chunk.End{ID: testID(2), N: testN}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := newStatesReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		defer r.r.Close()
		for {
			if _, err := r.next(); err != nil {
				if errors.Is(err, io.EOF) {
					return
				}
				return
			}
		}
	})
}

package similar

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

// indexedOutput has two whole segments of hashes in each of two partitions, and a part of one.
func indexedOutput(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	whole := segmentChunks
	segmentChunks = 4
	t.Cleanup(func() { segmentChunks = whole })
	o := historytest.Output{Rows: 2 * (2*segmentChunks + 3) * 8, N: 8, Partitions: 2, Cameras: 5, Span: 24 * time.Hour, Features: true, Partial: true}
	if err := o.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	return root
}

// printed is what a query prints.
func printed(t *testing.T, q Query, unindexed bool) string {
	t.Helper()
	var b, notes bytes.Buffer
	q.Format, q.unindexed = "jsonl", unindexed
	if err := q.Write(t.Context(), &b, &notes); err != nil || notes.Len() > 0 {
		t.Fatal(err, notes.String())
	}
	return b.String()
}

func indexes(t *testing.T, root string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "_framebeam", "*", "hashes+*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWithAnIndexTheSameIsFound(t *testing.T) {
	root := indexedOutput(t)
	begin := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	draw := func(r *rapid.T) Query {
		q := Query{Output: root, To: "frames/1@77", By: rapid.SampledFrom([]string{"", hashAnalysis}).Draw(r, "by"), Limit: rapid.IntRange(1, 60).Draw(r, "limit")}
		q.Apart = rapid.SampledFrom([]time.Duration{0, 10 * time.Second, time.Hour}).Draw(r, "apart")
		q.Cameras = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"camera-00", "camera-03"}), 0, 2, rapid.ID).Draw(r, "cameras")
		if rapid.Bool().Draw(r, "period") {
			q.Period.From = begin.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(r, "from")) * time.Second)
			q.Period.To = q.Period.From.Add(time.Duration(rapid.IntRange(3600, 80_000).Draw(r, "long")) * time.Second)
		}
		return q
	}
	const queries = 25 // each reads every file
	for seed := range queries {
		q := rapid.Custom(draw).Example(seed)
		if want, got := printed(t, q, true), printed(t, q, false); want != got {
			t.Fatalf("%+v: with an index\n%s\nwithout\n%s", q, got, want)
		}
	}
	if n := len(indexes(t, root)); n != 4 {
		t.Fatalf("%d indexes are kept, not 4", n)
	}
	q := Query{Output: root, To: "frames/1@77", Limit: 50}
	want := printed(t, q, true)
	for what, spoil := range map[string]func(string) error{
		"removed": os.Remove,
		"damaged": func(file string) error {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			b[len(b)/2]++
			return os.WriteFile(file, b, 0o644)
		},
		"cut": func(file string) error { return os.Truncate(file, 40) },
		"of other files": func(file string) error {
			b, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			s, err := unmarshal(b)
			if err != nil {
				return err
			}
			s.files[3].lineage += "x"
			for i := range s.rows {
				s.rows[i] = 0
			}
			return os.WriteFile(file, s.marshal(), 0o644)
		},
	} {
		for _, file := range indexes(t, root) {
			if err := spoil(file); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // it is made anew, and then there
			if got := printed(t, q, false); got != want {
				t.Errorf("with an index that was %s\n%s\nwithout\n%s", what, got, want)
			}
		}
		if n := len(indexes(t, root)); n != 4 {
			t.Errorf("after one was %s, %d indexes are kept", what, n)
		}
	}
}

// What is taken for a segment is one, and is laid out as it was.
func FuzzSegment(f *testing.F) {
	s := &segment{files: []source{{"results/a.parquet", 9, "l", 1}, {"b", 0, "", 0}}, cameras: []string{"gate"}}
	s.rows = appendRow(nil, 5, 7, 0, similarity.Hash(3).Marshal())
	f.Add(s.marshal())
	f.Add((&segment{}).marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := unmarshal(b)
		if err != nil {
			return
		}
		var rows int64
		for _, f := range s.files {
			rows += f.rows
		}
		for i := range rows {
			_ = s.cameras[s.row(i).camera]
		}
		again, err := unmarshal(s.marshal())
		if err != nil || !bytes.Equal(again.marshal(), s.marshal()) {
			t.Errorf("it is another: %v", err)
		}
	})
}

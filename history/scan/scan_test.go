package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var small = historytest.Output{Rows: 3000, N: 64, Partitions: 3, Cameras: 7, Partial: true, Span: 3 * time.Hour, Features: true}

func written(t testing.TB, o historytest.Output) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "out")
	if err := o.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	return root
}

func open(t testing.TB, root string) *Scan {
	t.Helper()
	s, err := Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rows(t testing.TB, s *Scan, q Query) (all []result.Frame) {
	t.Helper()
	for r, err := range s.Rows(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *r)
	}
	return all
}

// place is what is always read of a row.
func place(r result.Frame) result.Frame {
	return result.Frame{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Camera: r.Camera, Captured: r.Captured}
}

func TestARowIsReadIfItIsWanted(t *testing.T) {
	root := written(t, small)
	var all []result.Frame
	small.All(func(r result.Frame) bool {
		all = append(all, r)
		return true
	})
	begin := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	names := []string{"camera-00", "camera-03", "camera-06", "nobody"}
	rapid.Check(t, func(rt *rapid.T) {
		q := Query{Columns: result.OfEvents, Cameras: rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(rt, "cameras")}
		if rapid.Bool().Draw(rt, "bounded") {
			q.Period.From = begin.Add(time.Duration(rapid.IntRange(-10, 200).Draw(rt, "from")) * time.Minute)
			q.Period.To = q.Period.From.Add(time.Duration(rapid.IntRange(1, 100).Draw(rt, "long")) * time.Minute)
		}
		if rapid.Bool().Draw(rt, "at times") {
			q.Period.During, _ = period.Times(rapid.SampledFrom([]string{"00:30-01:00", "23:00-00:10,02:00-02:01"}).Draw(rt, "during"))
		}
		if rapid.Bool().Draw(rt, "with events") {
			q.Filled = result.OfEvents
			q.EventTypes = rapid.SampledFrom([][]string{nil, {result.EventSilence}, {result.EventLineCrossed, result.EventEpochStarted}, {"Nothing"}}).Draw(rt, "types")
		}
		of := func(rows []result.Frame) (list []result.Frame) {
			for _, r := range rows {
				// Rows with other events may come too, since files are chosen by types.
				if len(q.EventTypes) == 0 || slices.ContainsFunc(r.Events, func(e result.Event) bool { return slices.Contains(q.EventTypes, e.Type) }) {
					list = append(list, r)
				}
			}
			return list
		}
		var want []result.Frame
		for _, r := range all {
			if (len(q.Cameras) == 0 || slices.Contains(q.Cameras, r.Camera)) && q.Period.Contains(r.At()) && (q.Filled == 0 || len(r.Events) > 0) {
				w := place(r)
				w.Events = r.Events
				want = append(want, w)
			}
		}
		got := rows(t, open(t, root), q)
		if d := cmp.Diff(of(want), of(got), cmpopts.EquateEmpty()); d != "" {
			rt.Fatalf("%+v: %s", q, d)
		}
	})
}

func TestAWalkMayEndAtAnyRow(t *testing.T) {
	s := open(t, written(t, small))
	for _, stop := range []int{1, 70, 1500} {
		n := 0
		for _, err := range s.Rows(t.Context(), Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == stop {
				break
			}
		}
	}
	if n := len(rows(t, s, Query{Columns: result.AllColumns})); n != 3000 {
		t.Errorf("%d rows", n)
	}
}

// statistics are the files of the journal that keep what footers say.
func statistics(t testing.TB, root string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "_framebeam", "*", "statistics+*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhatFootersSayIsKeptAndNeverBelievedOfAnotherFile(t *testing.T) {
	o := historytest.Output{Rows: 64 * 80, N: 64, Span: 80 * time.Hour}
	root := written(t, o)
	q := Query{Period: period.Period{To: time.Date(2024, 5, 1, 0, 30, 0, 0, time.UTC)}}
	first := rows(t, open(t, root), q)
	kept := statistics(t, root)
	if len(first) == 0 || len(kept) != 1 {
		t.Fatalf("%d rows, %q", len(first), kept)
	}
	files, err := filepath.Glob(filepath.Join(root, "results", "*", "*", "*.parquet"))
	if err != nil || len(files) != 80 {
		t.Fatal(len(files), err)
	}
	// With what is kept only the file is opened that the rows are in: another may be damaged.
	damage(t, files[50])
	if got := rows(t, open(t, root), q); len(got) != len(first) {
		t.Errorf("%d rows, want %d", len(got), len(first))
	}
	// A file of another length is another file.
	if err := os.WriteFile(files[50], []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, err = range open(t, root).Rows(t.Context(), q) {
	}
	if err == nil || !strings.Contains(err.Error(), files[50]) {
		t.Errorf("a damaged file gives %v", err)
	}
	// A file that is gone has no rows.
	if err := os.Remove(files[50]); err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, open(t, root), Query{})); n != 64*79 {
		t.Errorf("%d rows", n)
	}
	// What was kept may be removed, or be nonsense.
	if err := os.WriteFile(kept[0], []byte(`{"format":1,"files":{"x":3}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, open(t, root), Query{})); n != 64*79 {
		t.Errorf("%d rows", n)
	}
}

func damage(t testing.TB, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0x55
	}
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAFileOfAnotherLineageIsLookedAtAgain(t *testing.T) {
	o := historytest.Output{Rows: 64 * 40, N: 64, Written: true}
	root := written(t, o)
	if n := len(rows(t, open(t, root), Query{})); n != 64*40 || len(statistics(t, root)) != 1 {
		t.Fatal(n, statistics(t, root))
	}
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	// Another configuration, for which chunk 39 was made before it began, is made again.
	last := filepath.Join(root, "results/frames+0/0000000000000000000", fmt.Sprintf("frames+0+%019d+%019d.parquet", 39*64, 40*64-1))
	if err := os.Rename(filepath.Join(root, "states/frames+0/0000000000000000000", fmt.Sprintf("frames+0+%019d+%019d.avro", 39*64, 40*64-1)),
		filepath.Join(t.TempDir(), "states")); err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(t.Context(), folder, output.OpenConfig{N: 64, ConfigDigest: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, open(t, root), Query{})); n != 64*39 {
		t.Errorf("%d rows, those of the earlier configuration too", n)
	}
	w, err := output.OpenWriter(t.Context(), out.Spec())
	if err != nil {
		t.Fatal(err)
	}
	var list []result.Frame
	for off := int64(39 * 64); off < 40*64; off++ {
		r := o.Row(0, off)
		r.Camera = "new"
		list = append(list, r)
	}
	end := chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: "frames"}, Index: 39}, N: 64, Offsets: chunk.Span(39*64, 40*64)}
	if _, err := w.Commit(t.Context(), end, list, nil, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, open(t, root), Query{Cameras: []string{"new"}})); n != 64 {
		t.Errorf("%d rows of the file that came in the place of %s", n, last)
	}
}

func TestWhoMayNotWriteKeepsNothing(t *testing.T) {
	root := written(t, historytest.Output{Rows: 64 * 40, N: 64})
	inTheWay := filepath.Join(root, "_framebeam", "frames+0", fmt.Sprintf("statistics+%019d.json", 0), "x")
	if err := os.MkdirAll(inTheWay, 0o755); err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, open(t, root), Query{})); n != 64*40 {
		t.Errorf("%d rows", n)
	}
}

func TestAnOutputOfAnEarlierProgramIsRead(t *testing.T) {
	s := open(t, "../../testdata/earlier/output")
	var want []result.Frame
	if err := s.Output().Each(t.Context(), func(_ string, rows []result.Frame, _ bool) error {
		want = append(want, rows...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, rows(t, s, Query{Columns: result.AllColumns})); d != "" || len(want) == 0 {
		t.Errorf("%d rows: %s", len(want), d)
	}
}

func TestAnUnknownCameraIsToldWithThoseThatThereAre(t *testing.T) {
	s := open(t, written(t, small))
	if err := s.CheckCameras(t.Context(), []string{"camera-01", "camera-06"}); err != nil {
		t.Error(err)
	}
	err := s.CheckCameras(t.Context(), []string{"camera-01", "camera-11"})
	if want := `--camera=camera-11: the output has no result of this camera (there are: camera-00, camera-01, camera-02, camera-03, camera-04, ` +
		`camera-05, camera-06); did you mean "camera-01"?`; err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestAFolderThatIsNoOutputIsAnError(t *testing.T) {
	if _, err := Open(t.Context(), t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

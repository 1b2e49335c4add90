package result_test

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/result"
)

// only is a row of which nothing but some columns was read.
func only(f result.Frame, c result.Columns) result.Frame {
	o := result.Frame{Topic: f.Topic, Partition: f.Partition, Offset: f.Offset, Timestamp: f.Timestamp, Camera: f.Camera, Captured: f.Captured}
	if c&result.OfEpoch != 0 {
		o.Epoch, o.Sequence = f.Epoch, f.Sequence
	}
	if c&result.OfImage != 0 {
		o.Width, o.Height, o.Encoding, o.Bytes = f.Width, f.Height, f.Encoding, f.Bytes
	}
	if c&result.OfStatus != 0 {
		o.Status, o.Reason, o.Detail = f.Status, f.Reason, f.Detail
	}
	if c&result.OfQuality != 0 {
		o.Quality = f.Quality
	}
	if c&result.OfDetections != 0 {
		o.Detections = f.Detections
	}
	if c&result.OfEvents != 0 {
		o.Events = f.Events
	}
	if c&result.OfFeatures != 0 {
		o.Features = f.Features
	}
	if c&result.OfConfig != 0 {
		o.Config = f.Config
	}
	return o
}

// some reads what is selected of a file.
func some(b []byte, s result.Selection) (rows []result.Frame, statistics result.Statistics, err error) {
	f, err := result.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, statistics, err
	}
	if statistics, err = f.Statistics(); err != nil {
		return nil, statistics, err
	}
	err = f.Each(s, func(some []result.Frame) error {
		rows = append(rows, some...)
		return nil
	})
	return rows, statistics, err
}

// bound fails where the statistics leave out what a row has.
func bound(t interface{ Errorf(string, ...any) }, s result.Statistics, rows []result.Frame) {
	if s.Rows != int64(len(rows)) {
		t.Errorf("%d rows, not %d", s.Rows, len(rows))
	}
	for i := range rows {
		r := &rows[i]
		if at := r.At().UnixMicro(); at < s.First || at > s.Last {
			t.Errorf("row %d: %d is not in %d to %d", i, at, s.First, s.Last)
		}
		if !s.HasCamera([]string{"nobody", r.Camera}) || !s.HasCamera(nil) {
			t.Errorf("row %d: camera %q is not one of %q", i, r.Camera, s.Cameras)
		}
		for _, e := range r.Events {
			if !s.HasEvents([]string{e.Type}) || !s.HasEvents(nil) {
				t.Errorf("row %d: event %q is not one of %q", i, e.Type, s.EventTypes)
			}
		}
	}
}

func TestWhatIsReadOfAFileIsWhatIsSelected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(drawFrame), 0, 8).Draw(t, "rows")
		columns := result.Columns(rapid.IntRange(0, int(result.AllColumns)).Draw(t, "columns"))
		filled := rapid.SampledFrom([]result.Columns{0, 0, result.OfEvents, result.OfDetections, result.OfEvents | result.OfFeatures}).Draw(t, "filled")
		columns |= filled
		camera := rapid.SampledFrom([]string{"", "a", "*"}).Draw(t, "camera")
		var b bytes.Buffer
		if err := result.WriteParquet(&b, rows, nil); err != nil {
			t.Fatal(err)
		}
		s := result.Selection{Columns: columns, Filled: filled}
		if camera != "*" {
			s.Row = func(f *result.Frame) bool { return f.Camera == camera }
			s.Group = func(s *result.Statistics) bool { return s.HasCamera([]string{camera}) }
		}
		var want []result.Frame
		for _, r := range rows {
			empty := (filled&result.OfEvents == 0 || len(r.Events) == 0) && (filled&result.OfDetections == 0 || len(r.Detections) == 0) &&
				(filled&result.OfFeatures == 0 || len(r.Features) == 0)
			if (camera == "*" || r.Camera == camera) && (filled == 0 || !empty) {
				want = append(want, only(r, columns))
			}
		}
		got, statistics, err := some(b.Bytes(), s)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("columns %b: %s", columns, d)
		}
		bound(t, statistics, rows)
	})
}

func TestOfAFileOfTheFirstFormatEverythingIsReadToo(t *testing.T) {
	old, err := os.ReadFile("testdata/format1.parquet")
	if err != nil {
		t.Fatal(err)
	}
	rows, statistics, err := some(old, result.Selection{Columns: result.AllColumns})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(samples(), rows); diff != "" {
		t.Error(diff)
	}
	bound(t, statistics, rows)
	if want := []string{"", "Tür <2>", "gate-1"}; !slices.Equal(want, statistics.Cameras) {
		t.Errorf("cameras %q", statistics.Cameras)
	}
	if want := []string{"EpochStarted"}; !slices.Equal(want, statistics.EventTypes) || statistics.HasEvents([]string{"Silence"}) {
		t.Errorf("events %q", statistics.EventTypes)
	}
}

func TestColumnsThatAFileHasNotAreZero(t *testing.T) {
	r := file(t, []newer{{Topic: "frames", Extra: []string{"x"}, Offset: 3}}, "2")
	b := make([]byte, r.Len())
	if _, err := r.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	rows, statistics, err := some(b, result.Selection{Columns: result.AllColumns})
	if diff := cmp.Diff([]result.Frame{{Topic: "frames", Offset: 3, Sequence: -1}}, rows); diff != "" || err != nil {
		t.Error(err, diff)
	}
	bound(t, statistics, rows)
}

func TestOnlyWhatIsSelectedIsReadFromTheFile(t *testing.T) {
	var b bytes.Buffer
	if err := result.WriteParquet(&b, samples(), nil); err != nil {
		t.Fatal(err)
	}
	counted := &countingReaderAt{b: b.Bytes()}
	f, err := result.OpenFile(counted, int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	of := func(c result.Columns) int {
		counted.n = 0
		if err := f.Each(result.Selection{Columns: c}, func([]result.Frame) error { return nil }); err != nil {
			t.Fatal(err)
		}
		return counted.n
	}
	if none, events, all := of(0), of(result.OfEvents), of(result.AllColumns); none >= events || events >= all/2 {
		t.Errorf("%d bytes of none, %d of events, %d of all", none, events, all)
	}
}

type countingReaderAt struct {
	b []byte
	n int
}

func (r *countingReaderAt) ReadAt(b []byte, off int64) (int, error) {
	r.n += len(b)
	return bytes.NewReader(r.b).ReadAt(b, off)
}

// FuzzFile: what is read of a damaged file is an error or what ReadParquet reads, and its
// statistics leave nothing out.
func FuzzFile(f *testing.F) {
	for n := range samples() {
		var b bytes.Buffer
		if err := result.WriteParquet(&b, samples()[:n+1], nil); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, _, err := some(b, result.Selection{Columns: result.AllColumns})
		if err != nil {
			return
		}
		whole, _, err := result.ReadParquet(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if d := cmp.Diff(whole, rows, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); d != "" {
			t.Error(d)
		}
	})
}

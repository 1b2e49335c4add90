package area

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
)

// small is an output of a day of six cameras.
var small = historytest.Output{Rows: 3_000, N: 128, Partitions: 2, Cameras: 6, Span: 24 * time.Hour, Partial: true}

// plain finds the same without an index, and in other words: all that was there, by camera,
// cut where there is too much time between two.
func plain(q *Query, left, top, right, bottom int64) []Stretch {
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	hits := map[string][]result.Frame{} // with only what counts
	small.All(func(r result.Frame) bool {
		if !in(q.Cameras, r.Camera) || !q.Period.Contains(r.At()) {
			return true
		}
		var there []result.Detection
		for _, d := range r.Detections {
			// In units of 1/64 of 640 x 480 pixels: 10 by 7.5 of them.
			x1, y1, x2, y2 := int64(d.X)*2, int64(d.Y)*2, int64(d.X+d.Width)*2, int64(d.Y+d.Height)*2
			if q.Feet {
				x1, y1 = int64(2*d.X+d.Width), y2
				x2 = x1
			}
			if in(q.Labels, d.Label) && in(q.Analyses, d.Analysis) && x2 >= left*20 && x1 <= right*20 && y2 >= top*15 && y1 <= bottom*15 {
				there = append(there, d)
			}
		}
		if len(there) > 0 {
			r.Detections = there
			hits[r.Camera] = append(hits[r.Camera], r)
		}
		return true
	})
	var all []Stretch
	for camera, rows := range hits {
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && rows[n].At().Sub(rows[n-1].At()) <= q.Apart {
				n++
			}
			all = append(all, said(camera, rows[:n]))
			rows = rows[n:]
		}
	}
	slices.SortFunc(all, func(a, b Stretch) int { return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Camera, b.Camera)) })
	return all
}

func said(camera string, rows []result.Frame) Stretch {
	counts := map[string]map[string]bool{}
	for _, r := range rows {
		same := map[string]int{}
		for _, d := range r.Detections {
			key := fmt.Sprint("track ", d.Track)
			if d.Track == 0 {
				same[d.Label]++
				key = fmt.Sprint("the ", same[d.Label], "th")
			}
			if counts[d.Label] == nil {
				counts[d.Label] = map[string]bool{}
			}
			counts[d.Label][key] = true
		}
	}
	s := Stretch{Camera: camera, From: rows[0].At(), To: rows[len(rows)-1].At(), Frames: int64(len(rows)), Topic: rows[0].Topic, Partition: rows[0].Partition, Offset: rows[0].Offset}
	for label, things := range counts {
		s.Things = append(s.Things, Thing{label, len(things)})
	}
	slices.SortFunc(s.Things, func(a, b Thing) int { return strings.Compare(a.Label, b.Label) })
	return s
}

func TestStretchesAreThoseOfLookingAtEverything(t *testing.T) {
	root := t.TempDir()
	if err := small.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	s, err := scan.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	found := 0
	rapid.Check(t, func(r *rapid.T) {
		edge := rapid.Int64Range(0, 63)
		left, top := edge.Draw(r, "left"), edge.Draw(r, "top")
		right, bottom := rapid.Int64Range(left+1, 64).Draw(r, "right"), rapid.Int64Range(top+1, 64).Draw(r, "bottom")
		q := Query{Output: root, Feet: rapid.Bool().Draw(r, "feet"), Apart: time.Duration(rapid.IntRange(0, 7200).Draw(r, "apart")) * time.Second}
		at := func(x, y int64) string { return fmt.Sprintf("%v,%v", float64(x)/64, float64(y)/64) }
		q.Area = at(left, top) + " " + at(right, bottom)
		if rapid.Bool().Draw(r, "corners") {
			q.Area = at(right, top) + " " + at(right, bottom) + "\t" + at(left, bottom) + " " + at(left, top)
		}
		some := func(name string, of ...string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID).Draw(r, name)
		}
		q.Cameras = some("cameras", "camera-00", "camera-03", "camera-05")
		q.Labels = some("labels", "person", "car", "motion")
		q.Analyses = some("analyses", "motion", "tracking")
		if rapid.Bool().Draw(r, "period") {
			q.Period.From = begin.Add(time.Duration(rapid.IntRange(0, 80_000).Draw(r, "from")) * time.Second)
			q.Period.To = q.Period.From.Add(time.Duration(rapid.IntRange(1, 80_000).Draw(r, "long")) * time.Second)
		}
		got, err := q.Find(t.Context(), s)
		if err != nil {
			r.Fatal(err)
		}
		want := plain(&q, left, top, right, bottom)
		if d := gocmp.Diff(want, got); d != "" {
			r.Fatalf("%+v\n%s", q, d)
		}
		found += len(got)
	})
	if found == 0 {
		t.Error("nothing was ever found")
	}
}

func TestWhatIsPrinted(t *testing.T) {
	root := t.TempDir()
	if err := small.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	q := Query{Output: root, Area: "0.1,0.4 0.5,0.9", Cameras: []string{"camera-01"}, Apart: 10 * time.Minute}
	for format, want := range map[string]string{
		"text":  "FROM                           TO                             CAMERA     WHAT                FRAMES  FIRST\n2024-05-01 ",
		"csv":   "from,to,camera,what,frames,topic,log_partition,log_offset\n2024-05-01T",
		"jsonl": `{"from":"2024-05-01T`,
	} {
		q.Format = format
		if err := q.Check(); err != nil {
			t.Fatal(err)
		}
		var b, notes bytes.Buffer
		if err := q.Write(t.Context(), &b, &notes); err != nil || notes.Len() > 0 {
			t.Fatal(err, notes.String())
		}
		if !strings.HasPrefix(b.String(), want) {
			t.Errorf("%s: %.300s", format, b.String())
		}
		if format == "jsonl" {
			for line := range strings.Lines(b.String()) {
				if !json.Valid([]byte(line)) {
					t.Error(line)
				}
			}
		}
	}
	q.Cameras = []string{"nowhere"}
	if err := q.Write(t.Context(), &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "--camera=nowhere") {
		t.Error(err)
	}
}

func TestAWrongQueryNamesEveryViolation(t *testing.T) {
	q := Query{Area: "0.1,0.2 0.3", Cameras: []string{"a/b"}, Apart: -1, Format: "xml"}
	err := q.Check()
	for _, want := range []string{"--output is missing", `--area: "0.3" is no corner`, "--camera=a/b", "--apart", "--format=xml: not one of text, csv, jsonl"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	for _, bad := range []string{"", "0,0", "0,0 1,1 1,0 0,1", "0,0 0,0", "0,0 1,2", "NaN,0 1,1", "0,0,0 1,1"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is an area", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0.1,0.6 0.5,0.6 0.5,1", "0,0 1,1", "1e-9,1", "Inf,0 0,0 0,1"} {
		f.Add(s)
	}
	// An area that is taken has one.
	f.Fuzz(func(t *testing.T, s string) {
		if g, err := Parse(s); err == nil && !(g.Area() >= 0 && g.Area() <= 1.0001) {
			t.Errorf("%q has an area of %v", s, g.Area())
		}
	})
}

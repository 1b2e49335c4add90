package area

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// small is an output of a day of six cameras.
var small = historytest.Output{Rows: 3_000, N: 128, Partitions: 2, Cameras: 6, Span: 24 * time.Hour, Partial: true, Cells: true}

// plain finds the same without an index, and in other words: all that was there, by camera,
// cut where there is too much time between two.
func plain(o historytest.Output, q *Query, left, top, right, bottom int64) []Stretch {
	hits := map[string][]result.Frame{} // with only what counts
	o.All(func(r result.Frame) bool {
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
		there = append(there, cellsThere(q, &r, left, top, right, bottom)...)
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

// cellsThere are the cells of the rule that has most of them there, as boxes.
func cellsThere(q *Query, r *result.Frame, left, top, right, bottom int64) (most []result.Detection) {
	if q.Feet || !in(q.Labels, "activity") {
		return nil
	}
	for _, x := range r.Features {
		var columns, rows, side int64
		if _, err := fmt.Sscanf(x.Kind, "cells/%dx%d/%d", &columns, &rows, &side); err != nil || !in(q.Analyses, x.Analysis) {
			continue
		}
		var there []result.Detection
		for i := range columns * rows {
			if x.Data[i/8]<<(i%8)&0x80 == 0 {
				continue
			}
			x1, y1 := i%columns*side, i/columns*side
			x2, y2 := min(x1+side, int64(r.Width)), min(y1+side, int64(r.Height))
			if 2*x2 >= left*20 && 2*x1 <= right*20 && 2*y2 >= top*15 && 2*y1 <= bottom*15 {
				there = append(there, result.Detection{Label: "activity"})
			}
		}
		if len(there) > len(most) {
			most = there
		}
	}
	return most
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
	cellsOnly := small
	cellsOnly.Plain = true
	for name, o := range map[string]historytest.Output{"boxes and cells": small, "only cells": cellsOnly} {
		t.Run(name, func(t *testing.T) { stretchesAreThoseOf(t, o) })
	}
}

func stretchesAreThoseOf(t *testing.T, o historytest.Output) {
	root := t.TempDir()
	if err := o.Write(t.Context(), root); err != nil {
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
		q.Labels = some("labels", "person", "car", "motion", "activity")
		q.Analyses = some("analyses", "motion", "tracking", "activity/near", "activity/far")
		if rapid.Bool().Draw(r, "period") {
			q.Period.From = begin.Add(time.Duration(rapid.IntRange(0, 80_000).Draw(r, "from")) * time.Second)
			q.Period.To = q.Period.From.Add(time.Duration(rapid.IntRange(1, 80_000).Draw(r, "long")) * time.Second)
		}
		got, err := q.Find(t.Context(), s)
		if err != nil {
			r.Fatal(err)
		}
		want := plain(o, &q, left, top, right, bottom)
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
		"text":  "FROM                           TO                             CAMERA     WHAT                             FRAMES  FIRST\n2024-05-01 ",
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

func TestCellsAreReadOnlyWhereTheyAreAskedForAndMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		q    Query
		want bool
	}{
		"all":                {Query{}, true},
		"the label":          {Query{Labels: []string{"person", "activity"}}, true},
		"another label":      {Query{Labels: []string{"person"}}, false},
		"a rule":             {Query{Analyses: []string{"motion", "activity/yard"}}, true},
		"another analysis":   {Query{Analyses: []string{"motion", "activityish"}}, false},
		"what stands there":  {Query{Feet: true}, false},
		"the label standing": {Query{Feet: true, Labels: []string{"activity"}}, false},
	} {
		if got := c.q.asksCells(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCellsThatCannotBeReadAreCountedAndTold(t *testing.T) {
	polygon, err := Parse("0,0 1,1")
	if err != nil {
		t.Fatal(err)
	}
	c := cells{area: polygon}
	row := result.Frame{Topic: "frames", Offset: 7, Width: 25, Height: 10}
	row.Features = []result.Feature{
		{Analysis: "activity", Kind: "cells/3x1/10", Data: []byte{0b1010_0000}},
		{Analysis: "activity", Kind: "cells/3x1/10", Data: []byte{0, 0}},
		{Analysis: "activity", Kind: "cells/9x1/10", Data: []byte{0, 0}}, // of another picture
		{Analysis: "activity", Kind: "later", Data: []byte{1}},
		{Analysis: "pipe", Kind: "cells/3x1/10", Data: nil},
	}
	if n := c.there(&row, func(string) bool { return true }); n != 2 || c.unreadable != 2 || c.reason == nil || !strings.Contains(c.reason.Error(), "frames/0@7") {
		t.Error(n, c.unreadable, c.reason)
	}
}

func TestWhoLooksForCellsIsToldThatNoneWereKept(t *testing.T) {
	root := t.TempDir()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	c := profiles.Default()
	st, err := c.Stages()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := output.Open(t.Context(), folder, output.OpenConfig{N: 8, ConfigDigest: st.Digest, ConfigText: st.Text}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		labels []string
		told   bool
	}{{nil, false}, {[]string{"person"}, false}, {[]string{"person", "activity"}, true}} {
		q := Query{Output: root, Area: "0,0 1,1", Labels: c.labels, Format: "text"}
		var notes bytes.Buffer
		if err := q.Write(t.Context(), io.Discard, &notes); err != nil || strings.Contains(notes.String(), "activity did not run") != c.told {
			t.Errorf("%v: %v %s", c.labels, err, &notes)
		}
	}
}

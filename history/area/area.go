// Package area says when something was in a part of the picture: of the boxes that an output
// holds, of tracks and of detections, and of the cells in which activity saw something move,
// without decoding a frame. Times that are near each other are one stretch.
package area

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// Query says what to look for, and where.
type Query struct {
	Output   string // folder: a local path or scheme://…
	Area     string // see [Parse]
	Feet     bool   // the middle of a box's lower edge must be in the area, as zones want it; else any of it
	Period   period.Period
	Cameras  []string      // only these; none: all
	Labels   []string      // classes of objects that count; none: all
	Analyses []string      // whose boxes count; none: all
	Apart    time.Duration // stretches with less between them are one
	Format   string        // one of [Formats]
}

// Parse reads a polygon: "0.1,0.6 0.5,0.6 0.5,1", the corners' x and y from 0 to 1 of the
// picture's width and height. Two corners are those of an upright rectangle.
func Parse(text string) (geometry.Polygon, error) {
	var corners []geometry.Position
	for _, word := range strings.Fields(text) {
		x, y, ok := strings.Cut(word, ",")
		var p geometry.Position
		var err1, err2 error
		p[0], err1 = strconv.ParseFloat(x, 64)
		p[1], err2 = strconv.ParseFloat(y, 64)
		if !ok || err1 != nil || err2 != nil || !(p[0] >= 0 && p[0] <= 1) || !(p[1] >= 0 && p[1] <= 1) {
			return geometry.Polygon{}, fmt.Errorf("%q is no corner such as 0.5,1: x and y from 0 to 1", word)
		}
		corners = append(corners, p)
	}
	const most = 256
	if len(corners) > most {
		return geometry.Polygon{}, fmt.Errorf("%d corners are more than %d", len(corners), most)
	}
	if len(corners) == 2 {
		a, b := corners[0], corners[1]
		corners = []geometry.Position{a, {b[0], a[1]}, b, {a[0], b[1]}}
	}
	return geometry.NewPolygon(corners)
}

// Check returns everything that is wrong with the query.
func (q *Query) Check() error {
	var bad []error
	if strings.TrimSpace(q.Output) == "" {
		bad = append(bad, errors.New("--output is missing"))
	}
	if _, err := Parse(q.Area); err != nil {
		bad = append(bad, fmt.Errorf("--area: %w", err))
	}
	bad = append(bad, scan.CheckCameraIDs(q.Cameras))
	if q.Apart < 0 || q.Apart > 24*time.Hour {
		bad = append(bad, fmt.Errorf("--apart=%v: not 0s to 24h", q.Apart))
	}
	if _, ok := printers[q.Format]; !ok {
		bad = append(bad, fmt.Errorf("--format=%s: not one of %s", q.Format, strings.Join(Formats, ", ")))
	}
	return errors.Join(bad...)
}

// Stretch is a stretch of time in which something was in the area of a camera's picture.
type Stretch struct {
	Camera   string
	From, To time.Time // of the first and last frame
	Frames   int64     // in which something was there
	Things   []Thing   // by label
	// Where the first of these frames lies.
	Topic     string
	Partition int32
	Offset    int64
}

// Thing is what was there.
type Thing struct {
	Label string
	// Count is of tracks; of what is not tracked, and of cells of activity, the most that
	// were there in one frame.
	Count int
}

// finder looks at rows in the order of the log. It holds a stretch for each camera.
type finder struct {
	*Query
	area   geometry.Polygon
	bounds geometry.Box
	cells  cells
	open   map[stream]*stretch
	found  []Stretch
}

type stream struct {
	topic     string
	partition int32
	camera    string
}

type stretch struct {
	Stretch
	tracks map[string]map[int64]bool // by label
	most   map[string]int            // of what is not tracked
}

// Find are the stretches, in the order of their beginnings.
func (q *Query) Find(ctx context.Context, s *scan.Scan) ([]Stretch, error) {
	f, err := q.find(ctx, s)
	if err != nil {
		return nil, err
	}
	return f.found, nil
}

func (q *Query) find(ctx context.Context, s *scan.Scan) (*finder, error) {
	area, err := Parse(q.Area)
	if err != nil {
		return nil, err
	}
	f := &finder{Query: q, area: area, bounds: area.Bounds(), cells: cells{area: area}, open: map[stream]*stretch{}}
	lists := result.OfDetections
	if q.asksCells() && hasCells(s.Output()) {
		lists |= result.OfFeatures
	}
	for row, err := range s.Rows(ctx, scan.Query{Period: q.Period, Cameras: q.Cameras, Columns: lists | result.OfImage, Filled: lists}) {
		if err != nil {
			return nil, err
		}
		f.add(row)
	}
	for _, st := range f.open {
		f.close(st)
	}
	slices.SortFunc(f.found, func(a, b Stretch) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.Topic, b.Topic),
			cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return f, nil
}

func (f *finder) add(row *result.Frame) {
	var st *stretch
	untracked := map[string]int(nil)
	for i := range row.Detections {
		d := &row.Detections[i]
		if !f.wants(d) || !f.there(d, row) {
			continue
		}
		if st == nil {
			st = f.stretch(row)
		}
		if d.Track == 0 {
			if untracked == nil {
				untracked = map[string]int{}
			}
			untracked[d.Label]++
			continue
		}
		if st.tracks[d.Label] == nil {
			st.tracks[d.Label] = map[int64]bool{}
		}
		st.tracks[d.Label][d.Track] = true
	}
	for label, n := range untracked {
		st.most[label] = max(st.most[label], n)
	}
	if n := f.cells.there(row, func(analysis string) bool { return in(f.Analyses, analysis) }); n > 0 {
		if st == nil {
			st = f.stretch(row)
		}
		st.most[activity] = max(st.most[activity], n)
	}
}

func (f *finder) wants(d *result.Detection) bool {
	// Where a lost track is, is a guess.
	return d.State != "lost" && in(f.Labels, d.Label) && in(f.Analyses, d.Analysis)
}

func in(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }

// there reports whether a box is in the area.
func (f *finder) there(d *result.Detection, row *result.Frame) bool {
	if f.Feet {
		return f.area.Contains(geometry.BottomCentre(d.X, d.Y, d.Width, d.Height, row.Width, row.Height))
	}
	b := geometry.BoxOf(d.X, d.Y, d.Width, d.Height, row.Width, row.Height)
	if b.Max.X < f.bounds.Min.X || b.Min.X > f.bounds.Max.X || b.Max.Y < f.bounds.Min.Y || b.Min.Y > f.bounds.Max.Y {
		return false
	}
	return f.area.Meets(b)
}

// stretch is the one that a frame belongs to, in which it is counted.
func (f *finder) stretch(row *result.Frame) *stretch {
	of := stream{row.Topic, row.Partition, row.Camera}
	at := row.At()
	st := f.open[of]
	if st != nil && (at.Sub(st.To) > f.Apart || st.From.Sub(at) > f.Apart) {
		f.close(st)
		st = nil
	}
	if st == nil {
		st = &stretch{
			Stretch: Stretch{Camera: row.Camera, From: at, To: at, Topic: row.Topic, Partition: row.Partition, Offset: row.Offset},
			tracks:  map[string]map[int64]bool{}, most: map[string]int{},
		}
		f.open[of] = st
	}
	if at.Before(st.From) {
		st.From = at
	}
	if at.After(st.To) {
		st.To = at
	}
	st.Frames++
	return st
}

// close ends a stretch.
func (f *finder) close(st *stretch) {
	for label, n := range st.most {
		if st.tracks[label] == nil {
			st.Things = append(st.Things, Thing{label, n})
		}
	}
	for label, tracks := range st.tracks {
		st.Things = append(st.Things, Thing{label, len(tracks)})
	}
	slices.SortFunc(st.Things, func(a, b Thing) int { return cmp.Compare(a.Label, b.Label) })
	f.found = append(f.found, st.Stretch)
}

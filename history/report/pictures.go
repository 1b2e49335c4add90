package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"maps"
	"slices"
	"strings"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/page"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/config/shapes"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// The pictures of a report are at most so wide, and of this JPEG quality.
const (
	pictureWidth   = 576
	pictureQuality = 62
)

const tooLarge = "the page would be too large"

// Pictured is a difference that is shown, with what both sides look like there.
type Pictured struct {
	*backtest.Difference
	Number int // from 1, in the order of capture
	// JPEGs before and after the change, of Width x Height pixels; nil where Why says why not.
	PictureBefore, PictureAfter []byte
	Width, Height               int
	Why                         string
}

// Pictured are the differences that are shown, group by group, the one that differs most first.
func (r *Report) Pictured() (all []Pictured) {
	for _, g := range r.groups {
		for _, s := range g.shown {
			all = append(all, Pictured{
				s.Difference, s.number, s.before.jpeg, s.after.jpeg, max(s.before.width, s.after.width), max(s.before.height, s.after.height),
				cmp.Or(s.before.why, s.after.why),
			})
		}
	}
	return all
}

func (s *sight) drawn() bool { return s.jpeg != nil }

// drawing is a picture to be made: what of, and whose it is.
type drawing struct {
	moment *backtest.Moment
	other  *backtest.Moment // the other side's
	of     *shown
	into   *sight
}

// illustrate draws both sides of the differences that are shown, of as many as fit into
// the page: the first of each group, then the second, and so on.
func (r *Report) illustrate(ctx context.Context) (err error) {
	set := r.shapes()
	room := r.options.MaxBytes / 4 * 3
	chosen := r.dealt(room / pairBytes)
	byPartition := map[chunk.Partition]map[int64][]drawing{}
	for _, s := range chosen {
		for _, d := range []drawing{{&s.Before, &s.After, s, &s.before}, {&s.After, &s.Before, s, &s.after}} {
			f := &d.moment.Frame
			p := chunk.Partition{Topic: f.Topic, ID: f.Partition}
			if byPartition[p] == nil {
				byPartition[p] = map[int64][]drawing{}
			}
			byPartition[p][f.Offset] = append(byPartition[p][f.Offset], d)
		}
	}
	finder, err := picture.OpenFinder(ctx, r.options.Log, r.options.Parse)
	if err != nil {
		return fmt.Errorf("pictures of a report: %w", err)
	}
	defer func() { err = errors.Join(err, finder.Close()) }()
	order := func(a, b chunk.Partition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
	}
	for _, p := range slices.SortedFunc(maps.Keys(byPartition), order) {
		drawings := byPartition[p]
		var rows []*result.Frame
		for _, offset := range slices.Sorted(maps.Keys(drawings)) {
			rows = append(rows, &drawings[offset][0].moment.Frame)
		}
		err := finder.Each(ctx, rows, func(row *result.Frame, f *frame.Frame, why string) error {
			return draw(drawings[row.Offset], f, why, set)
		})
		if err != nil {
			return fmt.Errorf("pictures of a report: topic %s partition %d: %w", p.Topic, p.ID, err)
		}
	}
	// What the most important ones leave.
	for _, s := range chosen {
		n := page.ImageBytes(len(s.before.jpeg)) + page.ImageBytes(len(s.after.jpeg))
		if room -= n; room < 0 {
			s.before, s.after = sight{why: tooLarge}, sight{why: tooLarge}
		}
	}
	return nil
}

// dealt are at most n of the differences that are shown, the most important first. The
// others have no pictures.
func (r *Report) dealt(n int) (chosen []*shown) {
	sizes := make([]int, len(r.groups))
	for i, g := range r.groups {
		sizes[i] = len(g.shown)
	}
	quotas := fair(sizes, n)
	for i := 0; len(chosen) < sum(quotas); i++ {
		for j, g := range r.groups {
			if i < quotas[j] {
				chosen = append(chosen, g.shown[i])
			}
		}
	}
	for j, g := range r.groups {
		for _, s := range g.shown[quotas[j]:] {
			s.before.why, s.after.why = tooLarge, tooLarge
		}
	}
	return chosen
}

func sum(list []int) (n int) {
	for _, v := range list {
		n += v
	}
	return n
}

// shapes are the lines and zones of both sides' configurations.
func (r *Report) shapes() shapes.Set {
	var texts []string
	for _, side := range []*backtest.Side{&r.Before, &r.After} {
		for _, digest := range slices.Sorted(maps.Keys(side.Configs)) {
			if text := side.Configs[digest].Text; text != "" && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	return profiles.Shapes(texts...)
}

// draw makes all pictures of one frame, or notes why there are none.
func draw(drawings []drawing, f *frame.Frame, why string, set shapes.Set) error {
	var m gocv.Mat
	if why == "" {
		var err error
		if m, err = pixels.Color(f); err != nil {
			why = "it cannot be decoded: " + err.Error()
		} else {
			defer m.Close()
		}
	}
	if why != "" {
		for _, d := range drawings {
			d.into.why = why
		}
		return nil
	}
	// Drawn after it was made smaller, lines and text stay readable.
	scale := min(1, float64(pictureWidth)/float64(m.Cols()))
	size := image.Pt(max(1, int(float64(m.Cols())*scale+.5)), max(1, int(float64(m.Rows())*scale+.5)))
	if scale < 1 {
		gocv.Resize(m, &m, size, 0, 0, gocv.InterpolationArea)
	}
	for _, d := range drawings {
		jpeg, err := d.draw(m, scale, set)
		if err != nil {
			return fmt.Errorf("offset %d camera %s: %w", d.moment.Frame.Offset, d.moment.Frame.Camera, err)
		}
		*d.into = sight{jpeg: jpeg, width: size.X, height: size.Y}
	}
	return nil
}

// draw draws one side's view of the frame: its boxes, its line or zone, and the object
// concerned, also where to this side nothing happens.
func (d *drawing) draw(m gocv.Mat, scale float64, set shapes.Set) ([]byte, error) {
	row := d.moment.Frame
	row.Detections = slices.Clone(row.Detections)
	for i := range row.Detections {
		b := &row.Detections[i]
		for _, v := range []*int32{&b.X, &b.Y, &b.Width, &b.Height} {
			*v = int32(float64(*v)*scale + .5)
		}
	}
	e := d.moment.Event
	if e == nil {
		e = &result.Event{Analysis: d.of.Analysis, Rule: d.of.Rule}
		if d.other.Event != nil {
			e.Track = d.other.Event.Track
		}
	}
	canvas := m.Clone()
	defer canvas.Close()
	scene := picture.Scene{Row: &row, Told: []picture.Told{{Event: e, Row: &row}}, Shapes: set, Plain: true}
	scene.Draw(&canvas)
	return picture.EncodeJPEG(canvas, pictureQuality)
}

package steps

import (
	"image"
	"slices"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/analysis"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// regions are the parts of a picture to look at: places with a margin around them, none
// smaller than least, none touching another; or one that has them all, if they are not to
// be apart. It is the whole picture if they are most of it.
func regions(places []image.Rectangle, picture image.Rectangle, margin float64, least image.Point, apart bool) []image.Rectangle {
	var parts []image.Rectangle
	for _, p := range places {
		by := int(margin * float64(max(p.Dx(), p.Dy())))
		parts = append(parts, grown(p.Inset(-by), least).Intersect(picture))
	}
	for i := range parts {
		parts[i] = moved(parts[i], picture, least)
	}
	most := mostPlaces
	if !apart {
		most = 1
	}
	parts = fewer(parts, most)
	var all int64
	for _, p := range parts {
		all += areaOf(p)
	}
	if 4*all >= 3*areaOf(picture) {
		return []image.Rectangle{picture}
	}
	return parts
}

// grown is a rectangle that is at least so large, around the same middle.
func grown(r image.Rectangle, least image.Point) image.Rectangle {
	dx, dy := max(0, least.X-r.Dx()), max(0, least.Y-r.Dy())
	return image.Rect(r.Min.X-dx/2, r.Min.Y-dy/2, r.Max.X+dx-dx/2, r.Max.Y+dy-dy/2)
}

// moved grows a part that the picture's edge has cut below least, away from the edge.
func moved(r, picture image.Rectangle, least image.Point) image.Rectangle {
	side := func(low, high, end, least int) (int, int) {
		if missing := least - (high - low); missing > 0 {
			if low == 0 {
				high = min(end, high+missing)
			} else {
				low = max(0, low-missing)
			}
		}
		return low, high
	}
	r.Min.X, r.Max.X = side(r.Min.X, r.Max.X, picture.Max.X, least.X)
	r.Min.Y, r.Max.Y = side(r.Min.Y, r.Max.Y, picture.Max.Y, least.Y)
	return r
}

// fewer joins rectangles that touch, and then those whose union adds the least area, until
// there are at most so many. They are in an order of their own: by top, then left.
func fewer(rects []image.Rectangle, most int) []image.Rectangle {
	var all []image.Rectangle
	for _, r := range rects {
		all = join(all, r)
	}
	for len(all) > most {
		var best [2]int
		least := int64(-1)
		for i := range all {
			for j := range i {
				if added := areaOf(all[i].Union(all[j])) - areaOf(all[i]) - areaOf(all[j]); least < 0 || max(added, 0) < least {
					least, best = max(added, 0), [2]int{j, i}
				}
			}
		}
		r := all[best[0]].Union(all[best[1]])
		all = slices.Delete(all, best[1], best[1]+1)
		all = join(slices.Delete(all, best[0], best[0]+1), r)
	}
	slices.SortFunc(all, func(a, b image.Rectangle) int {
		if a.Min.Y != b.Min.Y {
			return a.Min.Y - b.Min.Y
		}
		return a.Min.X - b.Min.X
	})
	return all
}

// join adds a rectangle to those of which none touches another.
func join(all []image.Rectangle, r image.Rectangle) []image.Rectangle {
	for again := true; again; {
		again = false
		for i, o := range all {
			if r.Inset(-1).Overlaps(o) {
				r, again = r.Union(o), true
				all = slices.Delete(all, i, i+1)
				break
			}
		}
	}
	return append(all, r)
}

// cutOff reports whether a detection touches an edge of a part that is not the picture's:
// what it is of may go on behind it.
func cutOff(d *result.Detection, part, picture image.Rectangle) bool {
	left, top, right, bottom := int(d.X), int(d.Y), int(d.X+d.Width), int(d.Y+d.Height)
	return left <= part.Min.X && part.Min.X > picture.Min.X || top <= part.Min.Y && part.Min.Y > picture.Min.Y ||
		right >= part.Max.X && part.Max.X < picture.Max.X || bottom >= part.Max.Y && part.Max.Y < picture.Max.Y
}

// analysePart runs an analysis on a part of a frame.
func analysePart(a analysis.Analysis, in pixels.Input, r image.Rectangle, out *result.PerFrame) error {
	f := *in.Frame()
	f.Width, f.Height, f.Data = r.Dx(), r.Dy(), nil
	p := &part{of: in, at: r, frame: f}
	defer p.close()
	return a.Analyse(p, out)
}

// part is a part of a frame.
type part struct {
	of          pixels.Input
	at          image.Rectangle
	frame       frame.Frame
	gray, color *gocv.Mat
}

func (p *part) Frame() *frame.Frame { return &p.frame }

func (p *part) Whole() image.Point { return image.Pt(p.of.Frame().Width, p.of.Frame().Height) }

func (p *part) Gray() (gocv.Mat, error) { return p.cut(&p.gray, p.of.Gray) }

func (p *part) Color() (gocv.Mat, error) { return p.cut(&p.color, p.of.Color) }

// cut copies the part, so that its rows follow each other in memory as those of a frame do.
func (p *part) cut(to **gocv.Mat, of func() (gocv.Mat, error)) (gocv.Mat, error) {
	if *to == nil {
		m, err := of()
		if err != nil {
			return gocv.Mat{}, err
		}
		view := m.Region(p.at)
		defer view.Close()
		c := view.Clone()
		*to = &c
	}
	return **to, nil
}

func (p *part) close() {
	for _, m := range []*gocv.Mat{p.gray, p.color} {
		if m != nil {
			m.Close()
		}
	}
}

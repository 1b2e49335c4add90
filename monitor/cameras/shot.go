package cameras

import (
	"fmt"
	"image"
	"math"
	"slices"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Sizes of pictures: those of the grid, and of a camera's own view.
const (
	small = iota
	large
	sizes
)

// widths are the most pixels that a picture of a size is wide, and qualities those of its JPEG.
var (
	widths    = [sizes]int{480, 1280}
	qualities = [sizes]int{72, 82}
)

const (
	// mostShots of a camera are kept: so that one of them has results by the time that these come.
	mostShots = 16
	// apart is how far at least the captures of two shots lie from each other.
	apart = 400 * time.Millisecond
	// apartMany is the same where somebody looks at many cameras.
	apartMany = 900 * time.Millisecond
	// fresh is how far results may be behind the newest frame, by capture time, for the picture to
	// be the newest one that has some.
	fresh = 10 * time.Second
	// mostBoxes of a picture are shown.
	mostBoxes = 200
)

// shot is a frame as browsers get it. Its JSON stands before the picture.
type shot struct {
	Camera   string    `json:"camera"`
	Topic    string    `json:"topic"`
	Part     int32     `json:"partition"`
	Offset   int64     `json:"offset"`
	Epoch    string    `json:"epoch,omitempty"`
	Sequence int64     `json:"sequence"`
	Captured time.Time `json:"captured"`
	Width    int       `json:"width"` // of the frame
	Height   int       `json:"height"`
	Analysed bool      `json:"analysed"`
	Boxes    []box     `json:"boxes"`
	Config   string    `json:"config,omitempty"` // of the lines and zones

	partition chunk.Partition
	jpeg      [sizes][]byte
}

// box is one in pixels of the frame.
type box struct {
	Analysis string  `json:"a"`
	Label    string  `json:"l,omitempty"`
	X        int32   `json:"x"`
	Y        int32   `json:"y"`
	Width    int32   `json:"w"`
	Height   int32   `json:"h"`
	Track    int64   `json:"t,string,omitempty"`
	State    string  `json:"s,omitempty"`
	Score    float64 `json:"p"`
}

// analysed takes what was found in the frame.
func (s *shot) analysed(r *result.Frame) {
	s.Analysed, s.Config, s.Boxes = true, r.Config, []box{}
	for i := range r.Detections {
		if len(s.Boxes) == mostBoxes {
			break
		}
		d := &r.Detections[i]
		s.Boxes = append(s.Boxes, box{d.Analysis, d.Label, d.X, d.Y, d.Width, d.Height, d.Track, d.State, d.Score})
	}
}

// has reports whether there are pictures in these sizes.
func (s *shot) has(in [sizes]bool) bool {
	for size := range in {
		if in[size] && s.jpeg[size] == nil {
			return false
		}
	}
	return true
}

// develop makes the pictures of a frame in some sizes.
func develop(p chunk.Partition, offset int64, f *frame.Frame, in [sizes]bool) (*shot, error) {
	s := &shot{
		Camera: f.Camera, Topic: p.Topic, Part: p.ID, Offset: offset, Epoch: f.Epoch, Sequence: f.Sequence, Captured: f.Captured,
		Width: f.Width, Height: f.Height, Boxes: []box{}, partition: p,
	}
	m, err := pixels.Color(f)
	if err != nil {
		return nil, fmt.Errorf("frame %v@%d of camera %s: %w", p, offset, f.Camera, err)
	}
	defer m.Close()
	for size := range in {
		if !in[size] {
			continue
		}
		if s.jpeg[size], err = shrunk(m, widths[size], qualities[size]); err != nil {
			return nil, fmt.Errorf("frame %v@%d of camera %s: %w", p, offset, f.Camera, err)
		}
	}
	return s, nil
}

func shrunk(m gocv.Mat, width, quality int) ([]byte, error) {
	w, h := m.Cols(), m.Rows()
	most := float64(width) / float64(max(w, h))
	if most >= 1 {
		return picture.EncodeJPEG(m, quality)
	}
	to := gocv.NewMat()
	defer to.Close()
	size := image.Pt(max(1, int(float64(w)*most+.5)), max(1, int(float64(h)*most+.5)))
	gocv.Resize(m, &to, size, 0, 0, gocv.InterpolationArea)
	return picture.EncodeJPEG(to, quality)
}

// add keeps a shot, in the order of capture, and as few as are needed.
func (c *camera) add(s *shot) {
	for i, old := range c.shots {
		if old.Offset == s.Offset && old.partition == s.partition {
			for size := range s.jpeg {
				if s.jpeg[size] == nil {
					s.jpeg[size] = old.jpeg[size]
				}
			}
			c.shots = slices.Delete(c.shots, i, i+1)
			break
		}
	}
	if r := c.of(s.partition, s.Offset); r != nil {
		s.analysed(r)
	}
	i, _ := slices.BinarySearchFunc(c.shots, s, func(a, b *shot) int { return a.Captured.Compare(b.Captured) })
	c.shots = slices.Insert(c.shots, i, s)
	// Those before the newest with results are of no use any more.
	newest := -1
	for i, s := range c.shots {
		if s.Analysed {
			newest = i
		}
	}
	if newest > 0 {
		c.shots = slices.Delete(c.shots, 0, newest)
	}
	if len(c.shots) > mostShots {
		i := c.dispensable()
		c.shots = slices.Delete(c.shots, i, i+1)
	}
}

// dispensable is the shot without which the least time is left uncovered; neither the oldest, which
// results come to next, nor the newest, which is shown without them.
func (c *camera) dispensable() int {
	best, least := 1, time.Duration(math.MaxInt64)
	for i := 1; i < len(c.shots)-1; i++ {
		if gap := c.shots[i+1].Captured.Sub(c.shots[i-1].Captured); gap < least {
			best, least = i, gap
		}
	}
	return best
}

// Which picture a browser wants.
const (
	automatic = "automatic" // the newest with results, unless these are too far behind
	analysed  = "analysed"  // the newest with results
	live      = "newest"    // the newest
)

// choose is the shot that is shown; nil: none is there.
func (c *camera) choose(which string, size int) *shot {
	var last, known *shot
	for _, s := range c.shots {
		if s.jpeg[size] == nil {
			continue
		}
		last = s
		if s.Analysed {
			known = s
		}
	}
	switch {
	case which == live, known == nil && which == automatic:
		return last
	case which == automatic && last.Captured.Sub(known.Captured) > fresh:
		return last
	}
	return known
}

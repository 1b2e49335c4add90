package steps

import (
	"math"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// referenceLevel is the unit of what is remembered of cells: so many are one gray level.
const referenceLevel = 256

// recent is the mean of the last pictures, the newer the more: it has less noise.
type recent struct {
	cells           []uint16 // means, in 1/referenceLevel
	detail, squares []int64  // of blocks
}

// recentTime is how long a picture counts, in nanoseconds.
const recentTime = int64(250 * time.Millisecond)

// add takes a picture that comes so many nanoseconds after the one before, and
// returns for how much it counts, in 1/256.
func (r *recent) add(s *pixels.Survey, elapsed int64) int64 {
	if len(r.cells) != len(s.Means) {
		r.cells = make([]uint16, len(s.Means))
		for i, m := range s.Means {
			r.cells[i] = uint16(m * (referenceLevel / pixels.SurveyLevel))
		}
		r.detail, r.squares = slices.Clone(s.Detail), slices.Clone(s.Squares)
		return 256
	}
	elapsed = min(elapsed, int64(time.Minute))
	part := max(1, 256*elapsed/(elapsed+recentTime))
	for i, m := range s.Means {
		was := int(r.cells[i])
		r.cells[i] = uint16(was + (int(m)*(referenceLevel/pixels.SurveyLevel)-was)*int(part)/256)
	}
	for b := range viewBlocks {
		r.detail[b] += (s.Detail[b] - r.detail[b]) * part / 256
		r.squares[b] += (s.Squares[b] - r.squares[b]) * part / 256
	}
	return part
}

// view is a picture as it is compared: with those shortly before it.
type view struct {
	columns, rows int
	means         []int32 // of cells, in 1/SurveyLevel
	flat          []int32 // less the mean around them
	last          []int32 // the same of the newest picture alone
	detail        []int64 // of blocks: see [pixels.Survey]
	coarse        []int64 // of blocks: as detail, of the cells
	noise         int64   // variance of a pixel of the survey, in quarters of gray levels squared
	grain         int64   // variance of a cell's mean by that noise, in 1/SurveyLevel squared
	doubt         float64 // deviation of a block's detail by that noise
}

// newView is of the last pictures, of which s is the newest and counts for so
// many 1/256.
func newView(r *recent, s *pixels.Survey, part int64) *view {
	v := &view{columns: s.Columns, rows: s.Rows, means: levels(r.cells), detail: r.detail, coarse: make([]int64, viewBlocks)}
	v.flat, v.last = flatten(v.means, s.Columns, s.Rows), flatten(s.Means, s.Columns, s.Rows)
	for b := range viewBlocks {
		x0, y0, x1, y1 := s.Block(b)
		for y := max(y0, 1); y < y1; y++ {
			for x := x0; x < min(x1, s.Columns-1); x++ {
				up, here := v.means[(y-1)*s.Columns+x:], v.means[y*s.Columns+x:]
				v.coarse[b] += int64(up[1]-up[0])*int64(here[1]-here[0]) + int64(here[0]-up[0])*int64(here[1]-up[1])
			}
		}
	}
	slopes := int64(max(s.Slopes, 1))
	v.noise = noiseOf(r.detail, r.squares, slopes)
	// The mean over pictures has less variance, by p/(2-p) of one.
	perCell := int64(max(1, s.Pixels/(s.Columns*s.Rows)))
	v.grain = v.noise * (pixels.SurveyLevel / 4) * (pixels.SurveyLevel / 4) * part / (perCell * (512 - part))
	// A product of two slopes has twice the noise's variance as deviation; neighbours
	// have pixels in common.
	v.doubt = 2.5 * float64(v.noise) * math.Sqrt(float64(slopes*part)/float64(512-part))
	return v
}

func (v *view) block(b int) (x0, y0, x1, y1 int) {
	return (&pixels.Survey{Columns: v.columns, Rows: v.rows}).Block(b)
}

// absolute is the picture's sharpness as such: fine slopes as a part of the coarse
// ones, which is about the reciprocal of an edge's width in pixels of the survey.
func (v *view) absolute(s *pixels.Survey) (float64, bool) {
	var fine, coarse int64
	for b := range viewBlocks {
		fine += v.detail[b]
		coarse += v.coarse[b]
	}
	// The same energy in the unit of the fine ones, along as many pixels as a cell has.
	perCell := math.Sqrt(float64(s.Pixels) / float64(s.Columns*s.Rows))
	should := float64(coarse) / ((pixels.SurveyLevel / 4) * (pixels.SurveyLevel / 4)) * perCell
	if should < 4*float64(viewBlocks*max(s.Slopes, 1)) || should < 5*v.doubt*math.Sqrt(viewBlocks) {
		return 0, false
	}
	return float64(fine) / should, true
}

// levels makes 1/SurveyLevel of 1/referenceLevel.
func levels(cells []uint16) []int32 {
	l := make([]int32, len(cells))
	for i, c := range cells {
		l[i] = int32(c / (referenceLevel / pixels.SurveyLevel))
	}
	return l
}

package pixels

/*
#include "survey.h"
*/
import "C"

import (
	"errors"
	"math"
	"unsafe"

	"gocv.io/x/gocv"
)

// A survey's picture is divided into at most SurveyColumns x SurveyRows cells,
// and these are joined to SurveyBlocksX x SurveyBlocksY blocks.
const (
	SurveyColumns, SurveyRows    = 48, 36
	SurveyBlocksX, SurveyBlocksY = 8, 6
	// SurveyLevel is the unit of a cell's mean: so many are one gray level.
	SurveyLevel = 16
	// SurveyLeast is the least width and height in pixels that is divided.
	SurveyLeast = 16
)

// Survey is what can be seen of a gray picture from afar, in exact integers:
// equal pixels give equal numbers on every machine.
//
// It is of the picture reduced by a whole number to about 256 to 512 pixels of
// width: what is smaller is noise to it.
type Survey struct {
	// Pixels are those of the reduced picture, and Histogram counts their gray levels.
	Pixels    int
	Histogram [256]int64
	// Columns and Rows of cells, row by row; 0 if the picture is too small.
	Columns, Rows int
	Means         []int32  // of the cells, in 1/SurveyLevel gray levels
	Digests       []uint32 // of the cells' pixels
	// Detail is, of each block, the sum of products of slopes: of each to the right
	// with that of the row above, and of each downwards with that of the next column.
	// The two have no pixel in common: noise that is independent from pixel to pixel
	// adds nothing on average, while lines and edges do. Squares is the sum of the
	// squares of the same slopes, to which noise adds. In quarters of gray levels.
	Detail, Squares []int64
	// Slopes is of how many slopes each sum is, for the smallest block.
	Slopes int
}

// SurveyOf surveys an 8-bit gray picture in one pass.
func SurveyOf(gray gocv.Mat) (*Survey, error) {
	width, height := gray.Cols(), gray.Rows()
	step := max(1, min(width/256, height/192))
	s := &Survey{Pixels: (width / step) * (height / step)}
	if min(width, height) >= SurveyLeast {
		s.Columns, s.Rows = min(SurveyColumns, width/step), min(SurveyRows, height/step)
	}
	n := s.Columns * s.Rows
	cells := make([]int64, max(n, 1))
	s.Digests = make([]uint32, max(n, 1))
	s.Detail = make([]int64, SurveyBlocksX*SurveyBlocksY)
	s.Squares = make([]int64, SurveyBlocksX*SurveyBlocksY)
	ok := C.fb_survey(unsafe.Pointer(gray.Ptr()), C.int(step), C.int(s.Columns), C.int(s.Rows), SurveyBlocksX, SurveyBlocksY,
		(*C.int64_t)(&s.Histogram[0]), (*C.int64_t)(&cells[0]), (*C.uint32_t)(&s.Digests[0]),
		(*C.int64_t)(&s.Detail[0]), (*C.int64_t)(&s.Squares[0]))
	if ok == 0 {
		return nil, errors.New("survey: not an 8-bit gray picture")
	}
	if n == 0 {
		s.Digests, s.Detail, s.Squares = nil, nil, nil
		return s, nil
	}
	s.Means = make([]int32, n)
	width, height = width/step, height/step
	for r := range s.Rows {
		high := (r+1)*height/s.Rows - r*height/s.Rows
		for c := range s.Columns {
			wide := (c+1)*width/s.Columns - c*width/s.Columns
			s.Means[r*s.Columns+c] = int32(cells[r*s.Columns+c] * SurveyLevel / int64(high*wide*step*step))
		}
	}
	s.Slopes = 2 * (width/s.Columns*(s.Columns/SurveyBlocksX) - 1) * (height / s.Rows * (s.Rows / SurveyBlocksY))
	return s, nil
}

// Block is the cells of block b: columns [x0, x1) of rows [y0, y1).
func (s *Survey) Block(b int) (x0, y0, x1, y1 int) {
	x, y := b%SurveyBlocksX, b/SurveyBlocksX
	return x * s.Columns / SurveyBlocksX, y * s.Rows / SurveyBlocksY, (x + 1) * s.Columns / SurveyBlocksX, (y + 1) * s.Rows / SurveyBlocksY
}

// Level is the gray level that the given share, in per cent, of the pixels do
// not exceed.
func (s *Survey) Level(percent int) int {
	var sum int64
	for v, n := range s.Histogram {
		if sum += n; 100*sum >= int64(percent)*int64(s.Pixels) {
			return v
		}
	}
	return 255
}

// Mean is the mean gray level, in 1/SurveyLevel.
func (s *Survey) Mean() int {
	var sum int64
	for v, n := range s.Histogram {
		sum += int64(v) * n
	}
	return int(sum * SurveyLevel / int64(s.Pixels))
}

// Displacement is by how many cells, to the right and down.
type Displacement struct {
	X, Y        int
	Correlation float64 // -1 to 1; 0 if one of the two is even
}

// Correlate is the normalised cross-correlation of two surveys' cells, columns x
// rows and within 2047 of 0, at all displacements of at most rangeX, rangeY:
// what is at (x, y) of a is at (x+X, y+Y) of b.
func Correlate(a, b []int16, columns, rows, rangeX, rangeY int) []Displacement {
	if len(a) != columns*rows || len(b) != len(a) || rangeX >= columns || rangeY >= rows || len(a) == 0 {
		panic("correlate: the sizes do not fit")
	}
	places := make([]Displacement, 0, (2*rangeX+1)*(2*rangeY+1))
	sums := make([]int64, 3*cap(places))
	C.fb_correlate((*C.int16_t)(&a[0]), (*C.int16_t)(&b[0]), C.int(columns), C.int(rows), C.int(rangeX), C.int(rangeY), (*C.int64_t)(&sums[0]))
	for y := -rangeY; y <= rangeY; y++ {
		for x := -rangeX; x <= rangeX; x++ {
			s := sums[3*len(places):]
			p := Displacement{X: x, Y: y}
			if s[1] > 0 && s[2] > 0 {
				p.Correlation = float64(s[0]) / (math.Sqrt(float64(s[1])) * math.Sqrt(float64(s[2])))
			}
			places = append(places, p)
		}
	}
	return places
}

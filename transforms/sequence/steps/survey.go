package steps

import (
	"slices"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
)

// What health and cuts make of a [pixels.Survey].
const (
	viewCells  = pixels.SurveyColumns * pixels.SurveyRows
	viewBlocks = pixels.SurveyBlocksX * pixels.SurveyBlocksY
	// leastBlocks is how many blocks at least must be there to judge by.
	leastBlocks = 6
)

// appendCells encodes the means of cells, two bytes each.
func appendCells(b []byte, cells []uint16) []byte {
	var c []byte
	for _, v := range cells {
		c = append(c, byte(v>>8), byte(v))
	}
	return wire.Bytes(b, c)
}

// readCells is the inverse of appendCells; nil if there are none, or too many.
func readCells(r *wire.Reader) []uint16 {
	b := r.Bytes()
	if len(b)%2 != 0 || len(b) > 2*viewCells {
		r.Fail()
		return nil
	}
	if len(b) == 0 {
		return nil
	}
	cells := make([]uint16, len(b)/2)
	for i := range cells {
		cells[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return cells
}

// noiseOf is the variance of a pixel by noise, in quarters of gray levels squared, of
// blocks of so many slopes.
func noiseOf(detail, squares []int64, slopes int64) int64 {
	rest := make([]int64, len(detail))
	for b := range rest {
		rest[b] = max(0, squares[b]-detail[b])
	}
	slices.Sort(rest)
	// A slope is the difference of two pixels: it has twice their variance.
	return rest[len(rest)/2] / (2 * slopes)
}

// flatten takes from every cell the mean of the 5 x 5 around it: slow changes of
// shade and light go, contours stay.
func flatten(cells []int32, columns, rows int) []int32 {
	const r = 2
	sums := make([]int32, (columns+1)*(rows+1)) // of all above and left
	w := columns + 1
	for y := range rows {
		var line int32
		for x := range columns {
			line += cells[y*columns+x]
			sums[(y+1)*w+x+1] = sums[y*w+x+1] + line
		}
	}
	flat := make([]int32, len(cells))
	for y := range rows {
		y0, y1 := max(0, y-r), min(rows, y+r+1)
		for x := range columns {
			x0, x1 := max(0, x-r), min(columns, x+r+1)
			sum := sums[y1*w+x1] - sums[y0*w+x1] - sums[y1*w+x0] + sums[y0*w+x0]
			flat[y*columns+x] = cells[y*columns+x] - sum/int32((y1-y0)*(x1-x0))
		}
	}
	return flat
}

package steps

import (
	"fmt"
	"image"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// cells divides a picture into squares of size x size pixels, those at the right
// and lower edge smaller. What is remembered of pictures is remembered by cell.
type cells struct {
	width, height    int // of the picture
	size, cols, rows int
}

// gray16 is a gray level times 16, 0 to 4080.
const gray16 = 16

// brightest16 is the highest gray level.
const brightest16 = 255 * gray16

// cellsOf divides a picture into no more than most cells, as small as possible.
func cellsOf(width, height, most int) cells {
	for size := 1; ; size++ {
		c := cells{width, height, size, (width + size - 1) / size, (height + size - 1) / size}
		if c.cols*c.rows <= most {
			return c
		}
	}
}

func (c cells) count() int { return c.cols * c.rows }

// box is the pixels of the cells [x0, x1) x [y0, y1).
func (c cells) box(b image.Rectangle) image.Rectangle {
	return image.Rect(b.Min.X*c.size, b.Min.Y*c.size, min(b.Max.X*c.size, c.width), min(b.Max.Y*c.size, c.height))
}

// grayOf is the pixels of a gray picture of the cells' size, row by row. They are
// the Mat's own.
func (c cells) grayOf(gray gocv.Mat) ([]byte, error) {
	if gray.Cols() != c.width || gray.Rows() != c.height || gray.Type() != gocv.MatTypeCV8UC1 || !gray.IsContinuous() {
		return nil, fmt.Errorf("a gray picture of %dx%d, type %v, where %dx%d was expected", gray.Cols(), gray.Rows(), gray.Type(), c.width, c.height)
	}
	p, err := gray.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("gray picture: %w", err)
	}
	return p, nil
}

// reduce gives the mean gray level of every cell, in sixteenths, in means.
func (c cells) reduce(means []uint16, gray []byte) []uint16 {
	means = grow(means, c.count())
	pixels.CellMeans(means, gray, c.width, c.size, gray16)
	return means
}

// gainOne is a gain of 1: the light is as it was.
const gainOne = 1024

// gain estimates by how much brighter the picture now is than before, in units of
// 1/gainOne: the median of the cells' ratios, which the objects in less than half
// of the picture do not change. Cells that are nearly black or clipped say
// nothing; skip says which others are not asked. It is gainOne when too few can tell.
func gain(now, before []uint16, skip []bool) int {
	var bins [4 * gainOne]int32
	n := 0
	for i, b := range before {
		if b < 8*gray16 || b >= 250*gray16 || now[i] >= 250*gray16 || skip[i] {
			continue
		}
		bins[min(int(now[i])*gainOne/int(b), len(bins)-1)]++
		n++
	}
	if n < 8 || n*8 < len(before) {
		return gainOne
	}
	left := int32(n / 2)
	for g, k := range bins {
		if left -= k; left < 0 {
			return g
		}
	}
	return gainOne
}

// lit is the level that a cell would have in the light of the gain.
func lit(level uint16, gain int) int { return min(int(level)*gain/gainOne, brightest16) }

// touching is what connects two cells.
type touching bool

const (
	sides   touching = false // a side of both: four neighbours
	corners touching = true  // a side or a corner: eight
)

// parts numbers the connected parts of what is marked from 1, in the order of
// their first cells, and writes into labels which one each cell belongs to (0:
// none). It returns how many parts there are.
func (c cells) parts(labels []int32, marked []bool, by touching) ([]int32, int) {
	labels = grow(labels, c.count())
	clear(labels)
	n := 0
	var todo []int
	for start, m := range marked {
		if !m || labels[start] != 0 {
			continue
		}
		n++
		labels[start] = int32(n)
		todo = append(todo[:0], start)
		for len(todo) > 0 {
			at := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			x, y := at%c.cols, at/c.cols
			for v := max(0, y-1); v <= min(c.rows-1, y+1); v++ {
				for u := max(0, x-1); u <= min(c.cols-1, x+1); u++ {
					if by == sides && u != x && v != y {
						continue
					}
					if i := v*c.cols + u; marked[i] && labels[i] == 0 {
						labels[i] = int32(n)
						todo = append(todo, i)
					}
				}
			}
		}
	}
	return labels, n
}

// texture compares what two pictures show inside a part: the differences between
// neighbouring cells.
type texture struct {
	pairs                int
	nows, befores, mixed int64
}

func (t *texture) add(now, before int) {
	t.pairs++
	t.nows += int64(now) * int64(now)
	t.befores += int64(before) * int64(before)
	t.mixed += int64(now) * int64(before)
}

// same reports whether the correlation of the differences is at least alike (0 to
// 1): then the light on the part has changed, and not what is there. (J. C. S.
// Jacques Jr. et al., Background subtraction and shadow detection in grayscale
// video sequences, SIBGRAPI 2005, correlate levels; differences also bear an
// offset.) Parts with little texture or few cells tell nothing.
func (t *texture) same(alike float64) bool {
	const floor = 3 * 3 * gray16 * gray16 / 2 // of a pair's mean square
	if t.pairs < 16 || t.mixed <= 0 || t.befores < int64(t.pairs)*floor {
		return false
	}
	return float64(t.mixed)*float64(t.mixed) >= alike*alike*float64(t.nows)*float64(t.befores)
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// maxPixels is the largest picture that OpenCV decodes.
const maxPixels = 1 << 30

// isSize reports whether a picture can be so large.
func isSize[T int | uint64](width, height T) bool {
	return width >= 1 && height >= 1 && width <= maxPixels/height
}

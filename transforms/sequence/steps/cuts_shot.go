package steps

import (
	"math"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

const (
	// histogramBins is how many gray levels are told apart by eight.
	histogramBins = 32
	// blockReach is how many cells what is in a block may have moved.
	blockReach = 3
	// alikeAtOnce is a difference at which nothing better is looked for.
	alikeAtOnce = 50_000
	// strangers is by how much two scenes differ, in millionths, as a rule.
	strangers = 500_000
)

// shot is a picture as cuts are looked for in it.
type shot struct {
	cells     []uint16 // means, in 1/SurveyLevel
	grain     int64    // of a cell by noise: variance
	histogram [histogramBins]int64
	pixels    int64

	flat []int32 // follows from cells
}

func newShot(s *pixels.Survey) *shot {
	p := &shot{cells: make([]uint16, len(s.Means)), pixels: int64(s.Pixels)}
	for i, m := range s.Means {
		p.cells[i] = uint16(m)
	}
	for v, n := range s.Histogram {
		p.histogram[v*histogramBins/256] += n
	}
	perCell := int64(max(1, s.Pixels/(s.Columns*s.Rows)))
	p.grain = noiseOf(s.Detail, s.Squares, int64(max(1, s.Slopes))) * (pixels.SurveyLevel / 4) * (pixels.SurveyLevel / 4) / perCell
	p.flatten(s.Columns, s.Rows)
	return p
}

func (p *shot) flatten(columns, rows int) {
	means := make([]int32, len(p.cells))
	for i, m := range p.cells {
		means[i] = int32(m)
	}
	p.flat = flatten(means, columns, rows)
}

// contour is what the absolute values of n cells must add up to, to be contours:
// half a gray level each, and more than noise.
func (p *shot) contour(n int) int64 {
	// The mean absolute value of noise is 0.8 of its deviation.
	return int64(n) * max(pixels.SurveyLevel/2, int64(math.Sqrt(float64(2*p.grain))))
}

// grid divides pictures into blocks.
type grid struct{ columns, rows int }

func (g grid) block(b int) (x0, y0, x1, y1 int) {
	return (&pixels.Survey{Columns: g.columns, Rows: g.rows}).Block(b)
}

// blank reports whether hardly any block has contours.
func (g grid) blank(p *shot) bool {
	n := 0
	for b := range viewBlocks {
		if x0, y0, x1, y1 := g.block(b); g.sum(p, x0, y0, x1, y1) >= p.contour((x1-x0)*(y1-y0)) {
			n++
		}
	}
	return n < leastBlocks
}

func (g grid) sum(p *shot, x0, y0, x1, y1 int) (sum int64) {
	for y := y0; y < y1; y++ {
		for _, v := range p.flat[y*g.columns+x0 : y*g.columns+x1] {
			sum += int64(max(v, -v))
		}
	}
	return sum
}

// differ is how much two pictures differ, in millionths: the mean over the blocks
// with contours in one of them, or the histograms where there are too few.
func (g grid) differ(a, b *shot) int64 {
	var total, n int64
	for k := range viewBlocks {
		x0, y0, x1, y1 := g.block(k)
		size := (x1 - x0) * (y1 - y0)
		was, is := g.sum(a, x0, y0, x1, y1), g.sum(b, x0, y0, x1, y1)
		least, enough := a.contour(size), b.contour(size)
		switch {
		case was >= least && is >= enough:
			total += g.differBlock(a, b, k)
			n++
		case was >= 2*least || is >= 2*enough: // come or gone
			total += 1_000_000
			n++
		}
	}
	if n >= leastBlocks {
		return total / n
	}
	var d int64
	for i, v := range a.histogram {
		d += max(v-b.histogram[i], b.histogram[i]-v)
	}
	return 1_000_000 * d / max(1, a.pixels+b.pixels)
}

// differBlock is what block k of b lacks of being the same as a place near it in a:
// one less their correlation without what noise takes of it.
func (g grid) differBlock(a, b *shot, k int) int64 {
	x0, y0, x1, y1 := g.block(k)
	size := int64((x1 - x0) * (y1 - y0))
	at := func(dx, dy int) int64 {
		if x0+dx < 0 || y0+dy < 0 || x1+dx > g.columns || y1+dy > g.rows {
			return 1_000_000
		}
		var ab, aa, bb int64
		for y := y0; y < y1; y++ {
			now, then := b.flat[y*g.columns+x0:y*g.columns+x1], a.flat[(y+dy)*g.columns+x0+dx:]
			for i, v := range now {
				p, q := int64(then[i]), int64(v)
				ab, aa, bb = ab+p*q, aa+p*p, bb+q*q
			}
		}
		aa, bb = max(aa-size*a.grain, aa/4), max(bb-size*b.grain, bb/4)
		if ab <= 0 || aa <= 0 || bb <= 0 {
			return 1_000_000
		}
		return max(0, 1_000_000-int64(1e6*(float64(ab)/(math.Sqrt(float64(aa))*math.Sqrt(float64(bb))))))
	}
	best := at(0, 0)
	for dy := -blockReach; dy <= blockReach && best > alikeAtOnce; dy++ {
		for dx := -blockReach; dx <= blockReach && best > alikeAtOnce; dx++ {
			best = min(best, at(dx, dy))
		}
	}
	return best
}

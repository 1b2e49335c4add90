package steps

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

const (
	// trustFull is the trust in a block that was always alike.
	trustFull = 1 << 14
	// A block has contours if its cells differ from those around them by this many
	// 1/SurveyLevel gray levels, and by twice what noise makes of them.
	leastContour = pixels.SurveyLevel
	// alikePercent is the correlation from which on two blocks are alike.
	alikePercent = 60
)

// usual is how a camera's picture usually looks.
type usual struct {
	learnt int64    // how long it was learnt, ns; 0: nothing is known
	carry  int64    // of that, ns in which nothing could change
	here   int64    // correlation of the pictures with it, in millionths
	cells  []uint16 // means, in 1/referenceLevel
	trust  []uint16 // of blocks: how often they were alike lately, in 1/trustFull
	fine   []int64  // of blocks: Detail, at least 1
	coarse []int64  // of blocks: the same of the cells, at least 1
}

// comparison is what a picture says of the camera beside the reference.
type comparison struct {
	now, before []int32 // cells less the mean around them, clipped
	raw         []int32 // before, not clipped

	judged    bool    // the reference has contours enough
	alike     []bool  // of blocks
	known     []bool  // of blocks: whether that could be judged
	share     float64 // of the trusted blocks that could be judged: those alike
	judgeable float64 // of the trusted blocks: those that could be judged
	here      float64 // correlation of the two
	last      float64 // of the newest picture alone with the reference
	contrast  float64 // energy of the picture's contours beside the reference's

	sharp      float64 // sharpness beside the reference
	sharpDoubt float64 // its deviation by noise
	sharpKnown bool    // sharp could be judged
}

// compare compares a picture with the reference.
func (u *usual) compare(v *view) comparison {
	c := comparison{alike: make([]bool, viewBlocks), known: make([]bool, viewBlocks)}
	means := levels(u.cells)
	var now, before int64
	for i, m := range means {
		now += int64(v.means[i])
		before += int64(m)
	}
	light := float64(now) / float64(max(before, 1))
	c.raw = flatten(means, v.columns, v.rows)
	// Objects stand out; they must not count for much more than what they hide.
	c.before, c.now = clip(c.raw, 2), clip(v.flat, 2)
	c.here, c.last = correlation(c.before, c.now), correlation(c.before, clip(v.last, 2))

	var theirs, ours, cells int64 // over blocks with contours
	var trusted, judgeable, alike int64
	blocks := 0
	var sharp []float64
	doubt := 0.0
	for b := range viewBlocks {
		x0, y0, x1, y1 := v.block(b)
		n := int64((x1 - x0) * (y1 - y0))
		var cr, cc, rr, energy, wanted int64
		for y := y0; y < y1; y++ {
			for i := y*v.columns + x0; i < y*v.columns+x1; i++ {
				p, q := int64(c.now[i]), int64(c.before[i])
				cr, cc, rr = cr+p*q, cc+p*p, rr+q*q
				p, q = int64(v.flat[i]), int64(c.raw[i])
				energy, wanted = energy+p*p, wanted+q*q
			}
		}
		if wanted < n*leastContour*leastContour {
			continue
		}
		blocks++
		theirs, ours, cells = theirs+wanted, ours+energy, cells+n
		trusted += int64(u.trust[b])
		if energy >= n*max(leastContour*leastContour/16, v.grain*3/2) {
			c.known[b] = true
			c.alike[b] = alikes(cr, cc, rr, 1-float64(n*v.grain)/float64(energy))
			judgeable += int64(u.trust[b])
			if c.alike[b] {
				alike += int64(u.trust[b])
			}
		}
		if want := u.want(v, b, light); want > 0.7*v.doubt {
			sharp = append(sharp, float64(v.detail[b])/want)
			doubt += v.doubt / want
		}
	}
	if blocks >= leastBlocks && trusted > 0 {
		c.judged = true
		c.judgeable = float64(judgeable) / float64(trusted)
		c.contrast = float64(max(0, ours-cells*v.grain)) / float64(theirs)
		if judgeable > 0 {
			c.share = float64(alike) / float64(judgeable)
		}
	}
	if n := float64(len(sharp)); len(sharp) >= 2*leastBlocks {
		slices.Sort(sharp)
		// The deviation of a median is 1.25 times that of a mean.
		c.sharp, c.sharpDoubt = sharp[len(sharp)/2], 1.25*doubt/(n*math.Sqrt(n))
		c.sharpKnown = c.sharpDoubt <= 0.2
	}
	return c
}

// want is what detail a block should have if it is as sharp as it was. That follows
// from the coarse contrast; but where that has gone too, more than the light
// explains, the light says what there should be at least.
func (u *usual) want(v *view, b int, light float64) float64 {
	contrast := max(float64(v.coarse[b])/float64(u.coarse[b]), 0.3*float64(light*light))
	return float64(u.fine[b]) * contrast
}

// begin makes the picture the reference.
func (u *usual) begin(v *view) {
	*u = usual{
		learnt: 1, here: 1_000_000, cells: make([]uint16, len(v.means)), trust: make([]uint16, viewBlocks),
		fine: make([]int64, viewBlocks), coarse: make([]int64, viewBlocks),
	}
	for i, m := range v.means {
		u.cells[i] = uint16(m * (referenceLevel / pixels.SurveyLevel))
	}
	for b := range viewBlocks {
		u.trust[b] = trustFull / 2
		u.fine[b], u.coarse[b] = max(1, v.detail[b]), max(1, v.coarse[b])
	}
}

// learn follows a picture that comes so many nanoseconds after the one before.
// The longer it has learnt, the slower.
func (u *usual) learn(v *view, c *comparison, elapsed int64) {
	elapsed = min(elapsed, int64(time.Second))
	u.learnt += elapsed
	u.carry += elapsed
	const tick = int64(10 * time.Millisecond)
	ticks := u.carry / tick
	u.carry -= ticks * tick
	if ticks == 0 {
		return
	}
	// Per tick, of a hundred a second: 1/referenceLevel gray levels, and shares of
	// 1/4096 of the energies.
	levels, shares := int64(3), int64(2)
	switch {
	case u.learnt < int64(2*time.Second):
		levels, shares = 80, 40
	case u.learnt < int64(10*time.Second):
		levels, shares = 20, 10
	}
	u.here += (int64(1e6*c.here) - u.here) * ticks / 500
	step := int(levels * ticks)
	for i, m := range v.means {
		now, was := int(m)*(referenceLevel/pixels.SurveyLevel), int(u.cells[i])
		u.cells[i] = uint16(was + min(max(now-was, -step), step))
	}
	toward := func(e *int64, now int64) {
		step := max(1, *e*shares*ticks/4096)
		*e = max(1, *e+min(max(now-*e, -step), step))
	}
	for b := range viewBlocks {
		toward(&u.fine[b], v.detail[b])
		toward(&u.coarse[b], v.coarse[b])
		if c.known[b] {
			want := 0
			if c.alike[b] {
				want = trustFull
			}
			u.trust[b] = uint16(int(u.trust[b]) + (want-int(u.trust[b]))*int(ticks)/1000)
		}
	}
}

// find looks for the place of the reference's scene in the picture, and returns the
// best that fits better than where it was, with the share of trusted blocks that are
// alike there; 0, if there is none.
func (u *usual) find(v *view, c *comparison) (best pixels.Displacement, share float64) {
	const candidates = 32 // of which the blocks are looked at
	// Where objects are in the way, the sign of what is beside them tells most.
	places := pixels.Correlate(narrow(clip(c.raw, 1)), narrow(clip(v.flat, 1)), v.columns, v.rows, v.columns/3, v.rows/3)
	here := places[len(places)/2].Correlation
	places = slices.DeleteFunc(places, func(p pixels.Displacement) bool { return p.Correlation <= here })
	slices.SortStableFunc(places, func(a, b pixels.Displacement) int { return cmp.Compare(b.Correlation, a.Correlation) })
	for i, p := range places[:min(candidates, len(places))] {
		if s := u.vote(v, c, p); i == 0 || s > share {
			best, share = p, s
		}
	}
	return best, share
}

func narrow(cells []int32) []int16 {
	n := make([]int16, len(cells))
	for i, v := range cells {
		n[i] = int16(v)
	}
	return n
}

// vote is the share of the trusted blocks that are alike at a place; 0 if too few
// of them are in the picture there.
func (u *usual) vote(v *view, c *comparison, p pixels.Displacement) float64 {
	var trusted, judged, alike int64
	for b := range viewBlocks {
		x0, y0, x1, y1 := v.block(b)
		n := int64((x1 - x0) * (y1 - y0))
		inside := x0+p.X >= 0 && y0+p.Y >= 0 && x1+p.X <= v.columns && y1+p.Y <= v.rows
		var cr, cc, rr, energy, wanted int64
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				i := y*v.columns + x
				q := int64(c.raw[i])
				wanted += q * q
				if inside {
					j := i + p.Y*v.columns + p.X
					w, q := int64(c.now[j]), int64(c.before[i])
					cr, cc, rr = cr+w*q, cc+w*w, rr+q*q
					energy += int64(v.flat[j]) * int64(v.flat[j])
				}
			}
		}
		if wanted < n*leastContour*leastContour {
			continue
		}
		trusted += int64(u.trust[b])
		if !inside || energy < n*max(leastContour*leastContour/16, v.grain*3/2) {
			continue
		}
		judged += int64(u.trust[b])
		if cr > 0 && alikes(cr, cc, rr, 1-float64(n*v.grain)/float64(energy)) {
			alike += int64(u.trust[b])
		}
	}
	if judged == 0 || 5*judged < 2*trusted {
		return 0
	}
	return float64(alike) / float64(judged)
}

// alikes reports whether two blocks are alike by their sums of products. part is
// how much of the energy of the picture's is not noise.
func alikes(cr, cc, rr int64, part float64) bool {
	return 10_000*(float64(cr)*float64(cr)) >= alikePercent*alikePercent*(float64(cc)*float64(rr)*part)
}

// clip bounds cells to so many times their median absolute value, and to what
// [pixels.Correlate] takes.
func clip(flat []int32, times int32) []int32 {
	var counts [1023]int32
	for _, v := range flat {
		counts[min(max(v, -v), 1022)]++
	}
	most, sum := int32(0), int32(0)
	for v, n := range counts {
		if sum += n; 2*int(sum) >= len(flat) {
			most = times*int32(v) + 1
			break
		}
	}
	clipped := make([]int32, len(flat))
	for i, v := range flat {
		clipped[i] = min(max(v, -most), most)
	}
	return clipped
}

// correlation of the two pictures' cells.
func correlation(a, b []int32) float64 {
	var ab, aa, bb int64
	for i := range a {
		p, q := int64(a[i]), int64(b[i])
		ab, aa, bb = ab+p*q, aa+p*p, bb+q*q
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float64(ab) / (math.Sqrt(float64(aa)) * math.Sqrt(float64(bb)))
}

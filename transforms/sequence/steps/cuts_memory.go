package steps

import (
	"fmt"
	"math"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
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
	// motionTime is how long differences count for the threshold, ns.
	motionTime = 500_000_000
	// settle is how long after its beginning a shot has no key frame, ns: pictures next
	// to a cut are often mixed.
	settle = 100_000_000
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

// cutsMemory is what is remembered of one film.
type cutsMemory struct {
	step          *cuts
	width, height int // of the last picture, pixels; 0: there is none
	grid          grid
	broken        bool  // the next picture does not follow the last
	time, offset  int64 // of the last picture: capture time in ns since 1970

	last   *shot // the last picture; nil: none, or blank
	before *shot // the last picture of the shot, while there is a candidate or blank ones
	motion int64 // mean of the last differences, in millionths

	began     int64 // the shot: when it began, ns
	shown     bool  // there is a shot
	candidate span  // what may be a new shot
	blank     span  // pictures without contours, since the shot's last
	key       key
	next      key // of the candidate

	mean   int64 // mean gray of the last picture
	falls  int64 // since when it falls, ns
	fading bool  // it faded to black, since black.at
	black  span
}

// span is a beginning: offset and time of a frame.
type span struct {
	on     bool
	at     int64 // ns
	offset int64
}

// key is the best frame of a shot so far.
type key struct {
	span
	change int64 // in millionths
}

func (k *key) see(at, offset, change int64) {
	if !k.on || change < k.change {
		*k = key{span{true, at, offset}, change}
	}
}

func (m *cutsMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.broken = true
	}
}

func (m *cutsMemory) Close() {}

func (m *cutsMemory) Next(in sequence.Input, out *result.Frame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	survey, err := pixels.SurveyOf(gray)
	if err != nil {
		return fmt.Errorf("cuts: %w", err)
	}
	f := in.Frame()
	at := f.Captured.UnixNano()
	m.setBack(at)
	resized := m.width != 0 && (m.width != f.Width || m.height != f.Height)
	if g := (grid{survey.Columns, survey.Rows}); resized || m.broken || g != m.grid {
		m.interrupted(out, at, resized && !m.broken)
		*m = cutsMemory{step: m.step, grid: g, falls: at, mean: int64(survey.Mean())}
	}
	m.width, m.height = f.Width, f.Height
	if survey.Columns > 0 {
		m.look(out, survey, at)
	}
	m.time, m.offset = at, out.Offset
	return nil
}

// setBack moves what is remembered with a clock that is set back: the film goes on.
func (m *cutsMemory) setBack(at int64) {
	if at >= m.time {
		return
	}
	for _, t := range []*int64{&m.began, &m.falls, &m.candidate.at, &m.blank.at, &m.black.at, &m.key.at, &m.next.at} {
		if *t != 0 {
			*t -= m.time - at
		}
	}
}

// interrupted ends the shot before a picture that does not follow the last.
func (m *cutsMemory) interrupted(out *result.Frame, at int64, cut bool) {
	if m.fading {
		m.fade(out, sequence.End, at-m.black.at)
	}
	if !m.shown {
		return
	}
	if m.candidate.on && m.candidate.at-m.began >= int64(m.step.Shortest) {
		// Whether it was a flash nobody will know.
		m.cut(out, m.candidate)
		m.turn()
	}
	if cut {
		m.cut(out, span{true, at, out.Offset})
		return
	}
	m.keyFrame(out)
}

func (m *cutsMemory) look(out *result.Frame, s *pixels.Survey, at int64) {
	now := newShot(s)
	elapsed := max(0, at-m.time)
	blank := m.grid.blank(now)
	m.dim(out, int64(s.Mean()), blank, at)
	if blank {
		if !m.blank.on {
			m.blank = span{true, at, out.Offset}
			if m.before == nil {
				m.before = m.last
			}
		}
		m.last = nil
		return
	}
	if !m.shown {
		m.shown, m.began, m.last, m.blank, m.before = true, at, now, span{}, nil
		return
	}
	change := int64(strangers)
	if m.last != nil {
		change = m.grid.differ(m.last, now)
	}
	switch {
	case m.before != nil && m.grid.differ(m.before, now) < m.threshold():
		// As before: what was in between was a flash, or a black picture.
		m.candidate, m.next, m.before, m.blank = span{}, key{}, nil, span{}
	case m.candidate.on:
		if at-m.candidate.at >= int64(m.step.Flash) {
			m.settled(out)
		}
	case m.last == nil || change >= m.threshold():
		if m.last != nil {
			m.before = m.last
		}
		m.candidate = span{true, at, out.Offset}
		if m.step.Flash == 0 {
			m.settled(out)
		}
	}
	if m.last != nil && change < m.threshold() {
		part := 256 * min(elapsed, motionTime) / (min(elapsed, motionTime) + motionTime)
		m.motion += (change - m.motion) * part / 256
	}
	k, began := &m.key, m.began
	if m.candidate.on {
		k, began = &m.next, m.candidate.at
	}
	if at-began >= settle || !k.on {
		k.see(at, out.Offset, change)
	}
	m.last = now
}

// settled: the candidate was no flash.
func (m *cutsMemory) settled(out *result.Frame) {
	if m.candidate.at-m.began < int64(m.step.Shortest) {
		// Too early: the shot goes on with another picture.
		m.candidate, m.next, m.before, m.blank = span{}, key{}, nil, span{}
		return
	}
	m.cut(out, m.candidate)
	m.turn()
}

// turn goes on with the candidate's shot.
func (m *cutsMemory) turn() {
	m.began, m.key = m.candidate.at, m.next
	m.candidate, m.next, m.before, m.blank = span{}, key{}, nil, span{}
}

// threshold is from which difference on there may be a cut, in millionths.
func (m *cutsMemory) threshold() int64 {
	adaptive := m.motion
	if m.motion < strangers {
		adaptive += int64(m.step.Motion * float64(strangers-m.motion))
	}
	return max(int64(m.step.Threshold*1_000_000), adaptive)
}

func (m *cutsMemory) cut(out *result.Frame, first span) {
	m.keyFrame(out)
	ended := first.at
	if m.blank.on && m.blank.at < ended {
		ended = m.blank.at
	}
	e := sequence.NewEvent(m.step, out, sequence.EventSceneCut, "")
	e.Snapshot, e.Value = first.offset, secondsOf(ended-m.began)
	e.Detail = fmt.Sprintf("after a shot of %.3f s", e.Value)
	out.Events = append(out.Events, e)
}

func (m *cutsMemory) keyFrame(out *result.Frame) {
	if !m.step.KeyFrames || !m.key.on {
		return
	}
	e := sequence.NewEvent(m.step, out, sequence.EventKeyFrame, "")
	e.Snapshot, e.Value = m.key.offset, secondsOf(m.key.at-m.began)
	e.Detail = fmt.Sprintf("%.3f s into the shot", e.Value)
	out.Events = append(out.Events, e)
}

// dim looks for fades to black.
func (m *cutsMemory) dim(out *result.Frame, mean int64, blank bool, at int64) {
	if mean >= m.mean && !m.black.on {
		m.falls = at
	}
	m.mean = mean
	switch isBlack := blank && mean <= int64(m.step.Black)*pixels.SurveyLevel; {
	case isBlack && !m.black.on:
		m.black = span{true, at, out.Offset}
		if took := at - m.falls; m.shown && took >= int64(m.step.Fade) && m.step.Fade > 0 {
			m.fading = true
			m.fade(out, sequence.Begin, took)
		}
	case !isBlack && m.black.on:
		if m.fading {
			m.fade(out, sequence.End, at-m.black.at)
		}
		m.black, m.fading, m.falls = span{}, false, at
	}
}

func (m *cutsMemory) fade(out *result.Frame, transition string, took int64) {
	e := sequence.NewEvent(m.step, out, sequence.EventFade, transition)
	e.Value = secondsOf(took)
	if e.Detail = fmt.Sprintf("it took %.3f s", e.Value); transition == sequence.End {
		e.Detail = fmt.Sprintf("after %.3f s", e.Value)
	}
	out.Events = append(out.Events, e)
}

// cutsVersion is the version of a saved memory.
const cutsVersion = 1

func (m *cutsMemory) Save() []byte {
	b := append(make([]byte, 0, cutsBytes), cutsVersion)
	for _, v := range []int64{
		int64(m.width), int64(m.height), int64(m.grid.columns), int64(m.grid.rows), m.time, m.offset, m.motion, m.began, m.mean, m.falls,
		m.key.change, m.next.change,
	} {
		b = wire.Int(b, v)
	}
	b = wire.Bool(b, m.broken)
	b = wire.Bool(b, m.shown)
	b = wire.Bool(b, m.fading)
	for _, s := range []span{m.candidate, m.blank, m.black, m.key.span, m.next.span} {
		b = wire.Bool(b, s.on)
		b = wire.Int(b, s.at)
		b = wire.Int(b, s.offset)
	}
	for _, p := range []*shot{m.last, m.before} {
		if p == nil {
			b = appendCells(b, nil)
			continue
		}
		b = appendCells(b, p.cells)
		b = wire.Int(b, p.grain)
		b = wire.Int(b, p.pixels)
		for _, n := range p.histogram {
			b = wire.Int(b, n)
		}
	}
	return b
}

// Restore reads what Save wrote.
func (s *cuts) Restore(saved []byte) (sequence.Memory, error) {
	if len(saved) == 0 || saved[0] != cutsVersion {
		return nil, fmt.Errorf("cuts state: unknown version (known: %d)", cutsVersion)
	}
	r := wire.NewReader(saved[1:])
	m := &cutsMemory{
		step: s, width: int(r.Int()), height: int(r.Int()), grid: grid{int(r.Int()), int(r.Int())}, time: r.Int(), offset: r.Int(),
		motion: r.Int(), began: r.Int(), mean: r.Int(), falls: r.Int(),
	}
	m.key.change, m.next.change = r.Int(), r.Int()
	m.broken, m.shown, m.fading = r.Bool(), r.Bool(), r.Bool()
	for _, p := range []*span{&m.candidate, &m.blank, &m.black, &m.key.span, &m.next.span} {
		*p = span{r.Bool(), r.Int(), r.Int()}
	}
	if c, n := m.grid.columns, m.grid.rows; c < 0 || n < 0 || c > pixels.SurveyColumns || n > pixels.SurveyRows {
		r.Fail()
	}
	m.last, m.before = readShot(r, m.grid), readShot(r, m.grid)
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("cuts state: %w", err)
	}
	return m, nil
}

func readShot(r *wire.Reader, g grid) *shot {
	cells := readCells(r)
	if cells == nil {
		return nil
	}
	p := &shot{cells: cells, grain: r.Int(), pixels: r.Int()}
	for i := range p.histogram {
		p.histogram[i] = r.Int()
	}
	if len(cells) != g.columns*g.rows || p.grain < 0 || p.grain > 1<<25 || p.pixels < 0 {
		r.Fail()
		return nil
	}
	p.flatten(g.columns, g.rows)
	return p
}

package steps

import (
	"fmt"
	"slices"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/cellmap"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// activityMemory is what one rule remembers of a camera: two reduced pictures and
// the event that is going on.
type activityMemory struct {
	step *activity

	width, height     int
	older, recent     []byte // gray levels by cell; nil: none
	olderAt, recentAt int64  // ms since 1970
	settle            int64  // nothing counts before this time, ms since 1970

	event activityEvent
	// ended says why the event must end at the next frame.
	ended ended

	// What follows from the above and the frame at hand.
	grid   cells
	ignore []bool
	within []bool
	now    []uint16
	before []uint16
	marked []bool
	labels []int32
	active cellmap.Marks // cells that moved in the frame at hand; nil: none
}

func (m *activityMemory) Next(in pixels.Input, out *result.Frame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	if m.ended != notEnded {
		m.end(out, m.ended.String())
		m.ended = notEnded
	}
	at := in.Frame().Captured.UnixMilli()
	moved, err := m.look(at, gray, out.Detections)
	if err != nil {
		return fmt.Errorf("activity: %w", err)
	}
	m.judge(at, moved, out)
	if m.active != nil {
		kind := cellmap.Grid{Columns: m.grid.cols, Rows: m.grid.rows, Side: m.grid.size}.Kind()
		out.Features = append(out.Features, result.Feature{Analysis: m.step.name, Kind: kind, Data: m.active})
	}
	return nil
}

// look is how many cells of a picture moved; active has which.
func (m *activityMemory) look(at int64, gray gocv.Mat, found []result.Detection) (int64, error) {
	m.notAfter(at)
	if m.width != gray.Cols() || m.height != gray.Rows() {
		m.resize(gray.Cols(), gray.Rows())
	}
	m.prepare()
	pixels, err := m.grid.grayOf(gray)
	if err != nil {
		return 0, err
	}
	m.now = m.grid.reduce(m.now, pixels)
	m.active = nil
	moved := m.moved(at, found)
	m.keep(at)
	return moved, nil
}

// notAfter takes care of clocks that are set back: nothing has happened in the future.
func (m *activityMemory) notAfter(at int64) {
	e := &m.event
	e.begin, e.last = min(e.begin, at), min(e.last, at)
	m.settle = min(m.settle, at+activitySettle)
}

// resize forgets the pictures; the peak of an event stays the same part of the picture.
func (m *activityMemory) resize(width, height int) {
	if m.width > 0 {
		cells := func(w, h int) int64 { return int64(cellsOf(w, h, activityCells).count()) }
		m.event.peak = m.event.peak * cells(width, height) / cells(m.width, m.height)
	}
	m.width, m.height, m.older, m.recent = width, height, nil, nil
}

// prepare makes what follows from the size of the pictures.
func (m *activityMemory) prepare() {
	if m.grid.width == m.width && m.grid.height == m.height {
		return
	}
	m.grid = cellsOf(m.width, m.height, activityCells)
	m.ignore, m.within = m.step.area.of(m.grid)
}

// moved is how many cells moved since the picture to compare with.
func (m *activityMemory) moved(at int64, found []result.Detection) int64 {
	reference := m.recent
	if at-m.recentAt < activityLag {
		reference = m.older
	}
	if reference == nil {
		return 0
	}
	m.before = grow(m.before, len(reference))
	for i, v := range reference {
		m.before[i] = uint16(v) * gray16
	}
	g := gain(m.now, m.before, m.ignore)
	m.marked = grow(m.marked, len(reference))
	least := m.least(g)
	n, all := 0, 0
	changes := max(g-gainOne, gainOne-g) > activityChange
	for i := range m.marked {
		m.marked[i] = false
		if m.ignore[i] {
			continue
		}
		all++
		now, was := int(m.now[i]), lit(m.before[i], g)
		if changes && max(now, was) > activityClipped {
			continue // what is clipped does not follow the gain
		}
		if max(now-was, was-now) > least {
			m.marked[i] = true
			n++
		}
	}
	if float64(n) > activityGlobal*float64(all) || g > 2*gainOne || 2*g < gainOne {
		m.recent, m.older = nil, nil
		m.settle = at + activitySettle
	}
	if at < m.settle {
		return 0
	}
	m.confine(found)
	return m.count(g)
}

// least is the difference from which on a cell has moved: more than the contrast
// and more than noise.
func (m *activityMemory) least(g int) int {
	var bins [activityNoise + 1]int
	n := 0
	for i, b := range m.before {
		now, was := int(m.now[i]), lit(b, g)
		if m.ignore[i] || max(now, was) > activityClipped {
			continue // what is clipped has no noise
		}
		d := now - was
		bins[min(max(d, -d), activityNoise)]++
		n++
	}
	n /= 2
	for d, k := range bins {
		if n -= k; n < 0 {
			return max(m.step.contrast, d*activityFactor)
		}
	}
	return m.step.contrast
}

// confine takes out what lies outside of the polygons and of what other analyses found.
func (m *activityMemory) confine(found []result.Detection) {
	var covered []bool
	if len(m.step.From) > 0 {
		covered = make([]bool, len(m.marked))
		for _, d := range found {
			if !slices.Contains(m.step.From, d.Analysis) {
				continue
			}
			// What moved since the picture before lies also beside it.
			left, right := (int(d.X)-1)/m.grid.size-1, (int(d.X)+int(d.Width))/m.grid.size+1
			top, bottom := (int(d.Y)-1)/m.grid.size-1, (int(d.Y)+int(d.Height))/m.grid.size+1
			for y := max(top, 0); y <= min(bottom, m.grid.rows-1); y++ {
				for x := max(left, 0); x <= min(right, m.grid.cols-1); x++ {
					covered[y*m.grid.cols+x] = true
				}
			}
		}
	}
	for i := range m.marked {
		m.marked[i] = m.marked[i] && m.within[i] && (covered == nil || covered[i])
	}
}

// count is how many cells moved, or 0 if no part of them is large enough. It marks them as
// active.
func (m *activityMemory) count(g int) int64 {
	var n int
	m.labels, n = m.grid.parts(m.labels, m.marked, corners)
	type part struct {
		cells   int64
		texture texture
		moved   bool
	}
	parts := make([]part, n)
	cols := m.grid.cols
	for i, l := range m.labels {
		if l == 0 {
			continue
		}
		p := &parts[l-1]
		p.cells++
		now, was := int(m.now[i]), lit(m.before[i], g)
		if i%cols+1 < cols && m.labels[i+1] == l {
			p.texture.add(int(m.now[i+1])-now, lit(m.before[i+1], g)-was)
		}
		if i+cols < len(m.labels) && m.labels[i+cols] == l {
			p.texture.add(int(m.now[i+cols])-now, lit(m.before[i+cols], g)-was)
		}
	}
	least := max(2, m.step.size*float64(m.grid.count()))
	sum, enough := int64(0), false
	for i := range parts {
		if p := &parts[i]; p.cells >= 2 && !p.texture.same(activityAlike) {
			p.moved = true
			sum += p.cells
			enough = enough || float64(p.cells) >= least
		}
	}
	if !enough {
		return 0
	}
	m.active = cellmap.Make(len(m.labels))
	for i, l := range m.labels {
		if l != 0 && parts[l-1].moved {
			m.active.Mark(i)
		}
	}
	return sum
}

// keep makes the frame one to compare with, if it is time.
func (m *activityMemory) keep(at int64) {
	if m.recent != nil && at >= m.recentAt && at-m.recentAt < activityLag {
		return
	}
	kept := m.older
	m.older, m.olderAt = m.recent, m.recentAt
	m.recent, m.recentAt = grow(kept, len(m.now)), at
	for i, v := range m.now {
		m.recent[i] = byte((v + gray16/2) / gray16)
	}
}

func (m *activityMemory) Break(b sequence.Break) {
	if b == sequence.Missing {
		return
	}
	m.older, m.recent, m.settle = nil, nil, 0
	switch {
	case m.event.phase != confirmed:
		m.event = activityEvent{}
	case b == sequence.NewEpoch:
		m.ended = endedByEpoch
	default:
		m.ended = endedBySilence
	}
}

func (m *activityMemory) Close() {}

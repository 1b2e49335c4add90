package steps

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
)

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
	r, err := wire.Open(saved, cutsVersion)
	if err != nil {
		return nil, fmt.Errorf("cuts state: %w", err)
	}
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

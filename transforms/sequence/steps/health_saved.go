package steps

import (
	"bytes"
	"fmt"

	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Versions of a saved memory. Version 2 has behind its own version when the signal was
// lost, as the collector told; while it is not, a memory is saved in version 1.
const (
	healthVersion     = 1
	healthLostVersion = 2
)

func (m *healthMemory) Save() []byte {
	b := append(make([]byte, 0, healthBytes), healthVersion)
	if m.lost != 0 {
		b[0] = healthLostVersion
		b = wire.Int(b, m.lost)
	}
	for _, v := range []int64{int64(m.width), int64(m.height), m.last, m.offset, m.interval, m.sequence, m.same, m.scene} {
		b = wire.Int(b, v)
	}
	b = wire.Bool(b, m.reopened)
	for _, a := range m.alarms {
		b = wire.Bool(b, a.active)
		b = wire.Int(b, a.since)
		b = wire.Int(b, a.clear)
	}
	b = wire.Int(b, m.counts.slot)
	for i := range slots {
		b = wire.Int(b, m.counts.came[i])
		b = wire.Int(b, m.counts.missing[i])
	}
	b = wire.Bytes(b, m.digests)
	b = m.recent.append(b)
	return m.ref.append(b)
}

// Restore reads what Save wrote.
func (s *health) Restore(saved []byte) (sequence.Memory, error) {
	r, err := wire.Open(saved, healthVersion, healthLostVersion)
	if err != nil {
		return nil, fmt.Errorf("health state: %w", err)
	}
	lost := int64(0)
	if r.Version() == healthLostVersion {
		if lost = r.Int(); lost <= 0 {
			r.Fail()
		}
	}
	m := &healthMemory{
		step: s, lost: lost, width: int(r.Int()), height: int(r.Int()), last: r.Int(), offset: r.Int(),
		interval: r.Int(), sequence: r.Int(), same: r.Int(), scene: r.Int(), reopened: r.Bool(),
	}
	for i := range m.alarms {
		m.alarms[i] = alarm{r.Bool(), r.Int(), r.Int()}
	}
	m.counts.slot = r.Int()
	for i := range slots {
		m.counts.came[i], m.counts.missing[i] = r.Int(), r.Int()
	}
	m.digests = bytes.Clone(r.Bytes())
	m.recent.read(r)
	m.ref.read(r)
	if m.width < 0 || m.height < 0 || m.interval < 0 || m.counts.slot < 0 || len(m.digests) > viewCells {
		r.Fail()
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("health state: %w", err)
	}
	return m, nil
}

func (c *recent) append(b []byte) []byte {
	b = appendCells(b, c.cells)
	for i := range c.detail {
		b = wire.Int(b, c.detail[i])
		b = wire.Int(b, c.squares[i])
	}
	return b
}

func (c *recent) read(r *wire.Reader) {
	if c.cells = readCells(r); c.cells == nil {
		return
	}
	c.detail, c.squares = make([]int64, viewBlocks), make([]int64, viewBlocks)
	for i := range c.detail {
		c.detail[i], c.squares[i] = r.Int(), r.Int()
	}
}

func (u *usual) append(b []byte) []byte {
	b = wire.Int(b, u.learnt)
	b = wire.Int(b, u.carry)
	b = wire.Int(b, u.here)
	b = appendCells(b, u.cells)
	for i := range u.trust {
		b = wire.Uint(b, uint64(u.trust[i]))
		b = wire.Int(b, u.fine[i])
		b = wire.Int(b, u.coarse[i])
	}
	return b
}

func (u *usual) read(r *wire.Reader) {
	u.learnt, u.carry, u.here = r.Int(), r.Int(), r.Int()
	u.cells = readCells(r)
	if u.learnt < 0 || u.carry < 0 || (u.learnt == 0) != (u.cells == nil) {
		r.Fail()
	}
	if u.cells == nil {
		return
	}
	u.trust, u.fine, u.coarse = make([]uint16, viewBlocks), make([]int64, viewBlocks), make([]int64, viewBlocks)
	for i := range u.trust {
		trust := r.Uint()
		u.fine[i], u.coarse[i] = r.Int(), r.Int()
		if trust > trustFull || u.fine[i] < 1 || u.coarse[i] < 1 {
			r.Fail()
			return
		}
		u.trust[i] = uint16(trust)
	}
}

package steps

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/wire"
)

// backgroundFormat is the version of a saved memory. Version 1: the size of the
// pictures (0: nothing else), the times and counters, and the cells with 4 bytes each.
const backgroundFormat = 1

func (m *backgroundMemory) Save() []byte {
	b := append(make([]byte, 0, backgroundCellBytes*len(m.cells)+64), backgroundFormat)
	b = wire.Uint(b, uint64(m.width))
	b = wire.Uint(b, uint64(m.height))
	if m.width == 0 {
		return b
	}
	b = wire.Int(b, m.captured)
	for _, v := range []int64{m.warming, int64(m.warmed), m.learnDue, int64(m.decays), m.ageDue, m.slowDue} {
		b = wire.Uint(b, uint64(v))
	}
	b = wire.Uint(b, uint64(len(m.cells)*backgroundCellBytes)+1)
	for _, c := range m.cells {
		b = binary.LittleEndian.AppendUint32(b, uint32(c.mean)|uint32(c.spread)<<12|uint32(c.age)<<18|uint32(c.other)<<24)
	}
	return b
}

// Restore reads what Save wrote.
func (s *background) Restore(saved []byte) (sequence.Memory, error) {
	r, err := wire.Open(saved, backgroundFormat)
	if err != nil {
		return nil, fmt.Errorf("background state: %w", err)
	}
	m := &backgroundMemory{step: s}
	width, height := r.Uint(), r.Uint()
	if width == 0 && height == 0 {
		if err := r.Close(); err != nil {
			return nil, fmt.Errorf("background state: %w", err)
		}
		return m, nil
	}
	m.captured = r.Int()
	var counts [6]uint64
	for i := range counts {
		counts[i] = r.Uint()
	}
	packed := r.Bytes()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("background state: %w", err)
	}
	const most = 1 << 40
	for _, v := range counts {
		if v > most {
			return nil, errors.New("background state: a count is impossible")
		}
	}
	if !isSize(width, height) {
		return nil, fmt.Errorf("background state: %dx%d pixels", width, height)
	}
	m.width, m.height = int(width), int(height)
	if n := backgroundGrid(m.width, m.height).count(); len(packed) != n*backgroundCellBytes {
		return nil, fmt.Errorf("background state: %d bytes of cells for %dx%d pixels", len(packed), m.width, m.height)
	}
	m.warming, m.warmed, m.learnDue = int64(counts[0]), int(counts[1]), int64(counts[2])
	m.decays, m.ageDue, m.slowDue = int(counts[3]), int64(counts[4]), int64(counts[5])
	m.cells = make([]modelCell, len(packed)/backgroundCellBytes)
	for i := range m.cells {
		v := binary.LittleEndian.Uint32(packed[i*backgroundCellBytes:])
		m.cells[i] = modelCell{uint16(v & 0xfff), uint8(v >> 12 & 0x3f), uint8(v >> 18 & 0x3f), uint8(v >> 24)}
	}
	return m, nil
}

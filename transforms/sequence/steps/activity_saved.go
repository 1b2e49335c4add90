package steps

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/wire"
)

// activityFormat is the version of a saved memory. Version 1: the size of the
// pictures, the two that are kept with their times, and the event.
const activityFormat = 1

func (m *activityMemory) Save() []byte {
	b := append(make([]byte, 0, len(m.older)+len(m.recent)+128), activityFormat)
	b = wire.Uint(b, uint64(m.width))
	b = wire.Uint(b, uint64(m.height))
	b = wire.Bytes(b, m.older)
	b = wire.Bytes(b, m.recent)
	e := &m.event
	for _, v := range []int64{m.olderAt, m.recentAt, m.settle, e.begin, e.last, e.frames, e.moved, e.peak, e.peakAt} {
		b = wire.Int(b, v)
	}
	return append(b, byte(e.phase), byte(m.ended))
}

// Restore reads what Save wrote.
func (s *activity) Restore(saved []byte) (sequence.Memory, error) {
	if len(saved) < 3 || saved[0] != activityFormat {
		return nil, fmt.Errorf("activity state: unknown version (known: %d)", activityFormat)
	}
	m := &activityMemory{step: s}
	last := len(saved) - 2
	r := wire.NewReader(saved[1:last])
	width, height := r.Uint(), r.Uint()
	m.older, m.recent = bytes.Clone(r.Bytes()), bytes.Clone(r.Bytes())
	e := &m.event
	for _, v := range []*int64{&m.olderAt, &m.recentAt, &m.settle, &e.begin, &e.last, &e.frames, &e.moved, &e.peak, &e.peakAt} {
		*v = r.Int()
	}
	e.phase, m.ended = phase(saved[last]), ended(saved[last+1])
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("activity state: %w", err)
	}
	if e.phase > confirmed || m.ended > endedBySilence || m.ended != notEnded && e.phase != confirmed {
		return nil, errors.New("activity state: an impossible event")
	}
	n := 0
	if width != 0 || height != 0 {
		if width < 1 || height < 1 || width > maxPixels/height {
			return nil, fmt.Errorf("activity state: %dx%d pixels", width, height)
		}
		m.width, m.height = int(width), int(height)
		n = cellsOf(m.width, m.height, activityCells).count()
	}
	for _, p := range [][]byte{m.older, m.recent} {
		if p != nil && (len(p) != n || n == 0) {
			return nil, fmt.Errorf("activity state: %d cells for %dx%d pixels", len(p), m.width, m.height)
		}
	}
	return m, nil
}

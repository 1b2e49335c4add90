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
	b = wire.Uint(b, uint64(e.phase))
	return wire.Uint(b, uint64(m.ended))
}

// Restore reads what Save wrote.
func (s *activity) Restore(saved []byte) (sequence.Memory, error) {
	r, err := wire.Open(saved, activityFormat)
	if err != nil {
		return nil, fmt.Errorf("activity state: %w", err)
	}
	m := &activityMemory{step: s}
	width, height := r.Uint(), r.Uint()
	m.older, m.recent = bytes.Clone(r.Bytes()), bytes.Clone(r.Bytes())
	e := &m.event
	for _, v := range []*int64{&m.olderAt, &m.recentAt, &m.settle, &e.begin, &e.last, &e.frames, &e.moved, &e.peak, &e.peakAt} {
		*v = r.Int()
	}
	what, why := r.Uint(), r.Uint()
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("activity state: %w", err)
	}
	if what > uint64(confirmed) || why > uint64(endedBySilence) || why != uint64(notEnded) && what != uint64(confirmed) {
		return nil, errors.New("activity state: an impossible event")
	}
	e.phase, m.ended = phase(what), ended(why)
	n := 0
	if width != 0 || height != 0 {
		if !isSize(width, height) {
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

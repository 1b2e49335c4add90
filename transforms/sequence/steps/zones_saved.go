package steps

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/wire"
)

// zonesVersion is the version of a saved memory. Version 1: time of the last frame,
// how long before it the zone was occupied, interrupted, and for each track its id,
// label, flags, how long before the last frame it got inside, turned and was seen, and
// the offset of the frame that showed it.
const zonesVersion = 1

// Flags of a saved visitor.
const (
	savedInside = 1 << iota
	savedTurning
	savedLoitered
	savedFlags
)

func (m *zonesMemory) Save() []byte {
	b := wire.Int([]byte{zonesVersion}, m.now)
	b = wire.Bool(b, m.inside() > 0)
	if m.inside() > 0 {
		b = wire.Uint(b, uint64(m.now-m.occupied))
	}
	b = wire.Bool(b, m.interrupted)
	b = wire.Uint(b, uint64(len(m.tracks)))
	for i := range m.tracks {
		v := &m.tracks[i]
		var flags uint64
		for k, set := range []bool{v.inside, v.turning, v.loitered} {
			if set {
				flags |= 1 << k
			}
		}
		b = wire.Int(b, v.id)
		b = wire.String(b, v.label)
		b = wire.Uint(b, flags)
		if v.inside {
			b = wire.Uint(b, uint64(m.now-v.since))
		}
		if v.turning {
			b = wire.Uint(b, uint64(m.now-v.turn))
		}
		b = wire.Uint(b, uint64(m.now-v.seen))
		b = wire.Int(b, v.shown)
	}
	return b
}

// Restore reads what Save wrote.
func (s *zones) Restore(saved []byte) (sequence.Memory, error) {
	r, err := wire.Open(saved, zonesVersion)
	if err != nil {
		return nil, fmt.Errorf("state of %s: %w", s.name, err)
	}
	m := &zonesMemory{step: s, now: r.Int()}
	before := func() int64 {
		ago := r.Uint()
		if ago > maxAgo {
			r.Fail()
		}
		return m.now - int64(ago)
	}
	occupied := r.Bool()
	if occupied {
		m.occupied = before()
	}
	m.interrupted = r.Bool()
	n := r.Count()
	for i := 0; i < n && i <= maxJudged; i++ {
		v := visitor{id: r.Int(), label: r.String()}
		flags := r.Uint()
		v.inside, v.turning, v.loitered = flags&savedInside != 0, flags&savedTurning != 0, flags&savedLoitered != 0
		if v.inside {
			v.since = before()
		}
		if v.turning {
			v.turn = before()
		}
		v.seen, v.shown = before(), r.Int()
		if flags >= savedFlags || !v.inside && !v.turning || len(v.label) > maxLabel || i > 0 && v.id <= m.tracks[i-1].id {
			r.Fail()
		}
		m.tracks = append(m.tracks, v)
	}
	if n > maxJudged || occupied != (m.inside() > 0) {
		r.Fail()
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("state of %s: %w", s.name, err)
	}
	return m, nil
}

package sequence

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
)

// scheduled is a step whose parameters follow the time of day: that of the frames'
// capture. It starts afresh whenever another variant begins to hold.
type scheduled struct{ *params.Scheduled[Step] }

func newScheduled(s params.Spec, one func(json.RawMessage) (Step, error)) (Step, error) {
	all, err := params.NewScheduled(s, one)
	if err != nil {
		return nil, err
	}
	return &scheduled{all}, nil
}

func (s *scheduled) Start() Memory { return &scheduledMemory{step: s, active: -1} }

// scheduledMemory is the memory of the variant that held last.
type scheduledMemory struct {
	step   *scheduled
	active int // -1: none yet
	memory Memory
}

func (m *scheduledMemory) Next(in pixels.Input, out *result.Frame) error {
	if at := m.step.At(in.Frame().Captured); at != m.active {
		m.Close()
		m.active, m.memory = at, nil
		if v, ok := m.step.Variant(at); ok {
			m.memory = v.Start()
		}
	}
	if m.memory == nil {
		return nil
	}
	return m.memory.Next(in, out)
}

func (m *scheduledMemory) Break(b Break) {
	if m.memory != nil {
		m.memory.Break(b)
	}
}

func (m *scheduledMemory) Source(state frame.SourceState, out *result.Frame) {
	if w, ok := m.memory.(SourceWatcher); ok {
		w.Source(state, out)
	}
}

func (m *scheduledMemory) Held() int {
	if h, ok := m.memory.(Holder); ok {
		return h.Held()
	}
	return 0
}

func (m *scheduledMemory) Close() {
	if m.memory != nil {
		m.memory.Close()
	}
}

// scheduledVersion is the version of a saved memory. Version 1: the variant, and
// what its memory saved.
const scheduledVersion = 1

func (m *scheduledMemory) Save() []byte {
	b := wire.Int([]byte{scheduledVersion}, int64(m.active))
	b = wire.Bool(b, m.memory != nil)
	if m.memory != nil {
		b = wire.Bytes(b, m.memory.Save())
	}
	return b
}

func (s *scheduled) Restore(saved []byte) (Memory, error) {
	r, err := wire.Open(saved, scheduledVersion)
	if err != nil {
		return nil, fmt.Errorf("scheduled state: %w", err)
	}
	m := &scheduledMemory{step: s, active: int(r.Int())}
	var inner []byte
	has := r.Bool()
	if has {
		inner = bytes.Clone(r.Bytes())
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("scheduled state: %w", err)
	}
	v, on := s.Variant(m.active)
	if m.active != -1 && !s.Has(m.active) || has != on {
		return nil, fmt.Errorf("scheduled state: no such variant %d", m.active)
	}
	if has {
		var err error
		if m.memory, err = v.Restore(inner); err != nil {
			return nil, err
		}
	}
	return m, nil
}

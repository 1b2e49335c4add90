package sequence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/params"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/schedule"
	"github.com/framebeam/framebeam/transforms/wire"
)

// scheduled is a step whose parameters follow the time of day: that of the frames'
// capture. It starts afresh whenever another variant begins to hold.
type scheduled struct {
	name      string
	schedules []schedule.Schedule // of all variants but the last
	variants  []Step              // the last holds when no schedule does; nil: off
	digest    string
}

func newScheduled(s params.Spec, one func(json.RawMessage) (Step, error)) (Step, error) {
	sc := &scheduled{name: s.Name}
	var digests []string
	add := func(off bool, raw json.RawMessage) error {
		var step Step
		digest := "off"
		if !off {
			var err error
			if step, err = one(raw); err != nil {
				return err
			}
			digest = step.Digest()
		}
		sc.variants, digests = append(sc.variants, step), append(digests, digest)
		return nil
	}
	for _, v := range s.During {
		if err := add(v.Off, v.Params); err != nil {
			return nil, err
		}
		sc.schedules = append(sc.schedules, v.Schedule)
		digests = append(digests, fmt.Sprintf("%+v", v.Schedule))
	}
	if err := add(s.Off, s.Params); err != nil {
		return nil, err
	}
	sc.digest = "scheduled v1 " + strings.Join(digests, "; ")
	return sc, nil
}

func (s *scheduled) Name() string   { return s.name }
func (s *scheduled) Digest() string { return s.digest }

func (s *scheduled) Pixels() frame.Pixels {
	need := frame.NoPixels
	for _, v := range s.variants {
		if v != nil {
			need = max(need, v.Pixels())
		}
	}
	return need
}

// at is the variant that holds at t.
func (s *scheduled) at(t time.Time) int {
	for i, sc := range s.schedules {
		if sc.Covers(t) {
			return i
		}
	}
	return len(s.schedules)
}

func (s *scheduled) Start() Memory { return &scheduledMemory{step: s, active: -1} }

// scheduledMemory is the memory of the variant that held last.
type scheduledMemory struct {
	step   *scheduled
	active int // -1: none yet
	memory Memory
}

func (m *scheduledMemory) Next(in Input, out *result.Frame) error {
	if at := m.step.at(in.Frame().Captured); at != m.active {
		m.Close()
		m.active, m.memory = at, nil
		if v := m.step.variants[at]; v != nil {
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
	if len(saved) == 0 || saved[0] != scheduledVersion {
		return nil, fmt.Errorf("scheduled state: unknown version (known: %d)", scheduledVersion)
	}
	r := wire.NewReader(saved[1:])
	m := &scheduledMemory{step: s, active: int(r.Int())}
	var inner []byte
	has := r.Bool()
	if has {
		inner = bytes.Clone(r.Bytes())
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("scheduled state: %w", err)
	}
	if m.active < -1 || m.active >= len(s.variants) || has != (m.active >= 0 && s.variants[m.active] != nil) {
		return nil, fmt.Errorf("scheduled state: no such variant %d", m.active)
	}
	if has {
		var err error
		if m.memory, err = s.variants[m.active].Restore(inner); err != nil {
			return nil, err
		}
	}
	return m, nil
}

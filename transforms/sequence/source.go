package sequence

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// SourceWatcher is a [Memory] that is told what happens to the camera's source, between
// two frames, and adds what follows from it to out, the row of that. out.Captured is when.
type SourceWatcher interface {
	Source(state frame.SourceState, out *result.Frame)
}

// toldOfSource is how many changes of a source are remembered, so that copies of them are
// known: a publisher repeats a request at once or never.
const toldOfSource = 16

// sourceOpen are the states that last until the next frame, by their places in a memory.
var sourceOpen = [...]struct {
	state frame.SourceState
	event string
}{
	{frame.SourceLost, result.EventSourceLost},
	{frame.SourceStopped, result.EventSourceStopped},
	{frame.SourceFailed, result.EventSourceFailed},
}

// changeOf tells what happened to a source from all else that did to that of the camera, by
// 64 bits of what is in its id ([frame.SourceChange.ID]).
func changeOf(res *result.Frame) uint64 {
	b := wire.Int(wire.String(nil, res.Reason), res.Captured)
	return xxhash.Sum64(wire.Int(wire.String(b, res.Epoch), res.Sequence))
}

// sourceMemory is what is remembered of a camera's source. A camera of which a collector has
// said nothing has none, and its state is saved as it was before there were such records.
type sourceMemory struct {
	told  []uint64               // the last changes, the latest last
	since [len(sourceOpen)]int64 // when a state began that lasts, µs since 1970; none: noTime
	frame int64                  // offset of the last frame that was analysed; none: noFrame
}

const (
	noTime  = -1
	noFrame = -1
)

func newSourceMemory() *sourceMemory {
	m := &sourceMemory{frame: noFrame}
	for i := range m.since {
		m.since[i] = noTime
	}
	return m
}

// source completes the row of what happened to the camera's source.
func (c *Camera) source(it *element.Item) {
	res := &it.Result
	known := c.told != nil
	if !known {
		c.told = newSourceMemory()
	}
	m, now, state := c.told, changeOf(res), frame.SourceState(res.Reason)
	if slices.Contains(m.told, now) {
		res.Status = result.SourceRepeat
		return
	}
	if len(m.told) == toldOfSource {
		m.told = append(m.told[:0], m.told[1:]...)
	}
	m.told = append(m.told, now)

	switch state {
	case frame.SourceLost:
		// Whoever tries to open a source neither has stopped nor has given it up.
		m.ends(res, frame.SourceStopped, frame.SourceFailed)
		m.begins(res, state)
	case frame.SourceFailed:
		m.ends(res, frame.SourceStopped)
		m.begins(res, state)
	case frame.SourceStopped:
		m.begins(res, state)
	case frame.SourceEnded:
		m.endAll(res)
		e := m.event(res, result.EventSourceEnded, "")
		e.Detail = res.Detail
		res.Events = append(res.Events, e)
	case frame.SourceBack:
		if m.endAll(res); !known {
			// The camera has been silent for so long that it was forgotten.
			e := m.event(res, result.EventSourceLost, result.End)
			e.Detail = res.Detail
			res.Events = append(res.Events, e)
		}
	case frame.SourceStarted:
		m.endAll(res)
	}
	identify(res, 0, "")
	for i, mem := range c.memories {
		if w, ok := mem.(SourceWatcher); ok {
			first := len(res.Events)
			if w.Source(state, res); len(res.Events) > first {
				identify(res, first, c.a.steps[i].Digest())
			}
		}
	}
}

// seen takes note of a frame that is analysed: whatever it was, the source is there again.
func (m *sourceMemory) seen(res *result.Frame) {
	m.frame = res.Offset
	m.endAll(res)
}

func (m *sourceMemory) event(res *result.Frame, typ, transition string) result.Event {
	e := result.Event{Analysis: result.OfSource, Type: typ, Transition: transition, Snapshot: res.Offset}
	if m.frame != noFrame {
		e.Snapshot = m.frame
	}
	return e
}

func (m *sourceMemory) begins(res *result.Frame, state frame.SourceState) {
	for i, o := range sourceOpen {
		if o.state == state && m.since[i] == noTime {
			m.since[i] = res.Captured
			e := m.event(res, o.event, result.Begin)
			e.Detail = res.Detail
			res.Events = append(res.Events, e)
		}
	}
}

func (m *sourceMemory) ends(res *result.Frame, states ...frame.SourceState) {
	for i, o := range sourceOpen {
		if m.since[i] == noTime || !slices.Contains(states, o.state) {
			continue
		}
		// Clocks are set back.
		d := time.Duration(max(0, res.Captured-m.since[i])) * time.Microsecond
		e := m.event(res, o.event, result.End)
		e.Value, e.Detail = result.Number(d.Seconds()), fmt.Sprintf("after %v", d)
		res.Events = append(res.Events, e)
		m.since[i] = noTime
	}
}

func (m *sourceMemory) endAll(res *result.Frame) {
	m.ends(res, frame.SourceLost, frame.SourceStopped, frame.SourceFailed)
}

// size is at least the length of the encoding; of no memory it is 0.
func (m *sourceMemory) size() int {
	if m == nil {
		return 0
	}
	return 64 + binary.MaxVarintLen64*len(m.told)
}

func (m *sourceMemory) append(b []byte) []byte {
	b = wire.Uint(b, uint64(len(m.told)))
	for _, t := range m.told {
		b = wire.Uint(b, t)
	}
	for _, s := range m.since {
		b = wire.Int(b, s)
	}
	return wire.Int(b, m.frame)
}

func readSourceMemory(r *wire.Reader) *sourceMemory {
	m := &sourceMemory{}
	n := r.Count()
	if n > toldOfSource {
		r.Fail()
		return nil
	}
	for range n {
		m.told = append(m.told, r.Uint())
	}
	for i := range m.since {
		m.since[i] = r.Int()
	}
	m.frame = r.Int()
	return m
}

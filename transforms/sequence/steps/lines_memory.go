package steps

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/wire"
)

// linesMemory is how often the line was crossed, and who is on the way.
type linesMemory struct {
	step   *lines
	now    int64    // the last frame's capture time, µs since 1970
	counts [2]int64 // forward, backward
	tracks []walker // by id
}

// walker is a track on its way.
type walker struct {
	id   int64
	at   geometry.Point // where it was seen last
	seen int64          // when, µs since 1970
	// net is how often it has crossed forward since it was last beyond the margin,
	// less how often backward, and via the segment that it crossed last.
	net, via int
}

// maxNet is more often than anybody crosses within the margin and means it.
const maxNet = 100

func (m *linesMemory) Next(in pixels.Input, out *result.Frame) error {
	now := in.Frame().Captured.UnixMicro()
	for i := range m.tracks {
		// Clocks are set back: nobody was seen in the future.
		m.tracks[i].seen = min(m.tracks[i].seen, now)
	}
	m.now = now
	gone := time.Duration(m.step.Gone).Microseconds()
	m.tracks = slices.DeleteFunc(m.tracks, func(w walker) bool { return now-w.seen > gone })
	seen := sightings(out, m.step.Of, m.step.Labels)
	for _, id := range present(seen, out, m.step.Of) {
		// So that they make no room for others.
		if i, known := m.find(id); known {
			m.tracks[i].seen = now
		}
	}
	for _, s := range seen {
		if w := m.walk(s); w != nil && !s.tentative && m.step.line.Beyond(s.at, m.step.margin) {
			m.judge(w, s, out)
		}
	}
	return nil
}

// walk takes the track to where it is seen, and returns it; nil if there is no room.
func (m *linesMemory) walk(s sighting) *walker {
	i, known := m.find(s.track)
	if !known {
		if len(m.tracks) == maxJudged {
			// Who was last seen the longest ago makes room, unless all are here.
			oldest := 0
			for j := range m.tracks {
				if m.tracks[j].seen < m.tracks[oldest].seen {
					oldest = j
				}
			}
			if m.tracks[oldest].seen == m.now {
				return nil
			}
			m.tracks = slices.Delete(m.tracks, oldest, oldest+1)
			i, _ = m.find(s.track)
		}
		m.tracks = slices.Insert(m.tracks, i, walker{id: s.track, at: s.at, seen: m.now})
		return &m.tracks[i]
	}
	w := &m.tracks[i]
	if net, via := m.step.line.Crossed(w.at, s.at); net != 0 {
		w.net, w.via = max(-maxNet, min(maxNet, w.net+net)), via
	}
	w.at, w.seen = s.at, m.now
	return w
}

func (m *linesMemory) find(id int64) (int, bool) {
	return slices.BinarySearchFunc(m.tracks, id, func(w walker, id int64) int { return cmp.Compare(w.id, id) })
}

// judge says what a track has crossed that is beyond the margin.
func (m *linesMemory) judge(w *walker, s sighting, out *result.Frame) {
	net, via := w.net, w.via
	w.net, w.via = 0, 0
	if net == 0 {
		return
	}
	// The side is that of the nearest part of the line; or, for one that has come far
	// from where it crossed, of the segment that it crossed.
	forward := net > 0
	if m.step.line.Right(s.at) != forward && m.step.line.Segment(via).Right(s.at) != forward {
		return
	}
	direction, count := result.Forward, &m.counts[0]
	if !forward {
		direction, count = result.Backward, &m.counts[1]
	}
	if m.step.Direction != "both" && m.step.Direction != direction {
		return
	}
	*count++
	e := sequence.NewEvent(m.step, out, result.EventLineCrossed, direction)
	e.Rule, e.Track, e.Label, e.Value = m.step.rule, s.track, s.label, result.Number(*count)
	e.Detail = fmt.Sprintf("%d %s so far", *count, direction)
	out.Events = append(out.Events, e)
}

// Break forgets who was on the way when frames were interrupted: nobody knows how they
// went on. The counts stay.
func (m *linesMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.tracks = nil
	}
}

func (m *linesMemory) Close() {}

// linesVersion is the version of a saved memory. Version 1: time of the last frame,
// counts, and for each track its id, place, how long before the last frame it was
// seen, net and via.
const linesVersion = 1

func (m *linesMemory) Save() []byte {
	b := wire.Int([]byte{linesVersion}, m.now)
	for _, n := range m.counts {
		b = wire.Uint(b, uint64(n))
	}
	b = wire.Uint(b, uint64(len(m.tracks)))
	for i := range m.tracks {
		w := &m.tracks[i]
		b = wire.Int(b, w.id)
		b = wire.Int(b, int64(w.at.X))
		b = wire.Int(b, int64(w.at.Y))
		b = wire.Uint(b, uint64(m.now-w.seen))
		b = wire.Int(b, int64(w.net))
		b = wire.Uint(b, uint64(w.via))
	}
	return b
}

// Restore reads what Save wrote.
func (s *lines) Restore(saved []byte) (sequence.Memory, error) {
	r, err := wire.Open(saved, linesVersion)
	if err != nil {
		return nil, fmt.Errorf("state of %s: %w", s.name, err)
	}
	m := &linesMemory{step: s, now: r.Int()}
	for i := range m.counts {
		m.counts[i] = int64(r.Uint())
	}
	n := r.Count()
	for i := 0; i < n && i <= maxJudged; i++ {
		id, x, y, ago, net, via := r.Int(), r.Int(), r.Int(), r.Uint(), r.Int(), r.Uint()
		m.tracks = append(m.tracks, walker{
			id: id, at: geometry.Point{X: int32(x), Y: int32(y)}, seen: m.now - int64(ago), net: int(net), via: int(via),
		})
		if ago > maxAgo || !geometry.Told(x, y) || net < -maxNet || net > maxNet || via >= uint64(s.line.Segments()) || i > 0 && id <= m.tracks[i-1].id {
			r.Fail()
		}
	}
	if n > maxJudged || m.counts[0] < 0 || m.counts[1] < 0 {
		r.Fail()
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("state of %s: %w", s.name, err)
	}
	return m, nil
}

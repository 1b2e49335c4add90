package steps

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// zonesMemory is who is inside. Who is outside need not be known.
type zonesMemory struct {
	step *zones
	now  int64 // the last frame's capture time, µs since 1970
	// occupied is since when somebody is inside; 0 if nobody is.
	occupied    int64
	interrupted bool      // before the next frame
	tracks      []visitor // by id
}

// visitor is a track that is inside, or is about to be.
type visitor struct {
	id     int64
	label  string // at most maxLabel bytes of it
	inside bool
	// turning tells that it is seen on the other side: inside of who is outside, and
	// the other way round.
	turning  bool
	loitered bool  // this was told
	since    int64 // inside, µs since 1970
	turn     int64 // turning, likewise
	seen     int64 // last, likewise
	shown    int64 // offset of the frame in which it was
}

// maxLabel is how much of a label is kept for when its object is lost.
const maxLabel = 16

func shortLabel(s string) string {
	if len(s) <= maxLabel {
		return s
	}
	n := maxLabel
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (m *zonesMemory) Next(in pixels.Input, out *result.Frame) error {
	if m.interrupted {
		m.interrupted = false
		before := m.inside()
		left := m.lose(out, "frames were interrupted", func(*visitor) bool { return true })
		m.count(before, left, out)
	}
	m.advance(in.Frame().Captured.UnixMicro())
	before := m.inside()
	left := m.lose(out, fmt.Sprintf("not seen for more than %v", m.step.Gone), func(v *visitor) bool { return m.now-v.seen > m.step.goneBeyond })
	seen := sightings(out, m.step.Of, m.step.Labels)
	for _, id := range present(seen, out, m.step.Of) {
		// So that they make no room for others.
		if i, known := m.find(id); known {
			m.tracks[i].seen = m.now
		}
	}
	for _, s := range seen {
		left = max(left, m.see(s, out))
	}
	m.count(before, left, out)
	return nil
}

// advance sets the time. Clocks are set back: nothing has happened in the future.
func (m *zonesMemory) advance(now int64) {
	m.now = now
	m.occupied = min(m.occupied, now)
	for i := range m.tracks {
		v := &m.tracks[i]
		v.since, v.turn, v.seen = min(v.since, now), min(v.turn, now), min(v.seen, now)
	}
}

func (m *zonesMemory) inside() (n int) {
	for i := range m.tracks {
		if m.tracks[i].inside {
			n++
		}
	}
	return n
}

// event makes an event of an object.
func (m *zonesMemory) event(out *result.Frame, typ, transition string, v *visitor, label string) result.Event {
	e := sequence.NewEvent(m.step, out, typ, transition)
	e.Rule, e.Track, e.Label = m.step.rule, v.id, label
	return e
}

// lose forgets those who are not expected back, and returns when the last of those
// inside was seen there.
func (m *zonesMemory) lose(out *result.Frame, why string, which func(*visitor) bool) (left int64) {
	for i := 0; i < len(m.tracks); {
		v := m.tracks[i]
		if !which(&v) {
			i++
			continue
		}
		m.tracks = slices.Delete(m.tracks, i, i+1)
		if !v.inside {
			continue
		}
		last := v.seen
		if v.turning {
			last = v.turn
		}
		left = max(left, last)
		e := m.event(out, result.EventObjectsInside, result.Leave, &v, v.label)
		e.Value, e.Snapshot = result.Number(seconds(last-v.since)), v.shown
		e.Detail = fmt.Sprintf("lost: %s; %d left inside", why, m.inside())
		out.Events = append(out.Events, e)
	}
	return left
}

// see judges a track that is seen, and returns when it left, if it has.
func (m *zonesMemory) see(s sighting, out *result.Frame) (left int64) {
	side := m.step.polygon.Side(s.at, m.step.margin)
	in := side > 0 || side == 0 && m.step.polygon.Contains(s.at)
	i, known := m.find(s.track)
	if !known {
		if side <= 0 {
			return 0
		}
		if i, known = m.admit(s.track); !known {
			return 0
		}
	}
	v := &m.tracks[i]
	v.label, v.seen, v.shown = shortLabel(s.label), m.now, out.Offset
	if !v.inside {
		if !in {
			m.tracks = slices.Delete(m.tracks, i, i+1)
			return 0
		}
		if s.tentative || m.now-v.turn < m.step.minInside {
			return 0
		}
		v.inside, v.since, v.turning, v.turn = true, v.turn, false, 0
		e := m.event(out, result.EventObjectsInside, result.Enter, v, s.label)
		n := m.inside()
		e.Value, e.Detail = result.Number(n), fmt.Sprintf("%d inside", n)
		out.Events = append(out.Events, e)
	}
	if in {
		v.turning, v.turn = false, 0
		if stay := m.now - v.since; m.step.loiterAfter > 0 && stay >= m.step.loiterAfter && !v.loitered {
			v.loitered = true
			e := m.event(out, result.EventLoitering, "", v, s.label)
			e.Value, e.Detail = result.Number(seconds(stay)), fmt.Sprintf("inside for %v", micros(stay))
			out.Events = append(out.Events, e)
		}
		return 0
	}
	if !v.turning && side < 0 {
		v.turning, v.turn = true, m.now
	}
	if !v.turning || m.now-v.turn < m.step.minOutside {
		return 0
	}
	gone := *v
	m.tracks = slices.Delete(m.tracks, i, i+1)
	e := m.event(out, result.EventObjectsInside, result.Leave, &gone, s.label)
	e.Value = result.Number(seconds(gone.turn - gone.since))
	e.Detail = fmt.Sprintf("after %v; %d left inside", micros(gone.turn-gone.since), m.inside())
	out.Events = append(out.Events, e)
	return gone.turn
}

func (m *zonesMemory) find(id int64) (int, bool) {
	return slices.BinarySearchFunc(m.tracks, id, func(v visitor, id int64) int { return cmp.Compare(v.id, id) })
}

// admit makes a place for a track that is seen inside for the first time; false: there
// is no room. Of those who are not inside for certain and not here, who was last seen
// the longest ago makes room.
func (m *zonesMemory) admit(id int64) (int, bool) {
	if len(m.tracks) == maxJudged {
		oldest := -1
		for j := range m.tracks {
			v := &m.tracks[j]
			if !v.inside && v.seen < m.now && (oldest < 0 || v.seen < m.tracks[oldest].seen) {
				oldest = j
			}
		}
		if oldest < 0 {
			return 0, false
		}
		m.tracks = slices.Delete(m.tracks, oldest, oldest+1)
	}
	i, _ := m.find(id)
	m.tracks = slices.Insert(m.tracks, i, visitor{id: id, turning: true, turn: m.now})
	return i, true
}

// count tells of the zone as a whole. left is when the last one has left.
func (m *zonesMemory) count(before int, left int64, out *result.Frame) {
	n := m.inside()
	tell := func(transition string, value float64, format string, args ...any) {
		e := sequence.NewEvent(m.step, out, result.EventObjectsInside, transition)
		e.Rule, e.Value, e.Detail = m.step.rule, result.Number(value), fmt.Sprintf(format, args...)
		out.Events = append(out.Events, e)
	}
	if before > 0 && n == 0 {
		stay := left - m.occupied
		tell(result.End, seconds(stay), "occupied for %v", micros(stay))
		m.occupied = 0
	}
	if before == 0 && n > 0 {
		m.occupied = m.now
		for i := range m.tracks {
			if v := &m.tracks[i]; v.inside {
				m.occupied = min(m.occupied, v.since)
			}
		}
		tell(result.Begin, float64(n), "%d inside", n)
	}
	if c := m.step.Crowd; c > 0 && before < c && n >= c {
		tell(result.Crowd, float64(n), "%d inside", n)
	}
}

// Break: when frames were interrupted nobody knows who stayed.
func (m *zonesMemory) Break(b sequence.Break) {
	if b == sequence.NewEpoch || b == sequence.Silence {
		m.interrupted = len(m.tracks) > 0
	}
}

func (m *zonesMemory) Close() {}

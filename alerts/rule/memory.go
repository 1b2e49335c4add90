package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/eventsink"
)

// Memory is what is remembered of a rule and a camera. The zero value remembers nothing. It
// is kept as JSON: fields are added, never renamed.
type Memory struct {
	Told   time.Time `json:"told,omitzero"`   // when the last event that was told happened
	Window time.Time `json:"window,omitzero"` // when the first one of the present stretch did
	Count  int       `json:"count,omitempty"` // how many of it were told
	Held   Held      `json:"held,omitzero"`
	After  string    `json:"after,omitempty"` // the id of what was told last
	Parts  int       `json:"parts,omitempty"` // how many summaries were told since
}

// Held are events that were not told one by one.
type Held struct {
	Count int             `json:"count"`
	From  time.Time       `json:"since"` // the first one's time of capture
	To    time.Time       `json:"until"` // the last one's
	Last  eventsink.Event `json:"last"`
}

// Take takes an event that the rule matches, and reports whether it is told. If so, held is
// what was held back since the last time, to be told with it.
func (m *Memory) Take(r *Rule, e *eventsink.Event) (told bool, held Held) {
	if !m.free(r, e.Captured) {
		return false, Held{}
	}
	if !m.sameStretch(r, e.Captured) {
		m.Window, m.Count = e.Captured, 0
	}
	m.Count++
	held = m.Held
	m.Told, m.Held, m.After, m.Parts = e.Captured, Held{}, e.ID, 0
	return true, held
}

// Hold notes an event that is not told.
func (m *Memory) Hold(e *eventsink.Event) {
	if m.Held.Count == 0 {
		m.Held.From = e.Captured
	}
	m.Held.Count++
	m.Held.To, m.Held.Last = e.Captured, *e
}

// free reports whether something may be told of a time. A clock that was set back by more than
// the rule's times does not keep it quiet until it has caught up.
func (m *Memory) free(r *Rule, at time.Time) bool {
	if r.Quiet > 0 && !m.Told.IsZero() && at.Sub(m.Told).Abs() < r.Quiet {
		return false
	}
	return r.Limit == 0 || !m.sameStretch(r, at) || m.Count < r.Limit
}

func (m *Memory) sameStretch(r *Rule, at time.Time) bool {
	return r.Limit > 0 && !m.Window.IsZero() && at.Sub(m.Window).Abs() < r.Per
}

// Due is when what is held back is told by itself, if nothing that is told comes before; zero
// if nothing is held back.
func (m *Memory) Due(r *Rule) time.Time {
	if m.Held.Count == 0 {
		return time.Time{}
	}
	at := m.Told.Add(r.Quiet)
	if end := m.Window.Add(r.Per); r.Limit > 0 && m.Count >= r.Limit && end.After(at) {
		at = end
	}
	return at
}

// Summarise takes what is held back, to be told by itself, and the id of that. The id follows
// from the rule, the camera and what was told before.
func (m *Memory) Summarise(r *Rule, camera string) (id string, held Held) {
	held = m.Held
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", r.Name, camera, m.After, m.Parts))
	m.Held = Held{}
	m.Parts++
	return hex.EncodeToString(sum[:16]), held
}

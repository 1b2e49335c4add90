package alerts

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Status is how it stands with a target.
type Status struct {
	Target, Kind string
	Where        string // for people, without anything secret
	Told         int64  // messages that it has taken
	Dead         int64  // that it will never take
	Held         int64  // events that rules hold, or held, back
	Repeated     int64  // events that were in the topic before
	Unreadable   int64  // records that are no events although they say so
	Lost         int64  // how often events were gone before they were told
	Retried      int64  // attempts that failed
	Behind       int64  // records of the topic that it was not told of yet
	Failing      string // why it is not told just now; "": it is
	Since        time.Time
	LastTold     time.Time
	LastAnswer   string
}

// stats are counted by a target's couriers.
type stats struct {
	mu                                                     sync.Mutex
	name, kind, where                                      string
	toldN, dead, held, repeated, unreadable, lost, retried int64
	sendFailed, readFailed                                 string
	since, lastTold                                        time.Time
	answer                                                 string
	places                                                 map[int32]int64
}

func (s *stats) count(n *int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *stats) told(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.toldN++
	s.lastTold, s.answer, s.sendFailed = time.Now(), answer, ""
	s.settle()
}

func (s *stats) failing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retried++
	s.sendFailed = err.Error()
	s.settle()
}

func (s *stats) reading(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readFailed = ""; err != nil {
		s.readFailed = err.Error()
	}
	s.settle()
}

// settle notes since when something fails.
func (s *stats) settle() {
	switch failing := s.sendFailed != "" || s.readFailed != ""; {
	case !failing:
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = time.Now()
	}
}

func (s *stats) place(partition int32, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.places == nil {
		s.places = map[int32]int64{}
	}
	s.places[partition] = offset
}

func (s *stats) placed() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[int32]int64, len(s.places))
	for p, o := range s.places {
		out[p] = o
	}
	return out
}

// Ready reports whether all targets have begun.
func (e *Engine) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ready
}

// Status is how it stands with each target, by name.
func (e *Engine) Status() []Status {
	e.mu.Lock()
	behind := map[string]int64{}
	for key, c := range e.couriers {
		behind[key.target] += max(0, c.tail.at()-c.stats.placed()[key.partition])
	}
	e.mu.Unlock()
	var all []Status
	for name, s := range e.stats {
		s.mu.Lock()
		st := Status{
			Target: name, Kind: s.kind, Where: s.where, Told: s.toldN, Dead: s.dead, Held: s.held, Repeated: s.repeated,
			Unreadable: s.unreadable, Lost: s.lost, Retried: s.retried, Behind: behind[name],
			Failing: s.sendFailed, Since: s.since, LastTold: s.lastTold, LastAnswer: s.answer,
		}
		if st.Failing == "" {
			st.Failing = s.readFailed
		}
		s.mu.Unlock()
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Target, b.Target) })
	return all
}

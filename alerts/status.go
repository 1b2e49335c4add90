package alerts

import (
	"cmp"
	"maps"
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
	mu                     sync.Mutex
	is                     Status // but for Behind and Failing
	sendFailed, readFailed string
	places                 map[int32]int64 // by partition
}

// count adds one to a number of the status.
func (s *stats) count(n *int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *stats) told(answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.is.Told++
	s.is.LastTold, s.is.LastAnswer, s.sendFailed = time.Now(), answer, ""
	s.settle()
}

func (s *stats) failing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.is.Retried++
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
		s.is.Since = time.Time{}
	case s.is.Since.IsZero():
		s.is.Since = time.Now()
	}
}

func (s *stats) place(partition int32, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[partition] = offset
}

// placed is how far the target has come, by partition.
func (s *stats) placed() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.places)
}

// Ready reports whether all targets have begun.
func (e *Engine) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ready
}

// Status is how it stands with each target, by name.
func (e *Engine) Status() []Status {
	ends := map[courierKey]int64{}
	e.mu.Lock()
	for key, c := range e.couriers {
		ends[key] = c.tail.at()
	}
	e.mu.Unlock()
	var all []Status
	for name, s := range e.stats {
		s.mu.Lock()
		st := s.is
		st.Failing = cmp.Or(s.sendFailed, s.readFailed)
		for key, end := range ends {
			if key.target == name {
				st.Behind += max(0, end-s.places[key.partition])
			}
		}
		s.mu.Unlock()
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Target, b.Target) })
	return all
}

package source

import (
	"strconv"
	"sync"
	"sync/atomic"
)

// Drain ends the reading of a job where it stands, if its readers are in this process: every
// task is at its end there, what was emitted of the open chunk is told with a partial end, and
// when the stages behind have done their work the pipeline ends as one over tasks with ends.
type Drain struct {
	id   string
	on   atomic.Bool
	turn func()
}

var (
	drains  sync.Map // by id
	drainID atomic.Int64
)

// NewDrain makes one; close it when the job has ended. Readers call turn each time they come
// round, several at once.
func NewDrain(turn func()) *Drain {
	d := &Drain{id: strconv.FormatInt(drainID.Add(1), 10), turn: turn}
	drains.Store(d.id, d)
	return d
}

// ID is for [Config].
func (d *Drain) ID() string { return d.id }

// Start begins to drain.
func (d *Drain) Start() { d.on.Store(true) }

// Close forgets it.
func (d *Drain) Close() { drains.Delete(d.id) }

// comesRound is called by a reader with that Config.Drain each time it comes round, and reports
// whether it is to end.
func comesRound(id string) (drained bool) {
	if id == "" {
		return false
	}
	v, ok := drains.Load(id)
	if !ok {
		return false
	}
	d := v.(*Drain)
	d.turn()
	return d.on.Load()
}

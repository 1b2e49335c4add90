package timeline

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/framebeam/framebeam/history/events"
	"github.com/framebeam/framebeam/monitor/inputs"
	"github.com/framebeam/framebeam/monitor/web"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	// mostAtOnce are told one by one of what comes together: with more, pages ask anew.
	mostAtOnce = 100
	// mostTold are remembered, so that what comes from the events topic and then from the output is
	// told once.
	mostTold = 20_000

	topicBytes = 1 << 20
	topicWait  = time.Second
	topicAway  = 2 * time.Second
)

// fresh tells of new events: those of the events topic, if there is one, and those of rows that are
// new in the output.
type fresh struct {
	web.Deps
	mu      sync.Mutex
	current bool // the rows that there were at first have been told
	told    map[string]*list.Element
	order   *list.List
}

func newFresh(d web.Deps) *fresh {
	return &fresh{Deps: d, told: map[string]*list.Element{}, order: list.New()}
}

// mention is an event that was told of.
type mention struct {
	id     string
	stored bool // as one that the output has
}

// first reports whether an event is told for the first time, and whether it is the first time that
// the output has it.
func (f *fresh) first(id string, stored bool) (first, arrives bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.told[id]; e != nil {
		m := e.Value.(*mention)
		arrives = stored && !m.stored
		m.stored = m.stored || stored
		return false, arrives
	}
	f.told[id] = f.order.PushBack(&mention{id, stored})
	if f.order.Len() > mostTold {
		delete(f.told, f.order.Remove(f.order.Front()).(*mention).id)
	}
	return true, false
}

// rows takes rows of the output as they come.
func (f *fresh) rows(u inputs.Update) {
	f.mu.Lock()
	if u.Reset {
		f.current = false
	}
	current := f.current
	if u.Current {
		f.current = true
	}
	f.mu.Unlock()
	var all []row
	for i := range u.Rows {
		for k := range u.Rows[i].Events {
			r := &u.Rows[i]
			e := &r.Events[k]
			if !result.OfAnalysis(*e) {
				continue
			}
			switch first, arrives := f.first(e.ID, true); {
			case first && current:
				all = append(all, rowOf(item{events.Found{Frame: r, Event: e}, placeOf(r, k)}))
			case arrives:
				f.Hub.Event("events", news{ID: e.ID, Stored: true})
			}
		}
	}
	f.tell(all)
}

// news is what browsers are told: an event, or how many there were.
type news struct {
	Row  *row `json:"row,omitempty"`
	Many int  `json:"many,omitempty"`
	// ID is that of an event that was told before, which the output has now.
	ID string `json:"id,omitempty"`
	// Stored: the output has it, so its picture can be had.
	Stored bool `json:"stored"`
}

func (f *fresh) tell(all []row) {
	if len(all) > mostAtOnce {
		f.Hub.Event("events", news{Many: len(all), Stored: true})
		return
	}
	for i := range all {
		f.Hub.Event("events", news{Row: &all[i], Stored: true})
	}
}

// run follows the events topic from its end on, until the context ends.
func (f *fresh) run(ctx context.Context) {
	if f.Inputs.EventsTopic == "" || !f.Inputs.HasKafka() {
		return
	}
	var all sync.WaitGroup
	defer all.Wait()
	following := map[int32]bool{}
	for first := true; ; first = false {
		l, err := f.Inputs.KafkaLog(ctx)
		if err == nil {
			var ids []int32
			if ids, err = l.Partitions(ctx, f.Inputs.EventsTopic); err == nil {
				for _, id := range ids {
					if !following[id] {
						following[id] = true
						p := chunk.Partition{Topic: f.Inputs.EventsTopic, ID: id}
						all.Go(func() { f.follow(ctx, l, p, first) })
					}
				}
			}
		}
		if !pause(ctx, 30*time.Second, err) {
			return
		}
	}
}

// pause waits, shorter after an error; false: the context has ended.
func pause(ctx context.Context, usual time.Duration, err error) bool {
	if err != nil {
		usual = topicAway
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(usual):
		return true
	}
}

// follow reads a partition: from its end, or all of one that was added meanwhile.
func (f *fresh) follow(ctx context.Context, l log.Log, p chunk.Partition, fromEnd bool) {
	var at int64 = -1
	for ctx.Err() == nil {
		if at < 0 {
			first, end, err := l.Bounds(ctx, p)
			if err != nil {
				if !pause(ctx, 0, err) {
					return
				}
				continue
			}
			if at = first; fromEnd {
				at = end
			}
		}
		recs, next, err := l.Read(ctx, p, at, chunk.MaxOffset, topicBytes, topicWait)
		if lost := (*log.DataLoss)(nil); errors.As(err, &lost) {
			at, fromEnd = -1, false // what retention has taken is in the output
			if !pause(ctx, 0, err) {
				return
			}
			continue
		}
		if err != nil {
			if !pause(ctx, 0, err) {
				return
			}
			continue
		}
		at = next
		for i := range recs {
			f.record(&recs[i])
		}
	}
}

// record tells of an event of the topic. What is none is passed over.
func (f *fresh) record(rec *frame.Record) {
	e, err := eventsink.Parse(rec)
	if err != nil || !result.OfAnalysis(e.Event) {
		return
	}
	if first, _ := f.first(e.ID, false); !first {
		return
	}
	r := result.Frame{
		Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Timestamp: rec.Timestamp, Camera: e.Camera, Epoch: e.Epoch,
		Sequence: e.Sequence, Captured: e.Captured.UnixMicro(),
	}
	told := rowOf(item{events.Found{Frame: &r, Event: &e.Event}, placeOf(&r, 0)})
	f.Hub.Event("events", news{Row: &told})
}

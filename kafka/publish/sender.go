package publish

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/framebeam/framebeam/transforms/frame"
)

// batchBytes is how many bytes of records one request carries at most, unless
// one record is larger: enough to keep the link busy between acknowledgements,
// little enough to be repeated at no great cost.
const batchBytes = 1 << 20

// camera is one camera's share of its partition's queue; guarded by the
// sender's mutex except for id and partition.
type camera struct {
	id        string
	partition int
	unsent    list.List // of *list.Element in the sender's queue, oldest first
	bytes     int       // queued and in flight
	waiting   int64     // frames, queued and in flight
	sent      int64
	sentBytes int64
	dropped   int64
	refused   int64
	refusal   error // why the last of them was
	ended     error // a record of a camera that waits was refused
}

func (c *camera) stats() Stats {
	return Stats{
		Partition: c.partition, Sent: c.sent, Bytes: c.sentBytes, Dropped: c.dropped, Refused: c.refused, Refusal: c.refusal,
		Waiting: c.waiting, WaitingBytes: int64(c.bytes),
	}
}

// queued is a record in a sender's queue.
type queued struct {
	camera *camera
	rec    frame.Record
	size   int
	waits  bool  // its camera does
	note   bool  // it is no frame
	number int64 // by pushed
}

// sender writes one partition.
type sender struct {
	p         *Publisher
	partition int
	log       *slog.Logger

	mu      sync.Mutex
	queue   list.List     // of queued, in the order they will have in the log
	pushed  int64         // how many were ever queued
	sending int64         // number of the first of the batch under way; 0: none is
	pending int           // records of that batch that are neither acknowledged nor dropped
	changed chan struct{} // closed and replaced when anything below or above changes
	closed  bool          // nothing more will come
	err     error         // the partition is given up
}

func newSender(p *Publisher, partition int) *sender {
	return &sender{p: p, partition: partition, changed: make(chan struct{}),
		log: p.opts.Log.With("topic", p.topic.Name, "partition", partition)}
}

// notify wakes everybody who waits; the mutex is held.
func (s *sender) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// push appends a record of a camera; the mutex is held.
func (s *sender) push(q queued) {
	q.size = recordSize(&q.rec)
	s.pushed++
	q.number = s.pushed
	c := q.camera
	c.unsent.PushBack(s.queue.PushBack(q))
	c.bytes += q.size
	c.waiting += q.frames()
	s.notify()
}

// frames is how many the record counts for.
func (q *queued) frames() int64 {
	if q.note {
		return 0
	}
	return 1
}

// refused returns why nothing can be queued; the mutex is held.
func (s *sender) refused() error {
	if s.err != nil {
		return s.err
	}
	if s.closed {
		return ErrClosed
	}
	return nil
}

func (s *sender) full(c *camera, rec *frame.Record) bool {
	return c.bytes > 0 && int64(c.bytes+recordSize(rec)) > s.p.queue.Load()
}

func (s *sender) wait(ctx context.Context, c *camera, rec frame.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.refused(); err != nil {
			return err
		}
		if c.ended != nil {
			return c.ended
		}
		if !s.full(c, &rec) {
			s.push(queued{camera: c, rec: rec, waits: true})
			return nil
		}
		if err := s.await(ctx); err != nil {
			return err
		}
	}
}

func (s *sender) offer(c *camera, rec frame.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refused(); err != nil {
		return err
	}
	for e := c.unsent.Front(); e != nil && s.full(c, &rec); {
		next := e.Next()
		if !e.Value.(*list.Element).Value.(queued).note {
			s.giveUp(c, e)
			c.dropped++
		}
		e = next
	}
	// With all room taken by frames in flight, one more is still taken: the
	// newest is the one to keep.
	s.push(queued{camera: c, rec: rec})
	return nil
}

// giveUp takes what is not sent yet from the queue, by its place in the camera's; the mutex
// is held.
func (s *sender) giveUp(c *camera, e *list.Element) {
	old := s.queue.Remove(c.unsent.Remove(e).(*list.Element)).(queued)
	c.bytes -= old.size
	c.waiting -= old.frames()
}

// mostNotes is how many notes of a camera may wait. They are small and few.
const mostNotes = 1000

func (s *sender) note(c *camera, rec frame.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refused(); err != nil {
		return err
	}
	if c.ended != nil {
		return c.ended
	}
	var oldest *list.Element
	notes := 0
	for e := c.unsent.Back(); e != nil; e = e.Prev() {
		if e.Value.(*list.Element).Value.(queued).note {
			oldest = e
			notes++
		}
	}
	if notes == mostNotes {
		s.giveUp(c, oldest)
	}
	s.push(queued{camera: c, rec: rec, note: true})
	return nil
}

// flush waits until nothing is left of what was queued before.
func (s *sender) flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for last := s.pushed; s.err == nil && s.oldest() <= last; {
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	return s.err
}

// await waits until something changes; the mutex, which is held, is not meanwhile.
func (s *sender) await(ctx context.Context) error {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// oldest is the number of the first record that is not acknowledged; the mutex is held.
func (s *sender) oldest() int64 {
	switch {
	case s.sending != 0:
		return s.sending
	case s.queue.Len() > 0:
		return s.queue.Front().Value.(queued).number
	}
	return s.pushed + 1
}

func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.notify()
}

// run sends until everything is sent after close, or the partition is given up.
func (s *sender) run() {
	for {
		batch := s.take()
		if batch == nil {
			return
		}
		err := s.deliver(batch)
		s.mu.Lock()
		if err != nil {
			err = fmt.Errorf("topic %s partition %d: %w with %d records not acknowledged: %w", s.p.topic.Name, s.partition, ErrGivenUp, s.pending+s.queue.Len(), err)
			s.err = err
			s.queue.Init() // whoever counts them looks at waiting
			s.notify()
			s.mu.Unlock()
			if s.p.opts.GivenUp != nil {
				s.p.opts.GivenUp(err)
			}
			return
		}
		s.sending = 0
		s.notify()
		s.mu.Unlock()
	}
}

// take waits for records and takes as many as one request may carry; nil means
// there will be no more.
func (s *sender) take() []queued {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.queue.Len() == 0 {
		if s.closed {
			return nil
		}
		changed := s.changed
		s.mu.Unlock()
		<-changed
		s.mu.Lock()
	}
	limit := min(batchBytes, s.p.topic.MaxMessageBytes) - batchHeader
	var batch []queued
	for bytes := 0; s.queue.Len() > 0; {
		q := s.queue.Front().Value.(queued)
		if bytes += q.size; bytes > limit && len(batch) > 0 {
			break
		}
		s.queue.Remove(s.queue.Front())
		q.camera.unsent.Remove(q.camera.unsent.Front())
		batch = append(batch, q)
	}
	s.sending, s.pending = batch[0].number, len(batch)
	return batch
}

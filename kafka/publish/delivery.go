package publish

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/frame"
)

// refusal says that brokers will not take a batch as it is.
type refusal struct {
	error
	records []int // which of its records it is, if they say so
}

func (r *refusal) Unwrap() error { return r.error }

// deliver sends a batch; records that are refused are taken out of it and dropped,
// if that is wanted.
func (s *sender) deliver(batch []queued) error {
	if batch = s.wanted(batch); len(batch) == 0 {
		return nil
	}
	err := s.send(batch)
	r, ok := errors.AsType[*refusal](err)
	if !ok || !s.p.opts.DropRefused {
		return err
	}
	if len(batch) == 1 {
		s.drop(batch[0], r.error)
		return nil
	}
	for _, part := range r.split(batch) {
		if err := s.deliver(part); err != nil {
			return err
		}
	}
	return nil
}

// split returns the batch in two or more parts: those between the records that are
// refused and each of these, or halves where brokers do not say which they are.
func (r *refusal) split(batch []queued) (parts [][]queued) {
	slices.Sort(r.records)
	from := 0
	for _, i := range r.records {
		if i < from || i >= len(batch) {
			continue
		}
		if i > from {
			parts = append(parts, batch[from:i])
		}
		parts = append(parts, batch[i:i+1])
		from = i + 1
	}
	if len(parts) == 0 {
		from = len(batch) / 2
		parts = append(parts, batch[:from])
	}
	if from < len(batch) {
		parts = append(parts, batch[from:])
	}
	return parts
}

// RefusedError says that the brokers refused a record of a camera that waits. Nothing
// of the camera was sent after it.
type RefusedError struct {
	Camera string
	Time   time.Time // the record's
	Err    error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("camera %s: the frame of %s is refused by the brokers, and none after it is sent: %v", e.Camera, e.Time.Format(time.RFC3339Nano), e.Err)
}
func (e *RefusedError) Unwrap() error { return e.Err }

// wanted leaves out what a camera that has ended still had in a batch.
func (s *sender) wanted(batch []queued) []queued {
	s.mu.Lock()
	defer s.mu.Unlock()
	over := func(q queued) bool { return q.camera.ended != nil }
	if !slices.ContainsFunc(batch, over) {
		return batch
	}
	// What is left out stays among those that are not acknowledged.
	return slices.DeleteFunc(slices.Clone(batch), over)
}

// drop leaves a record out that will never be taken.
func (s *sender) drop(q queued, err error) {
	s.mu.Lock()
	c := q.camera
	if q.waits {
		c.ended = &RefusedError{Camera: c.id, Time: time.UnixMilli(q.rec.Timestamp).UTC(), Err: err}
		err = c.ended
		for c.unsent.Len() > 0 {
			s.queue.Remove(c.unsent.Remove(c.unsent.Front()).(*list.Element))
		}
	}
	c.bytes -= q.size
	n := int64(1)
	if !q.note {
		c.waiting--
		c.refused++
		c.refusal = err
		n = c.refused
	}
	s.pending--
	s.notify()
	s.mu.Unlock()
	if power(n) {
		s.log.Error("record left out: the brokers refuse it", "key", c.id, "time", time.UnixMilli(q.rec.Timestamp).UTC(), "left out", n, "reason", err)
	}
}

// power reports whether n is 1, 10, 100 and so on: of what repeats, these are told.
func power(n int64) bool {
	for n%10 == 0 && n > 0 {
		n /= 10
	}
	return n == 1
}

// acknowledged counts what was written from offset first on.
func (s *sender) acknowledged(batch []queued, first int64) {
	s.p.taken.Store(true)
	s.mu.Lock()
	for _, q := range batch {
		q.camera.bytes -= q.size
		if q.note {
			continue
		}
		q.camera.waiting--
		q.camera.sent++
		q.camera.sentBytes += int64(len(q.rec.Value))
	}
	s.pending -= len(batch)
	s.notify()
	s.mu.Unlock()
	if s.p.opts.Acknowledged != nil {
		records := make([]frame.Record, len(batch))
		for i := range batch {
			records[i] = batch[i].rec
			records[i].Offset = first + int64(i)
		}
		s.p.opts.Acknowledged(s.partition, records)
	}
}

// send repeats the request until it succeeds, is refused or is hopeless.
func (s *sender) send(batch []queued) error {
	begun := time.Now()
	soon, later := newBackoff(), newSlowBackoff()
	tell := time.Minute
	var missing time.Time // since when the topic is
	for attempt := 1; ; attempt++ {
		first, records, err := s.produce(batch)
		if err == nil {
			if attempt > 1 {
				s.log.Info("partition is written again", "attempts", attempt, "after", time.Since(begun).Round(time.Millisecond))
			}
			s.acknowledged(batch, first)
			return nil
		}
		if s.p.ctx.Err() != nil {
			return fmt.Errorf("stopped while sending: %w", err)
		}
		wait := soon
		meaning, _ := connect.MeaningOf(err)
		switch meaning {
		case connect.Rejected:
			if errors.Is(err, kafka.MessageSizeTooLarge) {
				err = fmt.Errorf("%d bytes are too many, though the topic's limit was %d: %w", batchSize(batch), s.p.topic.MaxMessageBytes, err)
			}
			return &refusal{err, records}
		case connect.Hopeless:
			return fmt.Errorf("%w: %w", ErrHopeless, err)
		case connect.Mended:
			// Who was never let in need not try again; password and certificate were
			// good when the publisher was opened.
			if !s.p.taken.Load() && !connect.Refused(err) {
				return err
			}
			wait = later
		}
		elapsed := time.Since(begun)
		if elapsed > s.p.opts.DeliveryTimeout {
			return fmt.Errorf("no success in %d attempts over %v: %w", attempt, elapsed.Round(time.Millisecond), err)
		}
		switch {
		case !connect.UnknownTopic(err):
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > s.p.opts.gone:
			if gone := s.gone(); gone != nil {
				return fmt.Errorf("%w: %w", ErrHopeless, gone)
			}
			missing = time.Time{}
		}
		if attempt == 1 {
			s.log.Warn("partition cannot be written, trying again", "reason", err)
		} else if elapsed > tell {
			s.log.Warn("partition still cannot be written, trying again", "for", elapsed.Round(time.Second), "attempts", attempt, "reason", err)
			tell = elapsed + min(elapsed, time.Hour)
		}
		if err := pause(s.p.ctx, wait.NextBackOff()); err != nil {
			return fmt.Errorf("stopped while sending: %w", err)
		}
		// kafka-go asks for the partition's leader by the clock only; with a new
		// pool of connections it asks now. Requests under way are not disturbed.
		s.p.transport.CloseIdleConnections()
	}
}

// gone returns a *TopicMissingError if the brokers say so of the topic now.
func (s *sender) gone() error {
	ctx, cancel := context.WithTimeout(s.p.ctx, s.p.opts.AttemptTimeout)
	defer cancel()
	_, err := describeTopic(ctx, s.p.client, s.p.topic.Name)
	if missing, ok := errors.AsType[*TopicMissingError](err); ok {
		return missing
	}
	return nil
}

// produce makes one request. It returns the offset of the first record, or which
// records the brokers refuse.
func (s *sender) produce(batch []queued) (first int64, refused []int, err error) {
	records := make([]kafka.Record, len(batch))
	for i := range batch {
		rec := &batch[i].rec
		headers := make([]kafka.Header, len(rec.Headers))
		for j, h := range rec.Headers {
			headers[j] = kafka.Header{Key: h.Key, Value: h.Value}
		}
		records[i] = kafka.Record{
			Time:    time.UnixMilli(rec.Timestamp),
			Key:     kafka.NewBytes(rec.Key),
			Value:   kafka.NewBytes(rec.Value),
			Headers: headers,
		}
	}
	// kafka-go passes half of the client's time limit on to the broker.
	ctx, cancel := context.WithTimeout(s.p.ctx, s.p.opts.AttemptTimeout)
	defer cancel()
	resp, err := s.p.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        s.p.topic.Name,
		Partition:    s.partition,
		RequiredAcks: kafka.RequireAll,
		Compression:  0, // images do not shrink
		Records:      kafka.NewRecordReader(records...),
	})
	if err == nil {
		first, refused, err = resp.BaseOffset, slices.Collect(maps.Keys(resp.RecordErrors)), resp.Error
	}
	return first, refused, connect.Explain(err, s.p.opts.Connection, true)
}

func batchSize(batch []queued) int {
	n := batchHeader
	for i := range batch {
		n += batch[i].size
	}
	return n
}

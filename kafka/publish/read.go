package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/kafka/exchange"
	"github.com/framebeam/framebeam/transforms/frame"
)

// A publisher also reads what is in the topic, for whoever wants to know where an
// earlier one stopped. That needs the permission Read besides Write.

// fetchBytes is how much one request reads, unless one batch is larger.
const fetchBytes = 8 << 20

// PartitionOf is the partition of a camera's frames.
func (p *Publisher) PartitionOf(camera string) int {
	return p.balancer.Balance(kafka.Message{Key: []byte(camera)}, p.topic.Partitions...)
}

// TopicID is what tells the topic from one created anew under its name; "" if the
// brokers know no such thing (before Kafka 2.8).
func (p *Publisher) TopicID(ctx context.Context) (id string, err error) {
	err = p.ask(ctx, func(ctx context.Context) (err error) {
		id, err = topicID(ctx, p.client, p.topic.Name)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("topic %s: ask for its id: %w", p.topic.Name, err)
	}
	return id, nil
}

// Bounds returns a partition's first offset and its end, the offset that the next
// record will have.
func (p *Publisher) Bounds(ctx context.Context, partition int) (first, end int64, err error) {
	if first, err = p.offset(ctx, partition, kafka.FirstOffset); err == nil {
		end, err = p.offset(ctx, partition, kafka.LastOffset)
	}
	return first, end, err
}

// OffsetAt returns an offset before which no record has the timestamp t or a later
// one; the partition's end if there is none.
func (p *Publisher) OffsetAt(ctx context.Context, partition int, t time.Time) (int64, error) {
	// Negative numbers have other meanings.
	return p.offset(ctx, partition, max(0, t.UnixMilli()))
}

func (p *Publisher) offset(ctx context.Context, partition int, timestamp int64) (offset int64, err error) {
	err = p.ask(ctx, func(ctx context.Context) error {
		res, err := p.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{p.topic.Name: {{Partition: partition, Timestamp: timestamp}}},
		})
		if err != nil {
			return err
		}
		if len(res.Topics[p.topic.Name]) != 1 {
			return io.ErrUnexpectedEOF
		}
		found := res.Topics[p.topic.Name][0]
		switch {
		case found.Error != nil:
			return found.Error
		case timestamp == kafka.FirstOffset:
			offset = found.FirstOffset
		case timestamp == kafka.LastOffset:
			offset = found.LastOffset
		default:
			offset = -1
			for o := range found.Offsets {
				offset = o
			}
			return nil
		}
		if offset < 0 {
			return kafka.OffsetNotAvailable
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("topic %s partition %d: ask for an offset: %w", p.topic.Name, partition, err)
	}
	if offset < 0 { // no record is that late
		return p.offset(ctx, partition, kafka.LastOffset)
	}
	return offset, nil
}

// ErrNoRead is wrapped by the error of reading without the permission to.
var ErrNoRead = errors.New("the user may not read the topic")

// Scan calls do for the records of a partition with offsets in [from, to), in
// their order; they are valid until do returns. progress, unless nil, is called
// with the offset to come after each request. Records of transactions and in
// formats that no publisher writes are left out.
func (p *Publisher) Scan(ctx context.Context, partition int, from, to int64, do func(*frame.Record), progress func(at int64)) error {
	for from < to {
		var res *fetchResponse
		err := p.ask(ctx, func(ctx context.Context) error {
			m, err := p.client.Transport.RoundTrip(ctx, p.client.Addr, &fetchRequest{
				Leader: exchange.Leader{Topic: p.topic.Name, Partition: int32(partition)}, offset: from, maxBytes: fetchBytes,
			})
			if errors.Is(err, kafka.OffsetOutOfRange) {
				// Retention was faster, or a broker has lost the log's end.
				first, end, err := p.Bounds(ctx, partition)
				if err == nil && from >= first && from < end {
					err = kafka.OffsetNotAvailable // it is in range: a broker that lags behind
				}
				from, to, res = max(from, first), min(to, end), nil
				return err
			}
			if err != nil {
				return err
			}
			switch res = m.(*fetchResponse); {
			case len(res.batches) >= batchHeader:
				return nil
			case from >= res.end: // the log's end was lost
				to, res = res.end, nil
				return nil
			}
			return errNothing
		})
		if errors.Is(err, kafka.TopicAuthorizationFailed) {
			err = fmt.Errorf("%w: %w", ErrNoRead, err)
		}
		if err != nil {
			return fmt.Errorf("read topic %s partition %d from offset %d: %w", p.topic.Name, partition, from, err)
		}
		if res == nil {
			continue
		}
		next := eachRecord(res.batches, func(r *frame.Record) {
			if r.Offset >= from && r.Offset < to {
				do(r)
			}
		})
		if next <= from {
			return fmt.Errorf("read topic %s partition %d from offset %d: %w", p.topic.Name, partition, from, errBatch)
		}
		if from = next; progress != nil {
			progress(from)
		}
	}
	return nil
}

// errNothing is an answer without records though there are some: a broker that lags behind.
var errNothing = errors.New("the broker gives nothing")

// ask makes a request, again and again while brokers fail in a way that may pass.
func (p *Publisher) ask(ctx context.Context, request func(context.Context) error) error {
	wait, begun := newBackoff(), time.Now()
	for attempt := 1; ; attempt++ {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, p.opts.AttemptTimeout)
			defer cancel()
			return request(ctx)
		}()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err = connect.Explain(err, p.opts.Connection, true)
		if permanent(err) && !connect.Refused(err) {
			return err
		}
		if elapsed := time.Since(begun); elapsed > p.opts.DeliveryTimeout {
			return fmt.Errorf("no success in %d attempts over %v: %w", attempt, elapsed.Round(time.Millisecond), err)
		}
		if attempt == 1 {
			p.opts.Log.Warn("the topic cannot be read, trying again", "topic", p.topic.Name, "reason", err)
		}
		if err := pause(ctx, wait.NextBackOff()); err != nil {
			return err
		}
		p.transport.CloseIdleConnections()
	}
}

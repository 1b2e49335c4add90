// Package readback reads what is in a topic already, for a publisher that wants to know
// where an earlier one stopped. That needs the permission Read besides Write.
package readback

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/transforms/frame"
)

const (
	// fetchBytes is how much one request reads, unless one batch is larger.
	fetchBytes = 8 << 20
	// fetchWait is how long a broker waits that has nothing.
	fetchWait = 500 * time.Millisecond
)

// Reader reads the topic of a publisher, over its connections.
type Reader struct {
	publisher *publish.Publisher
	topic     string
}

// New makes the reader of a publisher's topic.
func New(p *publish.Publisher) *Reader { return &Reader{p, p.Topic().Name} }

// TopicID is what tells the topic from one created anew under its name; "" if the
// brokers know no such thing (before Kafka 2.8).
func (r *Reader) TopicID(ctx context.Context) (id string, err error) {
	err = r.publisher.Ask(ctx, func(ctx context.Context, client *kafka.Client) (err error) {
		id, err = connect.TopicID(ctx, client, r.topic)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("topic %s: ask for its id: %w", r.topic, err)
	}
	return id, nil
}

// Bounds returns a partition's first offset and its end, the offset that the next
// record will have.
func (r *Reader) Bounds(ctx context.Context, partition int) (first, end int64, err error) {
	if first, err = r.offset(ctx, partition, kafka.FirstOffset); err == nil {
		end, err = r.offset(ctx, partition, kafka.LastOffset)
	}
	return first, end, err
}

// OffsetAt returns an offset before which no record has the timestamp t or a later
// one; the partition's end if there is none.
func (r *Reader) OffsetAt(ctx context.Context, partition int, t time.Time) (int64, error) {
	// Negative numbers have other meanings.
	return r.offset(ctx, partition, max(0, t.UnixMilli()))
}

func (r *Reader) offset(ctx context.Context, partition int, timestamp int64) (offset int64, err error) {
	err = r.publisher.Ask(ctx, func(ctx context.Context, client *kafka.Client) (err error) {
		offset, err = connect.Offset(ctx, client, r.topic, partition, timestamp)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("topic %s partition %d: ask for an offset: %w", r.topic, partition, err)
	}
	return offset, nil
}

// ErrNoRead is wrapped by the error of reading without the permission to.
var ErrNoRead = errors.New("the user may not read the topic")

// Scan calls do for the records of a partition with offsets in [from, to), in
// their order; they are valid until do returns. progress, unless nil, is called
// with the offset to come after each request. Records of transactions and in
// formats that no publisher writes are left out.
func (r *Reader) Scan(ctx context.Context, partition int, from, to int64, do func(*frame.Record), progress func(at int64)) error {
	for from < to {
		var batches []byte
		err := r.publisher.Ask(ctx, func(ctx context.Context, client *kafka.Client) (err error) {
			var end int64
			batches, end, err = connect.Fetch(ctx, client, r.topic, int32(partition), from, fetchBytes, fetchWait)
			switch {
			case errors.Is(err, kafka.OffsetOutOfRange):
				// Retention was faster, or a broker has lost the log's end.
				first, beyond, err := r.Bounds(ctx, partition)
				switch {
				case err != nil:
					return err
				case from >= first && from < beyond:
					return kafka.OffsetNotAvailable // it is in range: a broker that lags behind
				}
				from, to = max(from, first), min(to, beyond)
				return nil
			case err != nil || len(batches) >= batch.HeaderSize:
				return err
			case from >= end: // the log's end was lost
				batches, to = nil, end
				return nil
			}
			return errNothing
		})
		if errors.Is(err, kafka.TopicAuthorizationFailed) {
			err = fmt.Errorf("%w: %w", ErrNoRead, err)
		}
		if err != nil {
			return fmt.Errorf("read topic %s partition %d from offset %d: %w", r.topic, partition, from, err)
		}
		if len(batches) == 0 {
			continue
		}
		next := eachRecord(batches, func(rec *frame.Record) {
			if rec.Offset >= from && rec.Offset < to {
				do(rec)
			}
		})
		if next <= from {
			return fmt.Errorf("read topic %s partition %d from offset %d: %w", r.topic, partition, from, errBatch)
		}
		if from = next; progress != nil {
			progress(from)
		}
	}
	return nil
}

// errNothing is an answer without records though there are some: a broker that lags behind.
var errNothing = errors.New("the broker gives nothing")

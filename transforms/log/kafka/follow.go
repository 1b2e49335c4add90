package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// A broker that lost the end of its log, and was filled again beyond the place of a
// reader, gives other records at offsets that were read, and nothing in an answer
// says so. It cannot happen unnoticed: the leader's epoch changes, or connections
// break. Then the reader looks whether the record that it read last is still there
// (as KIP-320 does by the epoch alone).

// follow is where a reader of a partition was found to read what it means to.
type follow struct {
	from, next int64
	trouble    uint64
}

// ReadAfter is what [log.ReadAfter] asks.
func (l *kafkaLog) ReadAfter(
	ctx context.Context, last log.Last, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration,
) ([]frame.Record, int64, int32, error) {
	r := &partitionReader{l, p}
	got, err := r.read(ctx, last, from, to, maxBytes, wait)
	if err == nil {
		err = r.still(ctx, last, from, got.next)
	}
	return got.recs, got.next, got.epoch, err
}

// still makes sure that what was just read follows what was read last, unless it was
// made sure of before and nothing has happened since.
func (r *partitionReader) still(ctx context.Context, last log.Last, from, next int64) error {
	now := follow{from, next, r.trouble.Load()}
	r.mu.Lock()
	f, ok := r.follows[r.Partition]
	r.mu.Unlock()
	if !ok || f.trouble != now.trouble || from < f.from || from > f.next {
		if err := r.verify(ctx, last); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follows[r.Partition] = now
	return nil
}

// verify makes sure that the partition still holds what was read last.
func (r *partitionReader) verify(ctx context.Context, last log.Last) error {
	if end, err := r.endOfEpoch(ctx, last.Epoch); err != nil {
		return fmt.Errorf("verify %v: %w", r.Partition, err)
	} else if end >= 0 && end <= last.Offset {
		first, logEnd, err := r.Bounds(ctx, r.Partition)
		if err != nil {
			return err
		}
		return &log.DataLoss{Partition: r.Partition, Offset: last.Offset, First: first, End: logEnd, What: fmt.Sprintf(
			"this record was read before, but the log was truncated to %d and written anew from there", end)}
	}
	return log.VerifyLast(ctx, r.kafkaLog, r.Partition, last.Offset, last.Digest)
}

// endOfEpoch asks for the offset behind all that leaders up to an epoch appended; -1
// where brokers do not know.
func (r *partitionReader) endOfEpoch(ctx context.Context, epoch int32) (end int64, err error) {
	if epoch == log.NoEpoch {
		return -1, nil
	}
	err = r.do(ctx, r.patience, 0, func(ctx context.Context) (err error) {
		end, err = connect.EndOfEpoch(ctx, r.client, r.Topic, r.Partition.ID, epoch)
		if errors.Is(err, kafka.TopicAuthorizationFailed) { // the record itself will tell
			end, err = -1, nil
		}
		return err
	})
	return end, err
}

package log

import (
	"context"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
)

// VerifyLast makes sure that a log is the one that was read before and can be
// continued after offset: that the record there still has the digest
// (frame.Record.Digest) that was remembered, or is deleted while the offset
// after it is not. Anything else is a [*DataLoss]. An offset of chunk.None
// verifies nothing.
func VerifyLast(ctx context.Context, log Log, p chunk.Partition, offset int64, digest uint64) error {
	if offset == chunk.None {
		return nil
	}
	first, end, err := log.Bounds(ctx, p)
	if err != nil {
		return fmt.Errorf("verify %v: %w", p, err)
	}
	loss := func(o int64, what string) error { return &DataLoss{p, o, first, end, what} }
	switch {
	case end <= offset:
		return loss(offset, "this record was read before, but the log ends before it: the topic was truncated or created anew")
	case first > offset+1:
		return loss(offset+1, "deleted before it was read")
	case first > offset:
		return nil
	}
	// It is there, so a broker that works answers at once.
	for range 30 {
		recs, next, err := log.Read(ctx, p, offset, offset+1, 1, time.Second)
		if err != nil {
			return fmt.Errorf("verify %v: %w", p, err)
		}
		switch {
		case len(recs) > 0 && same(&recs[0], digest):
			return nil
		case len(recs) > 0 || next > offset:
			return loss(offset, "this record is another one than was read before: the topic was created anew or rewritten")
		}
	}
	return fmt.Errorf("verify %v: offset %d cannot be read", p, offset)
}

// same reports whether a record has a digest that was remembered: perhaps by a
// Framebeam that took the producer's timestamp for the log's.
func same(rec *frame.Record, digest uint64) bool {
	if rec.Digest() == digest {
		return true
	}
	if rec.Created == 0 {
		return false
	}
	before := *rec
	before.Timestamp = rec.Created
	return before.Digest() == digest
}

// Package log is an ordered, partitioned log of records, whatever keeps it: Kafka (package
// log/kafka) or an archive of a topic (package archive). It says how a log is opened and
// read, and when what it gives is no longer what was read before.
package log

import (
	"context"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Log is an ordered, partitioned log of records: a Kafka topic, or an archive
// of one. Offsets may have gaps; the order of offsets is the truth about order.
// A Log is safe for concurrent use.
type Log interface {
	// Partitions lists the topic's partitions in ascending order.
	Partitions(ctx context.Context, topic string) ([]int32, error)
	// Bounds returns the first offset that can be read and the end: the offset
	// that the next record will have.
	Bounds(ctx context.Context, p chunk.Partition) (first, end int64, err error)
	// OffsetAt returns the first offset whose record's timestamp is t or later; the end
	// if there is none. Timestamps are those that the log has (the broker's, where the
	// topic has LogAppendTime) in milliseconds, and need not ascend: later records may
	// be older. An archive gives what its topic gave.
	OffsetAt(ctx context.Context, p chunk.Partition, t time.Time) (int64, error)
	// Read returns records with offsets in [from, to), ascending, of about
	// maxBytes in all but at least one if there is any, and the offset to go on
	// from: beyond the last record, and beyond offsets known to hold none. It
	// waits at most wait for the first record and then returns (nil, from, nil).
	// The records' memory belongs to the caller.
	Read(ctx context.Context, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration) (recs []frame.Record, next int64, err error)
	Close() error
}

// Timestamp is the least of a record's timestamps that is t or later: Kafka counts
// milliseconds, and takes those before 1970 for words.
func Timestamp(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return max(0, ms)
}

// identified is a Log whose topics can be told from others of the same name.
type identified interface {
	Identity(ctx context.Context, topic string) (string, error)
}

// Identity returns what tells a topic from one that is created anew under its
// name: Kafka's topic id. "" means that the log knows no such thing.
func Identity(ctx context.Context, log Log, topic string) (string, error) {
	if l, ok := log.(identified); ok {
		return l.Identity(ctx, topic)
	}
	return "", nil
}

// NoEpoch is the epoch of records whose leader's is not known: Kafka's own number for that.
const NoEpoch = -1

// NoLast says that nothing was read.
var NoLast = Last{Offset: chunk.None, Epoch: NoEpoch}

// Last is the record of a partition that was read last.
type Last struct {
	Offset int64  // chunk.None: none was read
	Digest uint64 // frame.Record.Digest
	Epoch  int32  // of the leader that appended it; NoEpoch where it is not known
}

// followed is a Log that can tell, from what was read last, whether it is still the
// log that was read.
type followed interface {
	// ReadAfter is Read, and says of which leader's epoch the records are. It makes
	// sure, whenever there is a reason to doubt it, that last is still there;
	// otherwise it returns a DataLoss.
	ReadAfter(
		ctx context.Context, last Last, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration,
	) (recs []frame.Record, next int64, epoch int32, err error)
}

// ReadAfter reads on from a log of which last was read before, as far as the log can
// tell that it is still the same.
func ReadAfter(
	ctx context.Context, log Log, last Last, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration,
) (recs []frame.Record, next int64, epoch int32, err error) {
	if l, ok := log.(followed); ok {
		return l.ReadAfter(ctx, last, p, from, to, maxBytes, wait)
	}
	recs, next, err = log.Read(ctx, p, from, to, maxBytes, wait)
	return recs, next, NoEpoch, err
}

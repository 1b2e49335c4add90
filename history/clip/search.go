package clip

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	// searchBytes is about how much of the log is in memory at a time.
	searchBytes = 8 << 20
	searchWait  = 10 * time.Second
	// searchIdle is how many reads in a row, of offsets that the log has, may bring nothing.
	searchIdle = 3
	// searchOn is by how much the records of other cameras must be later than a period
	// until no more of it is expected: what the cameras of a topic may lag behind each other.
	searchOn = 5 * time.Minute
)

// keyPartition is the partition of a key among these, as the collector, and every client of
// Kafka in Java, chooses it.
func keyPartition(key string, ids []int32) int32 {
	list := make([]int, len(ids))
	for i, id := range ids {
		list[i] = int(id)
	}
	return int32(kafkago.Murmur2Balancer{Consistent: true}.Balance(kafkago.Message{Key: []byte(key)}, list...))
}

// search calls fn for the frames of a cut in a log of which there are no results: those of
// the first partition that has some, of which that of the camera's key comes first.
func (s *Source) search(ctx context.Context, cut Cut, fn func(row *result.Frame, f *frame.Frame, why string) error) error {
	partitions, err := s.first(ctx, cut.Camera)
	if err != nil {
		return err
	}
	for _, id := range partitions {
		found, err := s.searchPartition(ctx, chunk.Partition{Topic: s.topic, ID: id}, cut, fn)
		if err != nil || found {
			return err
		}
	}
	return nil
}

func (s *Source) searchPartition(
	ctx context.Context, p chunk.Partition, cut Cut, fn func(row *result.Frame, f *frame.Frame, why string) error,
) (found bool, err error) {
	l := s.frames.Log()
	from, end, err := l.Bounds(ctx, p)
	if err != nil {
		return false, err
	}
	if !cut.Period.From.IsZero() {
		at, err := l.OffsetAt(ctx, p, cut.Period.From)
		if err != nil {
			return false, err
		}
		from = max(from, at)
	}
	seen := map[string]int64{} // the last number of each epoch
	for idle := 0; from < end; {
		recs, next, err := l.Read(ctx, p, from, end, searchBytes, searchWait)
		if lost := (*log.DataLoss)(nil); errors.As(err, &lost) && lost.First > from {
			from = lost.First // retention deletes while this reads
			continue
		}
		if err != nil {
			return found, err
		}
		if next > from {
			idle = 0
		} else if idle++; idle == searchIdle {
			return found, fmt.Errorf("read %v offset %d: nothing comes, though the log ends at %d", p, from, end)
		}
		for i := range recs {
			rec := &recs[i]
			if rec.Camera() != cut.Camera {
				if after(cut, time.UnixMilli(rec.Timestamp), searchOn) {
					return found, nil
				}
				continue
			}
			if rec.OfSource() { // no frame
				continue
			}
			row, f, why := s.parsed(p.Topic, p.ID, rec)
			if why == "" && after(cut, row.At(), 0) {
				return found, nil
			}
			if !cut.Period.Contains(row.At()) || why == "" && repeated(seen, row) {
				continue
			}
			found = true
			if err := fn(row, f, why); err != nil {
				return found, err
			}
		}
		from = next
	}
	return found, nil
}

// after reports whether a moment is after the cut's end by so much.
func after(cut Cut, t time.Time, by time.Duration) bool {
	return !cut.Period.To.IsZero() && !t.Before(cut.Period.To.Add(by))
}

// repeated reports whether a frame was published before.
func repeated(seen map[string]int64, row *result.Frame) bool {
	if row.Sequence < 0 {
		return false
	}
	if last, ok := seen[row.Epoch]; ok && row.Sequence <= last {
		return true
	}
	seen[row.Epoch] = row.Sequence
	return false
}

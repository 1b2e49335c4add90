package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/log"
)

// fetched is what a broker gave of a partition.
type fetched struct {
	batches []byte // perhaps with a part of one more at the end
	end     int64  // of the partition
}

// fetch fetches from the partition.
func (p *partitionReader) fetch(ctx context.Context, offset int64, maxBytes int, wait time.Duration) (res fetched, err error) {
	err = p.do(ctx, p.patience, wait, func(ctx context.Context) (err error) {
		res.batches, res.end, err = connect.Fetch(ctx, p.client, p.Topic, p.Partition.ID, offset, maxBytes, wait)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			return p.outOfRange(ctx, offset)
		}
		return err
	})
	if connect.UnknownTopic(err) {
		err = &log.DataLoss{Partition: p.Partition, Offset: offset, First: 0, End: 0, What: "the topic or partition does not exist any more"}
	}
	if err != nil {
		return fetched{}, fmt.Errorf("read %v from offset %d: %w", p.Partition, offset, err)
	}
	return res, nil
}

package embedded

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/kafka/commitlog"
)

const (
	// maxFetch bounds what one answer holds, but for a first batch that is larger.
	maxFetch = 32 << 20
	// maxFetchWait bounds how long a fetch waits for records.
	maxFetchWait = time.Minute
)

// fetch gives records, waiting for them as long as it was told to. There are no sessions:
// every request names all its partitions, which clients understand.
func (b *Broker) fetch(ctx context.Context, req *kmsg.FetchRequest) kmsg.Response {
	wait := min(time.Duration(max(req.MaxWaitMillis, 0))*time.Millisecond, maxFetchWait)
	enough := time.NewTimer(wait)
	defer enough.Stop()
	for {
		changed := b.store.Changed()
		resp, bytes, failed := b.fetchNow(req)
		if bytes >= int(req.MinBytes) || failed || bytes >= maxFetch {
			return resp
		}
		select {
		case <-changed:
		case <-enough.C:
			return resp
		case <-ctx.Done():
			return resp
		}
	}
}

// fetchNow gives what there is, and how many bytes; failed if a partition has an error.
func (b *Broker) fetchNow(req *kmsg.FetchRequest) (resp *kmsg.FetchResponse, bytes int, failed bool) {
	resp = req.ResponseKind().(*kmsg.FetchResponse)
	left := maxFetch
	if req.MaxBytes > 0 {
		left = min(left, int(req.MaxBytes))
	}
	for _, t := range req.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.HighWatermark, rp.LastStableOffset, rp.LogStartOffset = p.Partition, -1, -1, -1
			rp.RecordBatches = []byte{}
			// The first batch of all is given whatever its size; behind it only what has room.
			if code := b.fetchPartition(t.Topic, p, &rp, min(left, int(p.PartitionMaxBytes)), bytes == 0); code != 0 {
				rp.ErrorCode, failed = code, true
			}
			bytes += len(rp.RecordBatches)
			left = max(left-len(rp.RecordBatches), 0)
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp, bytes, failed
}

func (b *Broker) fetchPartition(topic string, p kmsg.FetchRequestTopicPartition, rp *kmsg.FetchResponseTopicPartition, max int, first bool) int16 {
	_, log, err := b.topics.log(topic, p.Partition)
	switch {
	case err != nil:
		b.opts.Log.Warn("embedded Kafka: a log cannot be opened", "err", err)
		return kerr.KafkaStorageError.Code
	case log == nil:
		return kerr.UnknownTopicOrPartition.Code
	case p.CurrentLeaderEpoch > 0:
		return kerr.UnknownLeaderEpoch.Code
	}
	rp.LogStartOffset, rp.HighWatermark = log.Bounds()
	rp.LastStableOffset = rp.HighWatermark
	if max <= 0 && !first {
		return 0
	}
	records, err := log.Read(p.FetchOffset, max)
	switch {
	case errors.Is(err, commitlog.ErrOutOfRange):
		return kerr.OffsetOutOfRange.Code
	case err != nil:
		b.opts.Log.Warn("embedded Kafka: records cannot be read", "topic", topic, "partition", p.Partition, "offset", p.FetchOffset, "err", err)
		return kerr.KafkaStorageError.Code
	case len(records) > max && !first:
		return 0 // it comes when it is the first
	}
	if records != nil {
		rp.RecordBatches = records
	}
	return 0
}

package embedded

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/kafka/commitlog"
)

// produce appends batches, and answers when they are on the disk, if the producer wants
// to know that (acks=all); nil if it wants to know nothing (acks=0).
func (b *Broker) produce(ctx context.Context, req *kmsg.ProduceRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	type appended struct {
		log *commitlog.Log
		end int64
		at  *kmsg.ProduceResponseTopicPartition
	}
	var all []appended
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic = t.Topic
		rt.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(t.Partitions))
		for i, p := range t.Partitions {
			rp := &rt.Partitions[i]
			rp.Default()
			rp.Partition, rp.BaseOffset = p.Partition, -1
			topic, log, err := b.topics.log(t.Topic, p.Partition)
			switch {
			case err == nil && log == nil:
				rp.ErrorCode = kerr.UnknownTopicOrPartition.Code
				continue
			case err == nil && len(p.Records) > topic.maxBytes:
				rp.ErrorCode = kerr.MessageTooLarge.Code
				continue
			}
			var base, end int64
			if err == nil {
				base, end, err = log.Append(p.Records)
			}
			if err != nil {
				rp.ErrorCode = b.refusal(t.Topic, p.Partition, err)
				continue
			}
			rp.BaseOffset = base
			rp.LogStartOffset, _ = log.Bounds()
			all = append(all, appended{log, end, rp})
		}
		resp.Topics = append(resp.Topics, rt)
	}
	switch req.Acks {
	case 0:
		return nil
	case 1:
		return resp
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(req.TimeoutMillis, 1000))*time.Millisecond)
	defer cancel()
	for _, a := range all {
		if err := a.log.Wait(ctx, a.end); errors.Is(err, context.DeadlineExceeded) {
			a.at.ErrorCode = kerr.RequestTimedOut.Code
		} else if err != nil {
			a.at.ErrorCode = kerr.KafkaStorageError.Code
		}
	}
	return resp
}

// refusal is what a producer is told of a batch that was not appended.
func (b *Broker) refusal(topic string, partition int32, err error) int16 {
	switch {
	case errors.Is(err, commitlog.ErrInvalid):
		return kerr.InvalidRecord.Code
	case errors.Is(err, commitlog.ErrSequence):
		return kerr.OutOfOrderSequenceNumber.Code
	case errors.Is(err, commitlog.ErrFenced):
		return kerr.InvalidProducerEpoch.Code
	}
	b.mu.Lock()
	now := time.Now()
	tell := now.After(b.quiet)
	if tell {
		b.quiet = now.Add(time.Minute)
	}
	b.mu.Unlock()
	if tell {
		b.opts.Log.Error("embedded Kafka: records cannot be written", "topic", topic, "partition", partition, "err", err)
	}
	return kerr.KafkaStorageError.Code
}

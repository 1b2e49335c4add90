package kafka

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/kafka/exchange"
	"github.com/framebeam/framebeam/transforms/log"
)

// Kafka's Fetch. kafka-go's own takes batches apart while it reads them, and inflates
// whatever comes, whole and byte by byte.

// maxFetched bounds what is kept of one answer beyond what was asked for: a broker
// always sends a whole batch, however large. A batch that is longer than this is
// not read, whatever it would inflate to.
const maxFetched = 256 << 20

// fetchRequest asks for what lies in a partition from an offset on.
type fetchRequest struct {
	exchange.Leader
	offset   int64
	maxBytes int32
	wait     time.Duration

	version int16 // that broker and kafka-go both know; kafka-go sets it, up to 11
}

// fetchResponse is the answer to it.
type fetchResponse struct {
	code    kafka.Error
	end     int64  // of the partition
	batches []byte // perhaps with a part of one more at the end
}

func (*fetchRequest) ApiKey() protocol.ApiKey  { return protocol.Fetch }
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Required implements protocol.RawExchanger.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

// RawExchange implements protocol.RawExchanger.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(r.version)
	req.MaxWaitMillis = int32(r.wait.Milliseconds())
	req.MinBytes = 1
	req.MaxBytes = r.maxBytes
	req.SessionEpoch = -1 // no session
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = r.Topic
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition = r.Partition
	part.FetchOffset = r.offset
	part.PartitionMaxBytes = r.maxBytes
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	body, err := exchange.Do(rw, clientID, req, int64(r.maxBytes)+maxFetched)
	if err != nil {
		return nil, err
	}
	return parseFetch(body, r.version)
}

// parseFetch takes an answer for one partition apart. Its batches may be cut off.
func parseFetch(body []byte, version int16) (*fetchResponse, error) {
	b := kbin.Reader{Src: body}
	out := &fetchResponse{}
	if version >= 1 {
		b.Int32() // throttled for
	}
	if version >= 7 {
		out.code = kafka.Error(b.Int16())
		b.Int32() // session
	}
	if out.code != 0 {
		return out, nil
	}
	if b.ArrayLen() != 1 {
		return nil, errAnswer
	}
	b.Span(int(b.Int16())) // topic
	if b.ArrayLen() != 1 {
		return nil, errAnswer
	}
	b.Int32() // partition
	out.code = kafka.Error(b.Int16())
	out.end = b.Int64()
	if version >= 4 {
		b.Int64() // end of what is committed
	}
	if version >= 5 {
		b.Int64() // begin of the log
	}
	if version >= 4 {
		for range b.ArrayLen() { // transactions that were aborted
			b.Int64()
			b.Int64()
			if !b.Ok() {
				return nil, errAnswer
			}
		}
	}
	if version >= 11 {
		b.Int32() // a replica to read from, if we had said where we are
	}
	n := b.Int32()
	if !b.Ok() {
		return nil, errAnswer
	}
	if n > 0 {
		out.batches = b.Src[:min(int(n), len(b.Src))]
	}
	return out, nil
}

// fetch fetches from the partition.
func (p *partitionReader) fetch(ctx context.Context, offset int64, maxBytes int, wait time.Duration) (res *fetchResponse, err error) {
	err = p.do(ctx, p.patience, wait, func(ctx context.Context) error {
		m, err := p.client.Transport.RoundTrip(ctx, p.client.Addr, &fetchRequest{
			Leader: exchange.Leader{Topic: p.topic, Partition: p.partition}, offset: offset, maxBytes: int32(max(1, maxBytes)), wait: max(wait, time.Millisecond),
		})
		if err != nil {
			return err
		}
		switch res = m.(*fetchResponse); res.code {
		case 0:
			return nil
		case kafka.OffsetOutOfRange:
			return p.outOfRange(ctx, offset)
		default:
			return res.code
		}
	})
	if missing(err) {
		err = &log.DataLoss{Topic: p.topic, Partition: p.partition, Offset: offset, First: 0, End: 0, What: "the topic or partition does not exist any more"}
	}
	if err != nil {
		return nil, fmt.Errorf("read topic %s partition %d from offset %d: %w", p.topic, p.partition, offset, err)
	}
	return res, nil
}

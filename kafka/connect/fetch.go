package connect

import (
	"context"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// MaxBatch bounds what is kept of an answer to [Fetch] beyond what was asked for: a
// broker always sends a whole batch, however large.
const MaxBatch = 256 << 20

// Fetch asks the leader of a partition for about maxBytes of record batches from the
// one on in which offset lies; of the last there may be only a part. If there are none,
// it waits for so long. end is that of what can be read of the partition.
//
// kafka-go's own takes batches apart while it reads them, inflates whatever comes, whole
// and byte by byte, and does not say where a batch ends.
func Fetch(
	ctx context.Context, client *kafka.Client, topic string, partition int32, offset int64, maxBytes int, wait time.Duration,
) (batches []byte, end int64, err error) {
	m, err := client.Transport.RoundTrip(ctx, client.Addr, &fetchRequest{
		leader: leader{topic, partition}, client: clientID(client),
		offset: offset, maxBytes: int32(max(1, maxBytes)), wait: max(wait, time.Millisecond),
	})
	if err != nil {
		return nil, 0, err
	}
	got := m.(*fetched)
	if got.code != 0 {
		return nil, 0, got.code
	}
	return got.batches, got.end, nil
}

type fetchRequest struct {
	leader
	client   string
	offset   int64
	maxBytes int32
	wait     time.Duration

	version int16 // that broker and kafka-go both know; kafka-go sets it, up to 11
}

// fetched is the answer to it.
type fetched struct {
	code    kafka.Error
	end     int64  // of the partition
	batches []byte // perhaps with a part of one more at the end
}

func (*fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }
func (*fetched) ApiKey() protocol.ApiKey      { return protocol.Fetch }

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
	topic.Topic = r.topic
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition = r.partition
	part.FetchOffset = r.offset
	part.PartitionMaxBytes = r.maxBytes
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	body, err := exchange(rw, r.client, req, int64(r.maxBytes)+MaxBatch)
	if err != nil {
		return nil, err
	}
	return parseFetch(body, r.version)
}

// parseFetch takes an answer for one partition apart. Its batches may be cut off.
func parseFetch(body []byte, version int16) (*fetched, error) {
	b := kbin.Reader{Src: body}
	out := &fetched{}
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

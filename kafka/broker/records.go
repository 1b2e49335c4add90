package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/transforms/frame"
)

// Codec is a compression of record batches.
type Codec string

const (
	None   Codec = "none"
	Gzip   Codec = "gzip"
	Snappy Codec = "snappy"
	LZ4    Codec = "lz4"
	Zstd   Codec = "zstd"
)

// Append appends records to a partition as one batch where they fit, compressed as
// franz-go's clients do it where that is worth it, and returns the offset of the first. Record.Offset is ignored; a
// Timestamp of 0 is "now".
func (b *Broker) Append(ctx context.Context, topic string, partition int32, recs ...frame.Record) (first int64, err error) {
	return b.AppendCompressed(ctx, None, topic, partition, recs...)
}

// AppendCompressed is Append with a codec; None is Append.
func (b *Broker) AppendCompressed(ctx context.Context, codec Codec, topic string, partition int32, recs ...frame.Record) (first int64, err error) {
	if len(recs) == 0 {
		_, end, err := b.Bounds(topic, partition)
		return end, err
	}
	client := b.client
	if codec != None {
		c, err := b.producer(kgo.ProducerBatchCompression(compression(codec)))
		if err != nil {
			return 0, err
		}
		defer c.Close()
		client = c
	}
	return produce(ctx, client, topic, partition, recs)
}

// AppendBatch appends a record batch of version 2 as it is, whatever is in it: a
// broker looks at no more than its header and its checksum.
func (b *Broker) AppendBatch(ctx context.Context, topic string, partition int32, batch []byte) (first int64, err error) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks = -1
	req.TimeoutMillis = 10_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	if info := b.cluster.TopicInfo(topic); info != nil {
		t.TopicID = info.TopicID
	}
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition = partition
	p.Records = batch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := b.client.Broker(int(b.cluster.LeaderFor(topic, partition))).Request(ctx, req)
	if err == nil {
		r := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		first, err = r.BaseOffset, kerr.ErrorForCode(r.ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("append a batch to topic %s partition %d: %w", topic, partition, err)
	}
	return first, nil
}

// AppendTransaction appends records in a transaction that is then committed or
// aborted; either way a control record follows them.
func (b *Broker) AppendTransaction(ctx context.Context, commit bool, topic string, partition int32, recs ...frame.Record) (first int64, err error) {
	c, err := b.producer(kgo.TransactionalID("framebeam-" + topic))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.BeginTransaction(); err != nil {
		return 0, fmt.Errorf("begin transaction: %w", err)
	}
	if first, err = produce(ctx, c, topic, partition, recs); err != nil {
		return 0, err
	}
	if err := c.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		return 0, fmt.Errorf("end transaction: %w", err)
	}
	return first, nil
}

// Records returns the records of a partition, as any client reads them.
func (b *Broker) Records(ctx context.Context, topic string, partition int32) ([]frame.Record, error) {
	first, end, err := b.Bounds(topic, partition)
	if err != nil {
		return nil, err
	}
	recs, err := b.read(ctx, topic, partition, first, end)
	if err != nil {
		return nil, err
	}
	out := make([]frame.Record, len(recs))
	for i, r := range recs {
		out[i] = frame.Record{Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			out[i].Headers = append(out[i].Headers, frame.Header{Key: h.Key, Value: h.Value})
		}
	}
	return out, nil
}

func (b *Broker) read(ctx context.Context, topic string, partition int32, from, to int64) ([]*kgo.Record, error) {
	if from >= to {
		return nil, nil
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {partition: kgo.NewOffset().At(from)},
	}))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var out []*kgo.Record
	for next := from; next < to; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read topic %s partition %d: %w", topic, partition, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if next = r.Offset + 1; r.Offset < to {
				out = append(out, &kgo.Record{Offset: r.Offset, Topic: topic, Partition: partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp})
			}
		})
	}
	return out, nil
}

func (b *Broker) producer(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.Addrs()...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(DefaultMaxMessageBytes),
	}, opts...)...)
}

func produce(ctx context.Context, client *kgo.Client, topic string, partition int32, recs []frame.Record) (int64, error) {
	out := make([]*kgo.Record, len(recs))
	for i := range recs {
		r := &recs[i]
		k := &kgo.Record{Topic: topic, Partition: partition, Key: r.Key, Value: r.Value}
		if r.Timestamp != 0 {
			k.Timestamp = time.UnixMilli(r.Timestamp)
		}
		for _, h := range r.Headers {
			k.Headers = append(k.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		out[i] = k
	}
	if err := client.ProduceSync(ctx, out...).FirstErr(); err != nil {
		return 0, fmt.Errorf("append to topic %s partition %d: %w", topic, partition, err)
	}
	return out[0].Offset, nil
}

func compression(c Codec) kgo.CompressionCodec {
	switch c {
	case Gzip:
		return kgo.GzipCompression()
	case Snappy:
		return kgo.SnappyCompression()
	case LZ4:
		return kgo.Lz4Compression()
	case Zstd:
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

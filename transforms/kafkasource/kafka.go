package kafkasource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/framebeam/framebeam/kafkaconn"
	"github.com/framebeam/framebeam/transforms/frame"
)

func init() { RegisterLog("kafka", openKafka) }

// ErrUnsupported is wrapped by the errors for topics that cannot be read
// correctly: transactional and compacted ones.
var ErrUnsupported = errors.New("topic cannot be read correctly")

const (
	// requestTimeout is how long a broker may take to answer, beyond the time
	// that it was asked to wait.
	requestTimeout = 30 * time.Second
	// identityTTL is how soon a topic created anew is noticed.
	identityTTL = time.Second
	// refreshEvery bounds how often errors make the metadata be asked for anew.
	refreshEvery = time.Second
	// unusedTimeout is after how long without a request all connections are closed.
	unusedTimeout = time.Minute
)

// kafkaLog is a Kafka cluster as a Log.
//
// It fetches rather than uses kafka-go's Reader, which skips over deleted offsets
// in silence and hands out control records.
type kafkaLog struct {
	client     *kafka.Client
	transport  *kafka.Transport
	connection string // path of the connection file
	patience   time.Duration
	unused     *time.Timer
	answered   atomic.Bool // the brokers have let us in before

	mu        sync.Mutex
	refreshed time.Time
	readable  map[string]bool // topics whose policy was found good
	ids       map[string]identityAt
}

type identityAt struct {
	id string
	at time.Time
}

func openKafka(_ context.Context, spec LogSpec) (Log, error) {
	if len(spec.Brokers) == 0 {
		return nil, errors.New("open kafka: no brokers are given")
	}
	transport, err := kafkaconn.Transport(spec.Connection, "framebeam")
	if err != nil {
		return nil, fmt.Errorf("open kafka: %w", err)
	}
	patience := spec.Patience
	if patience == 0 {
		patience = DefaultPatience
	}
	return &kafkaLog{
		client:     &kafka.Client{Addr: kafka.TCP(spec.Brokers...), Transport: transport},
		transport:  transport,
		connection: spec.Connection,
		patience:   patience,
		unused:     time.AfterFunc(unusedTimeout, transport.CloseIdleConnections),
		readable:   map[string]bool{},
		ids:        map[string]identityAt{},
	}, nil
}

// Close closes the connections.
func (l *kafkaLog) Close() error {
	l.unused.Stop()
	l.transport.CloseIdleConnections()
	return nil
}

// do makes a request, again and again while brokers fail.
func (l *kafkaLog) do(ctx context.Context, patience time.Duration, wait time.Duration, request func(context.Context) error) error {
	defer l.unused.Reset(unusedTimeout)
	return retry(ctx, min(patience, l.patience), l.refresh, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
		defer cancel()
		err := l.known(ctx, request(ctx))
		if err == nil {
			l.answered.Store(true)
			return nil
		}
		err = kafkaconn.Explain(err, l.connection, l.answered.Load())
		if kafkaconn.Refused(err) && l.answered.Load() {
			return &refusedLater{err}
		}
		return err
	})
}

// refusedLater is an error of certificates or passwords that were good before:
// somebody is changing them.
type refusedLater struct{ error }

func (e *refusedLater) Unwrap() error { return e.error }

// known is err unless kafka-go says that a topic is unknown only because it knows
// none, since no broker answers: then it is why none does.
func (l *kafkaLog) known(ctx context.Context, err error) error {
	if errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition) {
		if _, unanswered := l.client.Metadata(ctx, &kafka.MetadataRequest{}); unanswered != nil {
			return unanswered
		}
	}
	return err
}

// refresh forgets the metadata and the connections: kafka-go has no other way to
// be told that a leader moved.
func (l *kafkaLog) refresh() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.ids)
	if now := time.Now(); now.Sub(l.refreshed) >= refreshEvery {
		l.refreshed = now
		l.transport.CloseIdleConnections()
	}
}

// Partitions implements Log.
func (l *kafkaLog) Partitions(ctx context.Context, topic string) ([]int32, error) {
	var parts []int32
	err := l.do(ctx, startPatience, 0, func(ctx context.Context) error {
		m, err := l.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return err
		}
		if err := m.Topics[0].Error; err != nil {
			return err
		}
		parts = parts[:0]
		for _, p := range m.Topics[0].Partitions {
			parts = append(parts, int32(p.ID))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("topic %s: list partitions: %w", topic, err)
	}
	slices.Sort(parts)
	return parts, l.check(ctx, topic)
}

// check refuses a compacted topic: what it holds changes while it is read.
func (l *kafkaLog) check(ctx context.Context, topic string) error {
	l.mu.Lock()
	good := l.readable[topic]
	l.mu.Unlock()
	if good {
		return nil
	}
	var policy string
	err := l.do(ctx, l.patience, 0, func(ctx context.Context) error {
		res, err := l.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"cleanup.policy"},
		}}})
		if err != nil {
			return err
		}
		if len(res.Resources) != 1 {
			return io.ErrUnexpectedEOF
		}
		if err := res.Resources[0].Error; err != nil {
			return err
		}
		for _, e := range res.Resources[0].ConfigEntries {
			policy = e.ConfigValue
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("topic %s: ask for its cleanup.policy (needs the permission DescribeConfigs): %w", topic, err)
	}
	if strings.Contains(policy, "compact") {
		return fmt.Errorf("topic %s: %w: its cleanup.policy is %q, and compaction removes records that were already counted", topic, ErrUnsupported, policy)
	}
	l.mu.Lock()
	l.readable[topic] = true
	l.mu.Unlock()
	return nil
}

// Bounds implements Log.
func (l *kafkaLog) Bounds(ctx context.Context, topic string, partition int32) (first, end int64, err error) {
	if first, err = l.offset(ctx, topic, partition, kafka.FirstOffset); err == nil {
		end, err = l.offset(ctx, topic, partition, kafka.LastOffset)
	}
	return first, end, err
}

// OffsetAt implements Log.
func (l *kafkaLog) OffsetAt(ctx context.Context, topic string, partition int32, t time.Time) (int64, error) {
	// Kafka counts in milliseconds, and negative numbers have other meanings.
	ms := max(0, t.Add(time.Millisecond-1).UnixMilli())
	o, err := l.offset(ctx, topic, partition, ms)
	if err == nil && o < 0 {
		return l.offset(ctx, topic, partition, kafka.LastOffset)
	}
	return o, err
}

// offset asks for an offset by Kafka's timestamp; -1 when no record is that late.
func (l *kafkaLog) offset(ctx context.Context, topic string, partition int32, timestamp int64) (offset int64, err error) {
	err = l.do(ctx, l.patience, 0, func(ctx context.Context) error {
		res, err := l.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{topic: {{Partition: int(partition), Timestamp: timestamp}}},
		})
		if err != nil {
			return err
		}
		if len(res.Topics[topic]) != 1 {
			return io.ErrUnexpectedEOF
		}
		p := res.Topics[topic][0]
		if p.Error != nil {
			return p.Error
		}
		switch timestamp {
		case kafka.FirstOffset:
			offset = p.FirstOffset
		case kafka.LastOffset:
			offset = p.LastOffset
		default:
			offset = -1
			for o := range p.Offsets {
				offset = o
			}
			return nil
		}
		if offset < 0 {
			return kafka.OffsetNotAvailable
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("topic %s partition %d: ask for an offset: %w", topic, partition, err)
	}
	return offset, nil
}

// Identity implements identified: the topic's id, at most identityTTL old.
func (l *kafkaLog) Identity(ctx context.Context, topic string) (string, error) {
	l.mu.Lock()
	known, ok := l.ids[topic]
	l.mu.Unlock()
	if now := time.Now(); ok && now.Sub(known.at) < identityTTL {
		return known.id, nil
	}
	var id string
	at := time.Now()
	err := l.do(ctx, l.patience, 0, func(ctx context.Context) (err error) {
		at = time.Now()
		id, err = topicID(ctx, l.client, topic)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("topic %s: ask for its id: %w", topic, err)
	}
	l.mu.Lock()
	l.ids[topic] = identityAt{id, at}
	l.mu.Unlock()
	return id, nil
}

// Read implements Log.
func (l *kafkaLog) Read(ctx context.Context, topic string, partition int32, from, to int64, maxBytes int, wait time.Duration) ([]frame.Record, int64, error) {
	if from >= to {
		return nil, from, nil
	}
	if err := l.check(ctx, topic); err != nil {
		return nil, 0, err
	}
	p := &partitionReader{l, topic, partition}
	f, err := p.fetch(ctx, from, to, maxBytes, wait)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case len(f.recs) > 0 && f.more:
		return f.recs, f.recs[len(f.recs)-1].Offset + 1, nil
	case f.beyond:
		return f.recs, to, nil
	case len(f.recs) > 0:
		return f.recs, f.recs[len(f.recs)-1].Offset + 1, nil
	case f.batch != noBatch:
		next, err := skip(from, min(f.end, to), f.batch, func(o int64) (int64, error) {
			f, err := p.fetch(ctx, o, o+1, 1, 0)
			return f.batch, err
		})
		return nil, next, err
	}
	return nil, from, nil
}

// partitionReader fetches from one partition.
type partitionReader struct {
	*kafkaLog
	topic     string
	partition int32
}

// noBatch is the first offset of no batch.
const noBatch = -1

// fetched is what one fetch brought.
type fetched struct {
	recs   []frame.Record // within the range asked for
	more   bool           // there were more than maxBytes of them
	beyond bool           // there was a record at the end of the range or after it
	batch  int64          // the first offset of the first batch, or noBatch
	end    int64          // the log's end
}

func (p *partitionReader) fetch(ctx context.Context, from, to int64, maxBytes int, wait time.Duration) (f fetched, err error) {
	err = p.do(ctx, p.patience, wait, func(ctx context.Context) error {
		res, err := p.client.Fetch(ctx, &kafka.FetchRequest{
			Topic: p.topic, Partition: int(p.partition), Offset: from,
			MinBytes: 1, MaxBytes: int64(max(1, maxBytes)),
			MaxWait: max(wait, time.Millisecond), // 0 would be kafka-go's default
		})
		if err == nil {
			err = res.Error
		}
		if errors.Is(err, kafka.OffsetOutOfRange) {
			return p.outOfRange(ctx, from)
		}
		if err != nil {
			return err
		}
		f, err = collect(res.Records, from, to, maxBytes)
		f.end = res.HighWatermark
		return err
	})
	if missing(err) {
		err = &DataLoss{p.topic, p.partition, from, 0, 0, "the topic or partition does not exist any more"}
	}
	if err != nil {
		return fetched{}, fmt.Errorf("read topic %s partition %d from offset %d: %w", p.topic, p.partition, from, err)
	}
	return f, nil
}

// outOfRange says why an offset cannot be read.
func (p *partitionReader) outOfRange(ctx context.Context, from int64) error {
	first, end, err := p.Bounds(ctx, p.topic, p.partition)
	switch {
	case err != nil:
		return err
	case from < first:
		return &DataLoss{p.topic, p.partition, from, first, end, "deleted, by retention or by hand, before it was read"}
	case from > end:
		return &DataLoss{p.topic, p.partition, from, first, end, "the log was truncated or created anew: it ends before what was read"}
	}
	return kafka.OffsetNotAvailable // it is in range after all: a broker that lags behind
}

// collect copies the records with offsets in [from, to) out of a fetch.
func collect(records kafka.RecordReader, from, to int64, maxBytes int) (fetched, error) {
	f := fetched{batch: noBatch}
	stream, ok := records.(*protocol.RecordStream)
	if !ok {
		return f, nil // no batch at all
	}
	size := 0
	for i, batch := range stream.Records {
		base, err := inspect(batch)
		if err != nil {
			return f, err
		}
		if i == 0 {
			f.batch = base
		}
		for {
			r, err := batch.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return f, err
			}
			switch {
			case r.Offset >= to:
				f.beyond = true
			case r.Offset >= from:
				if size > 0 && size >= maxBytes {
					f.more = true
					break
				}
				rec, err := record(r)
				if err != nil {
					return f, err
				}
				f.recs = append(f.recs, rec)
				size += len(rec.Value)
			}
			release(r)
			if f.beyond || f.more {
				return f, nil
			}
		}
	}
	return f, nil
}

// inspect returns a batch's first offset. kafka-go hands out the records of
// aborted transactions like any other, so a topic with transactions is refused.
func inspect(batch kafka.RecordReader) (int64, error) {
	switch b := batch.(type) {
	case *protocol.RecordBatch:
		if b.Attributes.Transactional() {
			return 0, fmt.Errorf("%w: the batch at offset %d was written in a transaction", ErrUnsupported, b.BaseOffset)
		}
		return b.BaseOffset, nil
	case *protocol.ControlBatch:
		return 0, fmt.Errorf("%w: the batch at offset %d ends a transaction", ErrUnsupported, b.BaseOffset)
	case *protocol.MessageSet:
		return b.BaseOffset, nil
	}
	return 0, fmt.Errorf("%w: unknown kind of batch %T", ErrUnsupported, batch)
}

// record copies a record.
func record(r *kafka.Record) (frame.Record, error) {
	rec := frame.Record{Offset: r.Offset, Timestamp: r.Time.UnixMilli()}
	var err error
	if rec.Key, err = kafka.ReadAll(r.Key); err != nil {
		return rec, fmt.Errorf("key of offset %d: %w", r.Offset, err)
	}
	if rec.Value, err = kafka.ReadAll(r.Value); err != nil {
		return rec, fmt.Errorf("value of offset %d: %w", r.Offset, err)
	}
	if len(r.Headers) > 0 {
		rec.Headers = make([]frame.Header, len(r.Headers))
		for i, h := range r.Headers {
			rec.Headers[i] = frame.Header{Key: h.Key, Value: h.Value}
		}
	}
	return rec, nil
}

// release gives a record's memory back to kafka-go's pool.
func release(r *kafka.Record) {
	if r.Key != nil {
		r.Key.Close()
	}
	if r.Value != nil {
		r.Value.Close()
	}
}

// skip returns the first offset after from, at most end, that does not lie in the
// batch that a fetch at from begins with, when that batch has no record from
// there on: compaction, in a topic's earlier life, can leave such a tail.
// kafka-go does not tell where a batch ends, but batchAt tells in which batch an
// offset lies (the first offset of the batch that a fetch there begins with).
func skip(from, end, batch int64, batchAt func(int64) (int64, error)) (int64, error) {
	lo, hi := from, end // lo lies in the batch, hi does not or is the end
	for step := int64(1); lo+step < end; step *= 2 {
		b, err := batchAt(lo + step)
		if err != nil {
			return 0, err
		}
		if b != batch {
			hi = lo + step
			break
		}
		lo += step
	}
	for lo+1 < hi {
		mid := lo + (hi-lo)/2
		b, err := batchAt(mid)
		if err != nil {
			return 0, err
		}
		if b == batch {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi, nil
}

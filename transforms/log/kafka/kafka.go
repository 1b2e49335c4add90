package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

func init() { log.Register("kafka", openKafka) }

// ErrUnsupported is wrapped by the errors for topics that cannot be read
// correctly: transactional and compacted ones.
var ErrUnsupported = errors.New("topic cannot be read correctly")

// clientID is the readers' name in the brokers' logs and quotas.
const clientID = "framebeam"

const (
	// requestTimeout is how long a broker may take to answer, beyond the time
	// that it was asked to wait.
	requestTimeout = 30 * time.Second
	// identityTTL is how soon a topic created anew is noticed.
	identityTTL = time.Second
	// policyEvery is how soon a topic that has become a compacted one is noticed.
	policyEvery = time.Minute
	// refreshEvery bounds how often errors make the metadata be asked for anew.
	refreshEvery = time.Second
	// unusedTimeout is after how long without a request all connections are closed.
	unusedTimeout = time.Minute
)

// kafkaLog is a Kafka cluster as a log.Log.
//
// It has kafka-go make the connections, and fetches and takes batches apart itself:
// kafka-go's Reader skips over deleted offsets in silence and hands out control
// records, and all of kafka-go inflates whatever comes.
type kafkaLog struct {
	client     *kafka.Client
	transport  *kafka.Transport
	connection string // path of the connection file
	patience   time.Duration
	memory     int // of all portions, in bytes
	unused     *time.Timer
	answered   atomic.Bool // the brokers have let us in before

	// trouble counts what may be the sign of another log: requests that failed, and
	// connections that were made.
	trouble     atomic.Uint64
	policyEvery time.Duration

	mu        sync.Mutex
	refreshed time.Time
	policies  map[string]time.Time // when a topic's was last found good
	ids       map[string]identityAt
	follows   map[chunk.Partition]follow
	portions  []*portion // used last at the end
}

type identityAt struct {
	id string
	at time.Time
}

func openKafka(_ context.Context, spec log.Spec) (log.Log, error) {
	if len(spec.Brokers) == 0 {
		return nil, errors.New("open kafka: no brokers are given")
	}
	transport, err := connect.Transport(spec.Connection, clientID)
	if err != nil {
		return nil, fmt.Errorf("open kafka: %w", err)
	}
	patience := spec.Patience
	if patience == 0 {
		patience = connect.DefaultPatience
	}
	l := &kafkaLog{
		client:      &kafka.Client{Addr: kafka.TCP(spec.Brokers...), Transport: transport},
		transport:   transport,
		connection:  spec.Connection,
		patience:    patience,
		memory:      cmp.Or(spec.Memory, defaultMemory),
		unused:      time.AfterFunc(unusedTimeout, transport.CloseIdleConnections),
		policyEvery: policyEvery,
		policies:    map[string]time.Time{},
		ids:         map[string]identityAt{},
		follows:     map[chunk.Partition]follow{},
	}
	dial := transport.Dial
	transport.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		l.trouble.Add(1)
		return dial(ctx, network, address)
	}
	return l, nil
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
	return retrySilently(ctx, silentFor+wait, min(patience, l.patience), l.refresh, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
		defer cancel()
		err := l.known(ctx, request(ctx))
		if err == nil {
			l.answered.Store(true)
			return nil
		}
		l.trouble.Add(1)
		err = connect.Explain(err, l.connection, l.answered.Load())
		if connect.Refused(err) && l.answered.Load() {
			return &refusedLater{err}
		}
		return err
	})
}

// refusedLater is an error of certificates or passwords that were good before:
// somebody is changing them.
type refusedLater struct{ error }

func (e *refusedLater) Unwrap() error { return e.error }

// known returns the reason behind an unknown topic. While no broker answers, kafka-go has
// no metadata and calls every topic unknown: then it is why no broker answers. Any other
// error is returned as it is.
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

// Partitions implements log.Log.
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

// Bounds implements log.Log.
func (l *kafkaLog) Bounds(ctx context.Context, p chunk.Partition) (first, end int64, err error) {
	if first, err = l.offset(ctx, p, kafka.FirstOffset); err == nil {
		end, err = l.offset(ctx, p, kafka.LastOffset)
	}
	return first, end, err
}

// OffsetAt implements log.Log.
func (l *kafkaLog) OffsetAt(ctx context.Context, p chunk.Partition, t time.Time) (int64, error) {
	return l.offset(ctx, p, log.Timestamp(t))
}

// offset asks for an offset by Kafka's timestamp, see connect.Offset.
func (l *kafkaLog) offset(ctx context.Context, p chunk.Partition, timestamp int64) (offset int64, err error) {
	err = l.do(ctx, l.patience, 0, func(ctx context.Context) (err error) {
		offset, err = connect.Offset(ctx, l.client, p.Topic, int(p.ID), timestamp)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%v: ask for an offset: %w", p, err)
	}
	return offset, nil
}

// Identity gives [log.Identity] the topic's id, at most identityTTL old.
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
		id, err = connect.TopicID(ctx, l.client, topic)
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

// partitionReader reads from one partition.
type partitionReader struct {
	*kafkaLog
	chunk.Partition
}

// Read implements log.Log.
func (l *kafkaLog) Read(ctx context.Context, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration) ([]frame.Record, int64, error) {
	got, err := (&partitionReader{l, p}).read(ctx, log.NoLast, from, to, maxBytes, wait)
	return got.recs, got.next, err
}

// damagedTries is how often a batch that does not match its checksum is fetched,
// before it is taken for what the log has: on its way it may have been damaged too.
const damagedTries = 3

func (p *partitionReader) read(ctx context.Context, last log.Last, from, to int64, maxBytes int, wait time.Duration) (given, error) {
	if from >= to {
		return given{next: from, epoch: last.Epoch}, nil
	}
	if err := p.check(ctx, p.Topic); err != nil {
		return given{}, err
	}
	part := p.take(p.Partition, from)
	for tries := 0; ; {
		if part == nil {
			tries++
			res, err := p.fetch(ctx, from, maxBytes, wait)
			if err == nil && len(res.batches) > 0 {
				// Brokers before 0.10.1 send a part of a batch that is larger than asked for.
				if _, n := batch.Head(res.batches); n > int64(maxBytes) && n > int64(len(res.batches)) && n <= connect.MaxBatch {
					res, err = p.fetch(ctx, from, int(n), wait)
				}
			}
			if err != nil {
				return given{}, err
			}
			part = &portion{
				Partition: p.Partition, low: from, next: from,
				raw: res.batches, held: cap(res.batches), end: res.end, trouble: p.trouble.Load(),
			}
		}
		got, err := part.give(ctx, p, last, to, maxBytes, tries >= damagedTries)
		switch {
		case errors.Is(err, errDamaged):
			p.refresh()
		case err != nil:
			return given{}, err
		case tries > 0 || got.next > from:
			p.keep(part)
			return got, nil
		}
		part = nil // what was kept is at its end
	}
}

// outOfRange says why an offset cannot be read.
func (p *partitionReader) outOfRange(ctx context.Context, from int64) error {
	first, end, err := p.Bounds(ctx, p.Partition)
	switch {
	case err != nil:
		return err
	case from < first:
		return &log.DataLoss{Partition: p.Partition, Offset: from, First: first, End: end, What: "deleted, by retention or by hand, before it was read"}
	case from > end:
		return &log.DataLoss{Partition: p.Partition, Offset: from, First: first, End: end, What: "the log was truncated or created anew: it ends before what was read"}
	}
	return kafka.OffsetNotAvailable // it is in range after all: a broker that lags behind
}

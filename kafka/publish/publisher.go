// Package publish writes frames to a Kafka topic: each camera's in order, none
// that was acknowledged lost.
//
// A camera's frames go to the partition of its key, by the partitioner of the
// Java clients. Each partition has one sender with one request in flight, which
// repeats a failed request in place until it succeeds, or is refused for good:
// nothing behind it goes out before. A request whose answer was lost is repeated too, so frames may be
// in the log twice, always under the same name and with the same bytes; the
// first copies are in order. A partition that cannot be written for
// Options.DeliveryTimeout is given up as a whole rather than reordered.
//
// kafka-go's Writer is not used: once its attempts are exhausted it fails one
// batch and sends the next, and its queue has no bound.
package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Options configures a Publisher.
type Options struct {
	Brokers    []string // host:port
	Topic      string
	Connection string // path of a connection file, see package connect; "" is plaintext

	// CreatePartitions creates the topic with so many partitions if it does not
	// exist; 0, the default, does not.
	CreatePartitions int
	// CreateConfig is what a topic is created with; default: what frames need.
	CreateConfig []kafka.ConfigEntry
	// ClientID is the name in the brokers' logs and quotas. Default "framebeam-ingest".
	ClientID string
	// QueueBytes is how much one camera may have waiting, sent or not, until it
	// is acknowledged. Default 64 MiB. At least one frame always may.
	QueueBytes int
	// DeliveryTimeout is how long one request is repeated before its partition
	// is given up. Default 5 minutes: several times what a broker's failover
	// takes (12 to 14 s with Kafka's default settings). ForEver never gives up
	// what may pass.
	DeliveryTimeout time.Duration
	// AttemptTimeout is how long one attempt waits for its answer. Default 30 s,
	// as request.timeout.ms of the Java client.
	AttemptTimeout time.Duration
	// OpenTimeout is how long Open looks for the brokers. Default 30 s.
	OpenTimeout time.Duration
	// DropRefused drops and counts a record that the brokers will never take: its
	// timestamp is too far ahead, it is larger than a limit that was lowered. A camera
	// that waits (Publish) ends with it: nothing of it comes after the record, which
	// may still be taken, in its order, when the reason has been mended. Without
	// DropRefused the partition is given up.
	DropRefused bool
	// Acknowledged is called with records that were written, at their offsets, by one
	// goroutine for each partition. They must not be changed. Repeats are not told apart.
	Acknowledged func(partition int, records []frame.Record)
	// GivenUp is called with the error of each partition that is given up, by
	// goroutines of their own. It must not call Close.
	GivenUp func(error)
	// Log gets failed attempts and recoveries; default slog.Default().
	Log *slog.Logger

	gone time.Duration                                                        // default goneAfter
	dial func(ctx context.Context, network, address string) (net.Conn, error) // instead of the real one
}

// ForEver is a DeliveryTimeout that does not end.
const ForEver time.Duration = 1<<63 - 1

func (o *Options) setDefaults() {
	if o.CreateConfig == nil {
		o.CreateConfig = forFrames()
	}
	if o.ClientID == "" {
		o.ClientID = "framebeam-ingest"
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = 64 << 20
	}
	if o.DeliveryTimeout == 0 {
		o.DeliveryTimeout = connect.DefaultPatience
	}
	if o.AttemptTimeout == 0 {
		o.AttemptTimeout = 30 * time.Second
	}
	if o.OpenTimeout == 0 {
		o.OpenTimeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.gone == 0 {
		o.gone = goneAfter
	}
}

// missingPatience is how long a topic may be unknown before it does not exist:
// one just created takes a moment to reach every broker.
const missingPatience = 2 * time.Second

// silentFor is how long the brokers may be asked for the topic without a word, longer
// than a missing one is waited for.
const silentFor = 4 * time.Second

// Publisher writes to one topic. Its methods are safe for concurrent use; a
// camera's order is the order of its Publish and Offer calls.
type Publisher struct {
	opts      Options
	topic     Topic
	transport *kafka.Transport
	client    *kafka.Client
	balancer  kafka.Murmur2Balancer

	ctx    context.Context // of every request
	cancel context.CancelFunc
	wg     sync.WaitGroup
	taken  atomic.Bool  // the brokers have taken a record
	queue  atomic.Int64 // Options.QueueBytes as it is now

	mu      sync.Mutex
	senders map[int]*sender
	cameras map[string]*camera
	closed  bool
}

// ErrGivenUp is wrapped by the error of a partition that could not be written.
var ErrGivenUp = errors.New("the partition is given up")

// ErrHopeless is wrapped beside [ErrGivenUp] where nothing can be published to the
// topic, now or later: it is gone, or program and brokers do not understand each other.
var ErrHopeless = errors.New("trying again cannot help")

// ErrClosed is the error of publishing after Close.
var ErrClosed = errors.New("publisher is closed")

// Open connects to the brokers and checks the topic. A topic that does not
// exist is a *TopicMissingError.
func Open(ctx context.Context, opts Options) (*Publisher, error) {
	opts.setDefaults()
	transport, err := connect.Transport(opts.Connection, opts.ClientID)
	if err != nil {
		return nil, err
	}
	transport.MetadataTopics = []string{opts.Topic}
	if opts.dial != nil {
		transport.Dial = opts.dial
	}
	p := &Publisher{
		opts:      opts,
		transport: transport,
		client:    &kafka.Client{Addr: kafka.TCP(opts.Brokers...), Transport: transport, Timeout: opts.AttemptTimeout},
		// Java's murmur2, and random partitions for records without a key only.
		balancer: kafka.Murmur2Balancer{Consistent: true},
		senders:  make(map[int]*sender),
		cameras:  make(map[string]*camera),
	}
	p.queue.Store(int64(opts.QueueBytes))
	p.ctx, p.cancel = context.WithCancel(context.Background())
	ctx, cancel := context.WithTimeout(ctx, opts.OpenTimeout)
	defer cancel()
	if err := p.prepare(ctx); err != nil {
		p.cancel()
		transport.CloseIdleConnections()
		return nil, err
	}
	return p, nil
}

func (p *Publisher) prepare(ctx context.Context) (err error) {
	created := p.opts.CreatePartitions == 0
	brokers := strings.Join(p.opts.Brokers, ",")
	wait, begun := newBackoff(), time.Now()
	slow := time.AfterFunc(silentFor, func() {
		p.opts.Log.Warn("the brokers do not answer, waiting", "brokers", brokers, "topic", p.opts.Topic, "for", p.opts.OpenTimeout)
	})
	defer slow.Stop()
	for attempt := 1; ; attempt++ {
		missing := false
		if !created {
			if err = createTopic(ctx, p.client, p.opts.Topic, p.opts.CreatePartitions, p.opts.CreateConfig); err == nil {
				created = true
			}
		}
		if created {
			if p.topic, err = describeTopic(ctx, p.client, p.opts.Topic); err == nil {
				if have, want := len(p.topic.Partitions), p.opts.CreatePartitions; want != 0 && have != want {
					p.opts.Log.Warn("the topic is there already, and keeps its number of partitions", "topic", p.opts.Topic, "partitions", have, "asked for", want)
				}
				return nil
			}
			_, missing = errors.AsType[*TopicMissingError](err)
			if missing && p.opts.CreatePartitions == 0 && time.Since(begun) > missingPatience {
				return err
			}
		}
		err = connect.Explain(err, p.opts.Connection, false)
		if permanent(err) {
			return fmt.Errorf("brokers %s: %w", brokers, err)
		}
		// A topic that is missing is told once and for all, in a moment, and by the
		// caller, who knows how it is created.
		if !missing && slow.Stop() && attempt == 1 {
			p.opts.Log.Warn("the topic cannot be asked for, trying again", "brokers", brokers, "for", p.opts.OpenTimeout, "reason", err)
		}
		if pause(ctx, wait.NextBackOff()) != nil {
			return fmt.Errorf("brokers %s: no success in %d attempts: %w", brokers, attempt, err)
		}
		// Makes the pool ask anew instead of telling again what it knows.
		p.transport.CloseIdleConnections()
	}
}

// Topic describes the topic as it was when the publisher was opened.
func (p *Publisher) Topic() Topic { return p.topic }

// PartitionOf is the partition of a camera's frames.
func (p *Publisher) PartitionOf(camera string) int {
	return p.balancer.Balance(kafka.Message{Key: []byte(camera)}, p.topic.Partitions...)
}

// SetQueueBytes changes Options.QueueBytes. What is queued already stays.
func (p *Publisher) SetQueueBytes(n int) { p.queue.Store(int64(n)) }

// Publish queues a frame of a source that can wait: it waits while the camera
// has more than Options.QueueBytes in the queue. The error is a *TooLargeError,
// ctx's, ErrClosed, a *RefusedError, or why the partition was given up.
func (p *Publisher) Publish(ctx context.Context, rec frame.Record) error {
	s, q, err := p.route(&rec)
	if err != nil {
		return err
	}
	return s.wait(ctx, q, rec)
}

// Offer queues a frame of a source that cannot wait: where there is no room the
// camera's oldest frames that are not being sent are dropped and counted. The
// error is a *TooLargeError, ErrClosed, or why the partition was given up.
func (p *Publisher) Offer(rec frame.Record) error {
	s, q, err := p.route(&rec)
	if err != nil {
		return err
	}
	return s.offer(q, rec)
}

// Note queues a small record about a camera, that is no frame: in its order among them, in
// addition to QueueBytes, not counted in Stats, and never dropped for a frame. It does not
// wait. Of very many that wait the oldest is given up. The errors are those of Publish, but
// for ctx's.
func (p *Publisher) Note(rec frame.Record) error {
	s, q, err := p.route(&rec)
	if err != nil {
		return err
	}
	return s.note(q, rec)
}

func (p *Publisher) route(rec *frame.Record) (*sender, *camera, error) {
	id := string(rec.Key)
	if n := batchHeader + recordSize(rec); n > p.topic.MaxMessageBytes {
		return nil, nil, &TooLargeError{Camera: id, Topic: p.topic.Name, Bytes: n, Limit: p.topic.MaxMessageBytes}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	q := p.cameras[id]
	if q == nil {
		q = &camera{id: id, partition: p.PartitionOf(id)}
		p.cameras[id] = q
	}
	s := p.senders[q.partition]
	if s == nil {
		s = newSender(p, q.partition)
		p.senders[q.partition] = s
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			s.run()
		}()
	}
	return s, q, nil
}

// Stats says what became of a camera's frames.
type Stats struct {
	Partition int
	Sent      int64 // acknowledged by all in-sync replicas
	Bytes     int64 // of the values of those sent
	Dropped   int64 // given up for newer ones while Kafka was slow
	Refused   int64 // refused by the brokers and left out, with DropRefused
	Refusal   error // why the last of them was
	Waiting   int64 // queued or being sent; after Close: never acknowledged
	// WaitingBytes is the memory that those take.
	WaitingBytes int64
}

// Stats returns a camera's numbers so far.
func (p *Publisher) Stats(id string) Stats {
	p.mu.Lock()
	q := p.cameras[id]
	var s *sender
	if q != nil {
		s = p.senders[q.partition]
	}
	p.mu.Unlock()
	if s == nil {
		return Stats{Partition: -1}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return q.stats()
}

// Flush waits until everything that was queued before is acknowledged. The error is
// ctx's, or why a partition was given up.
func (p *Publisher) Flush(ctx context.Context) error {
	var errs []error
	for _, partition := range p.topic.Partitions {
		p.mu.Lock()
		s := p.senders[partition]
		p.mu.Unlock()
		if s != nil {
			errs = append(errs, s.flush(ctx))
		}
	}
	return errors.Join(errs...)
}

// Close sends what is queued until ctx is done, then gives up the rest. The
// error says which partitions could not be written; Stats says how many frames.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	senders := make([]*sender, 0, len(p.senders))
	for _, s := range p.senders {
		senders = append(senders, s)
	}
	p.mu.Unlock()
	for _, s := range senders {
		s.close()
	}
	stop := context.AfterFunc(ctx, p.cancel)
	p.wg.Wait()
	stop()
	p.cancel()
	p.transport.CloseIdleConnections()
	var errs []error
	for _, partition := range p.topic.Partitions {
		p.mu.Lock()
		s := p.senders[partition]
		p.mu.Unlock()
		if s != nil {
			s.mu.Lock()
			if s.err != nil {
				errs = append(errs, s.err)
			}
			s.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

// Package broker runs a Kafka inside the process, for trying Framebeam out with
// nothing else started and for tests that need the real protocol and its faults.
//
// It speaks Kafka's protocol on loopback, to any client. It is not a production
// Kafka: it replicates nothing, knows no users, keeps its log in memory or in a
// folder it does not sync, and ends with the process. Package embedded has one that lasts.
package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// DefaultMaxMessageBytes is the largest record batch that is accepted: room for
// a raw frame of 1920x1080 pixels.
const DefaultMaxMessageBytes = 16 << 20

// Options configures a [Broker]. The zero value is one broker on an ephemeral
// port that keeps everything in memory.
type Options struct {
	// Ports to listen on, one broker each; 0 is an ephemeral one. Default: one
	// broker on an ephemeral port.
	Ports []int
	// Dir is a folder that holds the log; an existing one is continued.
	// Default: memory.
	Dir string
	// Topics are created at the start; those that exist in Dir are left alone.
	Topics []Topic
	// MaxMessageBytes bounds one record batch. Default: DefaultMaxMessageBytes.
	MaxMessageBytes int
	// WithoutTopicIDs makes it a Kafka before 2.8, which has no topic ids.
	WithoutTopicIDs bool
}

// Topic describes a topic to create.
type Topic struct {
	Name       string
	Partitions int32 // default 1
	// Configs are Kafka's topic configurations. Unless retention.ms is among
	// them, records are kept for ever: a film's timestamps may lie years back.
	Configs map[string]string
}

// Broker is a running Kafka. Its methods are safe for concurrent use.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
	client  *kgo.Client

	mu    sync.Mutex
	conns map[net.Conn]struct{}

	damage  []byte // see Damage
	damages int
}

// Start starts a broker and creates the topics of opts.
func Start(opts Options) (*Broker, error) {
	if len(opts.Ports) == 0 {
		opts.Ports = []int{0}
	}
	if opts.MaxMessageBytes <= 0 {
		opts.MaxMessageBytes = DefaultMaxMessageBytes
	}
	b := &Broker{conns: map[net.Conn]struct{}{}}
	kopts := []kfake.Opt{
		kfake.ClusterID("framebeam"),
		kfake.Ports(opts.Ports...),
		kfake.ListenFn(b.listen),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": fmt.Sprint(opts.MaxMessageBytes)}),
	}
	if opts.Dir != "" {
		kopts = append(kopts, kfake.DataDir(opts.Dir))
	}
	if opts.WithoutTopicIDs {
		kopts = append(kopts, kfake.MaxVersions(kversion.V2_7_0()))
	}
	var err error
	if b.cluster, err = kfake.NewCluster(kopts...); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	b.addrs = b.cluster.ListenAddrs()
	b.client, err = kgo.NewClient(
		kgo.SeedBrokers(b.addrs...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(int32(opts.MaxMessageBytes)),
		kgo.ProducerLinger(0),
	)
	if err != nil {
		b.cluster.Close()
		return nil, fmt.Errorf("start broker: %w", err)
	}
	for _, t := range opts.Topics {
		if b.cluster.TopicInfo(t.Name) != nil {
			continue
		}
		if err := b.CreateTopic(t); err != nil {
			b.Close()
			return nil, err
		}
	}
	return b, nil
}

// Addrs are the host:port of every broker, also of one that is closed.
func (b *Broker) Addrs() []string { return slices.Clone(b.addrs) }

// Close stops the broker and cuts its connections.
func (b *Broker) Close() {
	b.client.Close()
	b.cluster.Close()
	b.CutConnections()
}

// CreateTopic creates a topic.
func (b *Broker) CreateTopic(t Topic) error {
	configs := map[string]string{"retention.ms": "-1"}
	maps.Copy(configs, t.Configs)
	if err := b.cluster.CreateTopic(t.Name, max(t.Partitions, 1), configs); err != nil {
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	return nil
}

// DeleteTopic deletes a topic. One created again under the name is another
// topic, with another id.
func (b *Broker) DeleteTopic(name string) error {
	if err := b.cluster.DeleteTopic(name); err != nil {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	// The producer would go on addressing the old topic's id.
	b.client.PurgeTopicsFromProducing(name)
	return nil
}

// Bounds returns a partition's first offset and its end, the offset that the
// next record will have.
func (b *Broker) Bounds(topic string, partition int32) (first, end int64, err error) {
	p := b.cluster.PartitionInfo(topic, partition)
	if p == nil {
		return 0, 0, fmt.Errorf("topic %s partition %d: %w", topic, partition, errNoPartition)
	}
	return p.LogStartOffset, p.HighWatermark, nil
}

var errNoPartition = errors.New("there is no such partition")

// listen keeps track of the connections, so that they can be cut.
func (b *Broker) listen(network, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	return &listener{l, b}, nil
}

type listener struct {
	net.Listener
	b *Broker
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tc := &trackedConn{c, l.b}
	l.b.mu.Lock()
	l.b.conns[tc] = struct{}{}
	l.b.mu.Unlock()
	return tc, nil
}

type trackedConn struct {
	net.Conn
	b *Broker
}

func (c *trackedConn) Write(p []byte) (int, error) { return c.Conn.Write(c.b.damaged(p)) }

func (c *trackedConn) Close() error {
	c.b.mu.Lock()
	delete(c.b.conns, c)
	c.b.mu.Unlock()
	return c.Conn.Close()
}

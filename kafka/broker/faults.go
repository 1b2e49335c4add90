package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Request is a kind of Kafka request that a fault is for.
type Request = kmsg.Key

const (
	Produce     = kmsg.Produce
	Fetch       = kmsg.Fetch
	ListOffsets = kmsg.ListOffsets
	Metadata    = kmsg.Metadata

	DescribeConfigs = kmsg.DescribeConfigs
)

// Fault is an error that the broker answers with.
type Fault = *kerr.Error

var (
	NotLeader        Fault = kerr.NotLeaderForPartition
	RequestTimedOut  Fault = kerr.RequestTimedOut
	OffsetOutOfRange Fault = kerr.OffsetOutOfRange
	UnknownTopic     Fault = kerr.UnknownTopicOrPartition
	NotAuthorized    Fault = kerr.TopicAuthorizationFailed
)

// Fail answers the next n requests of a kind with an error; n of -1 is all of
// them, until Remove is called on the handle. The handle counts the hits.
func (b *Broker) Fail(r Request, f Fault, n int) *kfake.FaultHandle {
	return b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{r}, Err: f, Count: n})
}

// Swallow never answers the next n requests of a kind.
func (b *Broker) Swallow(r Request, n int) {
	b.control(r, n, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, nil, true })
}

// Cut closes the connection on which each of the next n requests of a kind comes.
func (b *Broker) Cut(r Request, n int) {
	b.control(r, n, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, errCut, true })
}

// Delay answers the next n requests of a kind d later.
func (b *Broker) Delay(r Request, n int, d time.Duration) {
	b.control(r, n, func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.SleepControl(func() { time.Sleep(d) })
		return nil, nil, false
	})
}

var errCut = errors.New("connection cut")

// control runs fn for the next n requests of a kind.
func (b *Broker) control(r Request, n int, fn func(kmsg.Request) (kmsg.Response, error, bool)) {
	for range n {
		b.cluster.ControlKey(int16(r), func(req kmsg.Request) (kmsg.Response, error, bool) {
			b.cluster.DropControl()
			return fn(req)
		})
	}
}

// Damage flips a bit of every answer that contains the mark, n times; n of -1 is for
// ever. The log itself stays as it is.
func (b *Broker) Damage(mark []byte, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.damage, b.damages = slices.Clone(mark), n
}

// damaged returns what is sent in place of an answer.
func (b *Broker) damaged(answer []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.damage) == 0 || b.damages == 0 {
		return answer
	}
	at := bytes.Index(answer, b.damage)
	if at < 0 {
		return answer
	}
	b.damages--
	answer = slices.Clone(answer)
	answer[at] ^= 1
	return answer
}

// CutConnections closes every connection that is open now, clients' and its own.
func (b *Broker) CutConnections() { b.cut(func(string) bool { return true }) }

// cut closes the connections that came in at the addresses that match.
func (b *Broker) cut(match func(address string) bool) {
	b.mu.Lock()
	conns := slices.Collect(maps.Keys(b.conns))
	b.mu.Unlock()
	for _, c := range conns {
		if match(c.LocalAddr().String()) {
			c.Close()
		}
	}
}

// StopBroker stops one of several brokers, by its index in Options.Ports, as a
// crash does: its connections break, and others lead its partitions. It does not
// come back.
func (b *Broker) StopBroker(node int32) error {
	before := b.Addrs()
	if err := b.cluster.RemoveNode(node); err != nil {
		return fmt.Errorf("stop broker %d: %w", node, err)
	}
	after := b.Addrs()
	b.cut(func(address string) bool { return slices.Contains(before, address) && !slices.Contains(after, address) })
	return nil
}

// MoveLeader makes another broker, by its index in Options.Ports, the leader of
// a partition.
func (b *Broker) MoveLeader(topic string, partition int32, to int32) error {
	if err := b.cluster.MoveTopicPartition(topic, partition, to); err != nil {
		return fmt.Errorf("move leader of topic %s partition %d: %w", topic, partition, err)
	}
	return nil
}

// DeleteRecords deletes a partition's records below an offset, as retention does.
func (b *Broker) DeleteRecords(topic string, partition int32, below int64) error {
	if err := b.cluster.DeleteRecords(topic, partition, below); err != nil {
		return fmt.Errorf("delete records of topic %s partition %d: %w", topic, partition, err)
	}
	return nil
}

// Compact leaves, in all but the last batch of a topic, only the last record of
// each key, as log compaction does, and so makes gaps. The topic's cleanup
// policy is afterwards "delete".
func (b *Broker) Compact(ctx context.Context, topic string) error {
	if err := b.SetTopicConfig(ctx, topic, "cleanup.policy", "compact"); err != nil {
		return err
	}
	b.cluster.Compact()
	return b.SetTopicConfig(ctx, topic, "cleanup.policy", "delete")
}

// SetTopicConfig changes one configuration of a topic.
func (b *Broker) SetTopicConfig(ctx context.Context, topic, name, value string) error {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType = kmsg.ConfigResourceTypeTopic
	res.ResourceName = topic
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = name, kmsg.StringPtr(value)
	res.Configs = append(res.Configs, c)
	req.Resources = append(req.Resources, res)
	resp, err := req.RequestWith(ctx, b.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("set %s of topic %s: %w", name, topic, err)
	}
	return nil
}

// Truncate leaves the first keep records of each partition, as a broker does that has
// lost the end of its log. With elect another leader's epoch begins then, as it mostly
// does. Only on brokers without topic ids: it is the same topic, and has another id.
func (b *Broker) Truncate(ctx context.Context, topic string, keep int64, elect bool) error {
	if err := b.Recreate(ctx, topic, keep); err != nil {
		return err
	}
	if !elect {
		return nil
	}
	for _, p := range b.cluster.PartitionInfos(topic) {
		if err := b.MoveLeader(topic, p.Partition, b.cluster.LeaderFor(topic, p.Partition)); err != nil {
			return err
		}
	}
	return nil
}

// Recreate deletes a topic and creates it anew with the first keep records of
// each partition. The topic's id changes, so this is also
// how a truncated log looks to clients of a broker without topic ids.
func (b *Broker) Recreate(ctx context.Context, topic string, keep int64) error {
	info := b.cluster.TopicInfo(topic)
	if info == nil {
		return fmt.Errorf("topic %s: %w", topic, errNoPartition)
	}
	parts := b.cluster.PartitionInfos(topic)
	var kept []*kgo.Record
	for _, p := range parts {
		recs, err := b.read(ctx, topic, p.Partition, p.LogStartOffset, min(p.HighWatermark, p.LogStartOffset+keep))
		if err != nil {
			return err
		}
		kept = append(kept, recs...)
	}
	configs := map[string]string{}
	for k, v := range info.Configs {
		if v != nil {
			configs[k] = *v
		}
	}
	if err := b.DeleteTopic(topic); err != nil {
		return err
	}
	if err := b.CreateTopic(Topic{Name: topic, Partitions: int32(len(parts)), Configs: configs}); err != nil {
		return err
	}
	if len(kept) == 0 {
		return nil
	}
	if err := b.client.ProduceSync(ctx, kept...).FirstErr(); err != nil {
		return fmt.Errorf("append to topic %s anew: %w", topic, err)
	}
	return nil
}

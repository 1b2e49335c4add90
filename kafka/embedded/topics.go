package embedded

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/kafka/commitlog"
)

// topics are those that were asked for since one was last created, deleted or changed.
type topics struct {
	b  *Broker
	mu sync.Mutex
	of map[string]*topic
}

type topic struct {
	name     string
	id       commitlog.ID
	maxBytes int
	keep     commitlog.Keep
	logs     map[int32]*commitlog.Log
}

// log is a partition's; nil without an error if there is none.
func (t *topics) log(name string, partition int32) (*topic, *commitlog.Log, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.of[name]
	if found == nil {
		info := t.b.meta.TopicInfo(name)
		if info == nil {
			return nil, nil, nil
		}
		found = &topic{
			name: name, id: info.TopicID, logs: map[int32]*commitlog.Log{},
			maxBytes: int(number(info.Configs["max.message.bytes"], DefaultMaxMessageBytes)),
			keep:     commitlog.Keep{Bytes: number(info.Configs["retention.bytes"], -1), Age: -1},
		}
		if ms := number(info.Configs["retention.ms"], -1); ms >= 0 && ms < int64(1<<63-1)/int64(time.Millisecond) {
			found.keep.Age = time.Duration(ms) * time.Millisecond
		}
		if t.of == nil {
			t.of = map[string]*topic{}
		}
		t.of[name] = found
	}
	l := found.logs[partition]
	if l == nil {
		if t.b.meta.PartitionInfo(name, partition) == nil {
			return found, nil, nil
		}
		var err error
		if l, err = t.b.store.Log(name, found.id, partition); err != nil {
			return found, nil, err
		}
		found.logs[partition] = l
	}
	return found, l, nil
}

// number is a setting's value.
func number(s *string, unset int64) int64 {
	if s != nil {
		if n, err := strconv.ParseInt(*s, 10, 64); err == nil {
			return n
		}
	}
	return unset
}

// after looks what a request has changed.
func (t *topics) after(key int16) {
	switch kmsg.Key(key) {
	case kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.CreatePartitions, kmsg.AlterConfigs, kmsg.IncrementalAlterConfigs:
	default:
		return
	}
	t.mu.Lock()
	t.of = nil
	t.mu.Unlock()
	if kmsg.Key(key) == kmsg.DeleteTopics {
		if err := t.b.sweep(); err != nil {
			t.b.opts.Log.Warn("embedded Kafka: a deleted topic's records are still there", "err", err)
		}
	}
}

// sweep deletes the logs of topics that are no more.
func (b *Broker) sweep() error {
	return b.store.Sweep(func(topic string, id commitlog.ID) bool {
		info := b.meta.TopicInfo(topic)
		return info != nil && info.TopicID == id
	})
}

// ensure creates a topic, or gives the one that is there its settings.
func (b *Broker) ensure(t Topic) error {
	create := kmsg.NewPtrCreateTopicsRequest()
	ct := kmsg.NewCreateTopicsRequestTopic()
	ct.Topic, ct.NumPartitions, ct.ReplicationFactor = t.Name, max(t.Partitions, 1), 1
	for name, value := range t.Configs {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, &value
		ct.Configs = append(ct.Configs, c)
	}
	create.Topics = append(create.Topics, ct)
	resp, err := b.ask(b.ctx, create)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	err = kerr.ErrorForCode(resp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
	if err == nil {
		return nil
	}
	if !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", t.Name, err)
	}
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, t.Name
	for name, value := range t.Configs {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Op, c.Value = name, kmsg.IncrementalAlterConfigOpSet, &value
		res.Configs = append(res.Configs, c)
	}
	alter.Resources = append(alter.Resources, res)
	if resp, err = b.ask(b.ctx, alter); err == nil {
		err = kerr.ErrorForCode(resp.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("settings of topic %s: %w", t.Name, err)
	}
	return nil
}

// names are all topics with their numbers of partitions.
func (b *Broker) names(ctx context.Context) (map[string]int32, error) {
	resp, err := b.ask(ctx, kmsg.NewPtrMetadataRequest()) // without topics: all
	if err != nil {
		return nil, err
	}
	out := map[string]int32{}
	for _, t := range resp.(*kmsg.MetadataResponse).Topics {
		if t.Topic != nil && t.ErrorCode == 0 {
			out[*t.Topic] = int32(len(t.Partitions))
		}
	}
	return out, nil
}

// each shows every partition's log.
func (b *Broker) each(ctx context.Context, show func(*topic, int32, *commitlog.Log) error) error {
	names, err := b.names(ctx)
	if err != nil {
		return err
	}
	for name, partitions := range names {
		for p := range partitions {
			t, l, err := b.topics.log(name, p)
			if err != nil {
				return err
			}
			if l == nil {
				continue
			}
			if err := show(t, p, l); err != nil {
				return fmt.Errorf("topic %s partition %d: %w", name, p, err)
			}
		}
	}
	return nil
}

// retain deletes what topics' settings do not keep.
func (b *Broker) retain(now time.Time) error {
	return b.each(b.ctx, func(t *topic, _ int32, l *commitlog.Log) error {
		_, err := l.Retain(t.keep, now)
		return err
	})
}

func (b *Broker) keepRetaining() {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case now := <-tick.C:
			if err := b.retain(now); err != nil && b.ctx.Err() == nil {
				b.opts.Log.Warn("embedded Kafka: what is too old could not be deleted", "err", err)
			}
		}
	}
}

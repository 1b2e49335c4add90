//go:build engines

package engines

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/transforms/frame"
)

// topic creates a topic of the test's name.
func topic(t *testing.T, n int) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	if len(name) > 200 {
		name = name[:200]
	}
	topicNamed(t, name, n)
	return name
}

// topicNamed creates a topic of n partitions with three copies.
func topicNamed(t *testing.T, name string, n int) {
	t.Helper()
	createTopic(t, client(), kafka.TopicConfig{
		Topic: name, NumPartitions: n, ReplicationFactor: 3,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "min.insync.replicas", ConfigValue: "2"}},
	})
}

// createTopic creates a topic whose records are never deleted by time, and returns when
// the leader of every partition serves it: a broker names leaders that have not yet heard
// of it, and publish does not try again.
func createTopic(t *testing.T, c *kafka.Client, topic kafka.TopicConfig) {
	t.Helper()
	topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "-1"})
	// Connections to a broker that an earlier test has restarted are dead.
	transport.CloseIdleConnections()
	unheard := false // a request had no answer: it may have been carried out
	eventually(t, "topic "+topic.Topic+" is created", func() bool {
		made, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
		if err != nil {
			t.Log(err)
			unheard = true
			return false
		}
		if err := made.Errors[topic.Topic]; err != nil && !(unheard && errors.Is(err, kafka.TopicAlreadyExists)) {
			t.Fatal(err)
		}
		return true
	})
	for p := range topic.NumPartitions {
		eventually(t, fmt.Sprintf("the leader of %s partition %d serves it", topic.Topic, p), func() bool {
			_, err := endOf(t.Context(), c, topic.Topic, p)
			return err == nil
		})
	}
}

// transport is shared: each asks for the cluster's metadata again and again, for ever.
var transport = &kafka.Transport{Dial: (&net.Dialer{Timeout: 3 * time.Second}).DialContext}

func client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(stack.Brokers()...), Timeout: 30 * time.Second, Transport: transport}
}

// publish appends records to a partition, in order. It never tries again, so that
// nothing is in the log twice.
func publish(ctx context.Context, topic string, partition int, recs []frame.Record) error {
	for i := 0; i < len(recs); i += 50 {
		var batch []kafka.Record
		for _, r := range recs[i:min(i+50, len(recs))] {
			k := kafka.Record{Time: time.UnixMilli(r.Timestamp), Value: kafka.NewBytes(r.Value)}
			if r.Key != nil {
				k.Key = kafka.NewBytes(r.Key)
			}
			for _, h := range r.Headers {
				k.Headers = append(k.Headers, kafka.Header{Key: h.Key, Value: h.Value})
			}
			batch = append(batch, k)
		}
		resp, err := client().Produce(ctx, &kafka.ProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(batch...),
		})
		if err == nil {
			err = resp.Error
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// publishAll appends each log to the partition of its index.
func publishAll(t *testing.T, topic string, logs [][]frame.Record) {
	t.Helper()
	for p, recs := range logs {
		if err := publish(t.Context(), topic, p, recs); err != nil {
			t.Fatal(err)
		}
	}
}

// endOf is the offset that the next record of a partition will have.
func endOf(ctx context.Context, c *kafka.Client, topic string, partition int) (int64, error) {
	resp, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}}})
	if err != nil {
		return 0, err
	}
	if len(resp.Topics[topic]) == 0 {
		return 0, fmt.Errorf("topic %s partition %d: no answer", topic, partition)
	}
	of := resp.Topics[topic][0]
	return of.LastOffset, of.Error
}

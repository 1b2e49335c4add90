//go:build engines

package engines

import (
	"context"
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

// topicNamed creates a topic of n partitions whose records are never deleted by time.
func topicNamed(t *testing.T, name string, n int) {
	t.Helper()
	resp, err := client().CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: name, NumPartitions: n, ReplicationFactor: 3,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "-1"}, {ConfigName: "min.insync.replicas", ConfigValue: "2"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Errors[name]; err != nil {
		t.Fatal(err)
	}
}

// transport is shared: each asks for the cluster's metadata again and again, for ever.
var transport = &kafka.Transport{Dial: (&net.Dialer{Timeout: 3 * time.Second}).DialContext}

func client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(stack.Brokers()...), Timeout: 30 * time.Second, Transport: transport}
}

// publish appends records to a partition, in order. It tries again only what was
// never sent, so that nothing is in the log twice.
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

// endOffset is the offset that the next record of a partition will have.
func endOffset(t *testing.T, topic string, partition int) int64 {
	t.Helper()
	resp, err := client().ListOffsets(t.Context(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp.Topics[topic][0].LastOffset
}

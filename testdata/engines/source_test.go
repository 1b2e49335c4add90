//go:build engines

package engines

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
)

// readAll reads partition 0 of a topic, a little at a time.
func readAll(t *testing.T, log log.Log, topic string) (recs []frame.Record) {
	t.Helper()
	first, end, err := log.Bounds(t.Context(), chunk.Partition{Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	for next := first; next < end; {
		var some []frame.Record
		if some, next, err = log.Read(t.Context(), chunk.Partition{Topic: topic}, next, end, 1000, time.Second); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, some...)
	}
	return recs
}

func openKafka(t *testing.T) log.Log {
	t.Helper()
	log, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: stack.Brokers()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func TestBatchesOfEveryCodecAreReadAsTheyWereProduced(t *testing.T) {
	var recs []frame.Record
	for i := range 40 {
		recs = append(recs, frame.Record{
			Offset: int64(i), Timestamp: int64(1_700_000_000_000 + i), Key: []byte("cam"),
			Headers: []frame.Header{{Key: "n", Value: fmt.Append(nil, i)}}, Value: make([]byte, 50*i+1),
		})
	}
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			name := topic(t, 1)
			c, err := kgo.NewClient(kgo.SeedBrokers(stack.Brokers()...), kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var out []*kgo.Record
			for _, r := range recs {
				out = append(out, &kgo.Record{
					Topic: name, Timestamp: time.UnixMilli(r.Timestamp), Key: r.Key, Value: r.Value,
					Headers: []kgo.RecordHeader{{Key: "n", Value: r.Headers[0].Value}},
				})
			}
			if err := c.ProduceSync(context.Background(), out...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(recs, readAll(t, openKafka(t), name)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Where the broker gives the timestamps, they are the records', and a time is the place
// before the first that is not older: what an archive looks for too.
func TestTheBrokersTimestampsAreTheRecords(t *testing.T) {
	name := "append-time"
	createTopic(t, client(), kafka.TopicConfig{
		Topic: name, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "message.timestamp.type", ConfigValue: "LogAppendTime"}},
	})
	begin := time.Now().Add(-time.Minute).UnixMilli()
	for i := range 5 {
		if err := publish(t.Context(), name, 0, []frame.Record{
			{Timestamp: int64(5000 - i), Key: []byte("cam"), Value: []byte("a")},
			{Timestamp: int64(7000 + i), Key: []byte("cam"), Value: []byte("b")},
		}); err != nil {
			t.Fatal(err)
		}
	}
	log := openKafka(t)
	recs := readAll(t, log, name)
	if len(recs) != 10 {
		t.Fatal(len(recs))
	}
	for _, r := range recs {
		if r.Timestamp < begin || r.Created < 4990 || r.Created > 7010 {
			t.Errorf("%+v", r)
		}
		want := r.Offset
		for i := len(recs) - 1; i >= 0; i-- {
			if recs[i].Timestamp >= r.Timestamp {
				want = recs[i].Offset
			}
		}
		if got, err := log.OffsetAt(t.Context(), chunk.Partition{Topic: name}, time.UnixMilli(r.Timestamp)); err != nil || got != want {
			t.Errorf("at %d: %d, %v, want %d", r.Timestamp, got, err, want)
		}
	}
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// startBroker starts two brokers with topic "frames" of one partition.
func startBroker(t testing.TB, opts broker.Options) *broker.Broker {
	t.Helper()
	if opts.Ports == nil {
		opts.Ports = []int{0, 0}
	}
	opts.Topics = append(opts.Topics, broker.Topic{Name: "frames"})
	return brokertest.Start(t, opts)
}

func openTestLog(t testing.TB, b *broker.Broker) log.Log {
	t.Helper()
	l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// readTo reads [from, to) in as many reads as it takes.
func readTo(ctx context.Context, l log.Log, from, to int64, maxBytes int) (recs []frame.Record, err error) {
	for next := from; next < to; {
		var some []frame.Record
		begin := next
		if some, next, err = l.Read(ctx, chunk.Partition{Topic: "frames"}, next, to, maxBytes, time.Second); err != nil {
			return recs, err
		}
		if next < begin || next > to {
			return recs, fmt.Errorf("went on from %d to %d of %d", begin, next, to)
		}
		recs = append(recs, some...)
	}
	return recs, nil
}

func TestKafkaGivesRecordsAsTheyWereAppended(t *testing.T) {
	for _, codec := range []broker.Codec{broker.None, broker.Gzip, broker.Snappy, broker.LZ4, broker.Zstd} {
		t.Run(string(codec), func(t *testing.T) {
			b := startBroker(t, broker.Options{})
			var want []frame.Record
			for i := 0; i < 40; i += 8 {
				want = append(want, brokertest.Append(t, b, "frames", codec, i, i+8)...)
			}
			l := openTestLog(t, b)
			rapid.Check(t, func(rt *rapid.T) {
				from := rapid.IntRange(0, 40).Draw(rt, "from")
				to := rapid.IntRange(from, 40).Draw(rt, "to")
				got, err := readTo(t.Context(), l, int64(from), int64(to), rapid.IntRange(1, 100).Draw(rt, "max bytes"))
				if err != nil {
					rt.Fatal(err)
				}
				if d := cmp.Diff(append([]frame.Record(nil), want[from:to]...), got, cmpEmpty); d != "" {
					rt.Fatalf("(-want +got):\n%s", d)
				}
			})
		})
	}
}

// Kafka tells a null header value from an empty one, franz-go does not.
var cmpEmpty = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Headers" },
	cmp.Comparer(func(a, b []frame.Header) bool { return fmt.Sprint(a) == fmt.Sprint(b) }))

func TestKafkaSaysWhereAPartitionBeginsAndEnds(t *testing.T) {
	b := startBroker(t, broker.Options{})
	l := openTestLog(t, b)
	if first, end, err := l.Bounds(t.Context(), chunk.Partition{Topic: "frames"}); err != nil || first != 0 || end != 0 {
		t.Error(first, end, err)
	}
	brokertest.Append(t, b, "frames", broker.None, 0, 10)
	if err := b.DeleteRecords("frames", 0, 4); err != nil {
		t.Fatal(err)
	}
	if first, end, err := l.Bounds(t.Context(), chunk.Partition{Topic: "frames"}); err != nil || first != 4 || end != 10 {
		t.Error(first, end, err)
	}
	for _, c := range []struct {
		at   time.Time
		want int64
	}{
		{time.UnixMilli(1005), 5},
		{time.UnixMilli(1005).Add(1), 6},
		{time.UnixMilli(0), 4},
		{time.Time{}, 4},
		{time.UnixMilli(5000), 10},
	} {
		if got, err := l.OffsetAt(t.Context(), chunk.Partition{Topic: "frames"}, c.at); err != nil || got != c.want {
			t.Errorf("offset at %v: %d, %v; want %d", c.at, got, err, c.want)
		}
	}
	if parts, err := l.Partitions(t.Context(), "frames"); err != nil || len(parts) != 1 || parts[0] != 0 {
		t.Error(parts, err)
	}
}

func TestKafkaReadReturnsAtTheEndWithoutRecords(t *testing.T) {
	b := startBroker(t, broker.Options{})
	brokertest.Append(t, b, "frames", broker.None, 0, 3)
	recs, next, err := openTestLog(t, b).Read(t.Context(), chunk.Partition{Topic: "frames"}, 3, 9, 1000, time.Millisecond)
	if recs != nil || next != 3 || err != nil {
		t.Error(recs, next, err)
	}
}

// Faults that pass are not seen, except that reading takes longer.
func TestKafkaReadSurvivesWhatPasses(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*broker.Broker)
	}{
		{"a broker says that it is not the leader", func(b *broker.Broker) { b.Fail(broker.Fetch, broker.NotLeader, 3) }},
		{"requests time out", func(b *broker.Broker) { b.Fail(broker.Fetch, broker.RequestTimedOut, 2) }},
		{"the topic is unknown to a broker for a while", func(b *broker.Broker) { b.Fail(broker.Fetch, broker.UnknownTopic, 2) }},
		{"offsets are out of range by mistake", func(b *broker.Broker) { b.Fail(broker.Fetch, broker.OffsetOutOfRange, 2) }},
		{"offsets cannot be listed meanwhile", func(b *broker.Broker) {
			b.Fail(broker.Fetch, broker.OffsetOutOfRange, 1)
			b.Fail(broker.ListOffsets, broker.NotLeader, 2)
		}},
		{"connections are cut", func(b *broker.Broker) { b.Cut(broker.Fetch, 3); b.CutConnections() }},
		{"the metadata cannot be had", func(b *broker.Broker) { b.CutConnections(); b.Cut(broker.Metadata, 2) }},
		{"answers come late", func(b *broker.Broker) { b.Delay(broker.Fetch, 2, 50*time.Millisecond) }},
		{"the leader moves", func(b *broker.Broker) {
			for to := range int32(2) {
				if err := b.MoveLeader("frames", 0, to); err != nil {
					panic(err)
				}
			}
		}},
		{"the other broker becomes the leader and the first one stops", func(b *broker.Broker) {
			if err := b.StopBroker(0); err != nil {
				panic(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, broker.Options{})
			want := brokertest.Append(t, b, "frames", broker.None, 0, 20)
			l := openTestLog(t, b)
			got, err := readTo(t.Context(), l, 0, 5, 1)
			if err != nil {
				t.Fatal(err)
			}
			c.do(b)
			rest, err := readTo(t.Context(), l, 5, 20, 10)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, append(got, rest...), cmpEmpty); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestKafkaReadGivesUpAfterItsPatience(t *testing.T) {
	b := startBroker(t, broker.Options{})
	l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b.Fail(broker.Fetch, broker.NotLeader, -1)
	_, _, err = l.Read(t.Context(), chunk.Partition{Topic: "frames"}, 0, 1, 1, 0)
	if !errors.Is(err, kafka.NotLeaderForPartition) || !strings.Contains(err.Error(), "topic frames partition 0 from offset 0: given up after") {
		t.Error(err)
	}
}

func TestKafkaReadPassesOverGaps(t *testing.T) {
	b := startBroker(t, broker.Options{})
	var want []frame.Record
	for i := range 30 {
		want = append(want, brokertest.Append(t, b, "frames", broker.None, i, i+1)...)
	}
	if err := b.Compact(t.Context(), "frames"); err != nil {
		t.Fatal(err)
	}
	// What is left begins somewhere; records without a key are gone too.
	var left []frame.Record
	last := map[string]int64{}
	for _, r := range want[:29] {
		last[string(r.Key)] = r.Offset
	}
	for _, r := range want {
		if r.Offset == 29 || r.Key != nil && r.Value != nil && last[string(r.Key)] == r.Offset {
			left = append(left, r)
		}
	}
	first, _, err := b.Bounds("frames", 0)
	if err != nil {
		t.Fatal(err)
	}
	l := openTestLog(t, b)
	for to := first; to <= 30; to++ {
		for from := first; from <= to; from++ {
			var want []frame.Record
			for _, r := range left {
				if r.Offset >= from && r.Offset < to {
					want = append(want, r)
				}
			}
			got, err := readTo(t.Context(), l, from, to, 1)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got, cmpEmpty); d != "" {
				t.Fatalf("[%d, %d) (-want +got):\n%s", from, to, d)
			}
		}
	}
}

func TestKafkaReadSaysWhatIsLost(t *testing.T) {
	for _, c := range []struct {
		name string
		opts broker.Options
		do   func(*broker.Broker) error
		want string
	}{
		{"retention deletes what is being read", broker.Options{},
			func(b *broker.Broker) error { return b.DeleteRecords("frames", 0, 15) },
			"read topic frames partition 0 from offset 10: topic frames partition 0 offset 10: deleted, by retention or by hand, before it was read (the log now holds [15, 20))"},
		{"the log is truncated", broker.Options{WithoutTopicIDs: true},
			func(b *broker.Broker) error { return b.Recreate(context.Background(), "frames", 7) },
			"read topic frames partition 0 from offset 10: topic frames partition 0 offset 10: the log was truncated or created anew: it ends before what was read (the log now holds [0, 7))"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := startBroker(t, c.opts)
			brokertest.Append(t, b, "frames", broker.None, 0, 10)
			brokertest.Append(t, b, "frames", broker.None, 10, 20) // what is left of a batch is kept, and not lost
			l := openTestLog(t, b)
			if _, err := readTo(t.Context(), l, 0, 10, 1); err != nil {
				t.Fatal(err)
			}
			if err := c.do(b); err != nil {
				t.Fatal(err)
			}
			_, err := readTo(t.Context(), l, 10, 20, 1)
			if !errors.Is(err, log.ErrDataLoss) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestABrokerWithoutTopicIDsHasNoIdentity(t *testing.T) {
	b := startBroker(t, broker.Options{WithoutTopicIDs: true})
	if id, err := log.Identity(t.Context(), openTestLog(t, b), "frames"); id != "" || err != nil {
		t.Error(id, err)
	}
}

func TestTopicsThatCannotBeReadCorrectlyAreRefused(t *testing.T) {
	t.Run("a compacted one", func(t *testing.T) {
		b := startBroker(t, broker.Options{Topics: []broker.Topic{{Name: "state", Configs: map[string]string{"cleanup.policy": "compact,delete"}}}})
		l := openTestLog(t, b)
		_, err := l.Partitions(t.Context(), "state")
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), `cleanup.policy is "compact,delete"`) {
			t.Error(err)
		}
		if _, _, err := l.Read(t.Context(), chunk.Partition{Topic: "state"}, 0, 1, 1, 0); !errors.Is(err, ErrUnsupported) {
			t.Error(err)
		}
	})
	for _, commit := range []bool{true, false} {
		t.Run(fmt.Sprintf("one with a transaction, committed: %v", commit), func(t *testing.T) {
			b := startBroker(t, broker.Options{})
			brokertest.Append(t, b, "frames", broker.None, 0, 2)
			if _, err := b.AppendTransaction(t.Context(), commit, "frames", 0, brokertest.Record(0)); err != nil {
				t.Fatal(err)
			}
			l := openTestLog(t, b)
			if _, err := readTo(t.Context(), l, 0, 2, 100); err != nil {
				t.Error("before it:", err)
			}
			for from := int64(0); from < 4; from++ {
				if _, err := readTo(t.Context(), l, from, 4, 100); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "transaction") {
					t.Errorf("from %d: %v", from, err)
				}
			}
		})
	}
}

func TestAMissingTopicIsNamed(t *testing.T) {
	b := startBroker(t, broker.Options{})
	l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Partitions(t.Context(), "nothing"); !errors.Is(err, kafka.UnknownTopicOrPartition) || !strings.Contains(err.Error(), "topic nothing: list partitions") {
		t.Error(err)
	}
}

// A batch can end in offsets that compaction took away.
func TestTheTailOfABatchIsSkipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(0, 100).Draw(t, "from")
		tail := rapid.Int64Range(1, 300).Draw(t, "tail")
		end := from + rapid.Int64Range(1, 400).Draw(t, "end")
		asked := 0
		got, err := skip(from, end, 7, func(o int64) (int64, error) {
			if asked++; o <= from || o >= end {
				t.Fatalf("asked for %d of (%d, %d)", o, from, end)
			}
			if o < from+tail {
				return 7, nil
			}
			return 1000 + o, nil
		})
		if want := min(from+tail, end); err != nil || got != want {
			t.Fatalf("got %d, %v; want %d", got, err, want)
		}
		if asked > 20 {
			t.Fatalf("asked %d times", asked)
		}
	})
}

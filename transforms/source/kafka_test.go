package source

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
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

func TestATopicCreatedAnewIsNoticedWhileItIsRead(t *testing.T) {
	b := startBroker(t, broker.Options{})
	brokertest.Append(t, b, "frames", broker.None, 0, 10)
	l := openTestLog(t, b)
	id, err := log.Identity(t.Context(), l, "frames")
	if err != nil || len(id) != 32 {
		t.Fatal(id, err)
	}
	cfg := Config{Log: log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 10 * time.Second}, N: 100, MaxRecords: 5}.withDefaults()
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None, Identity: id, LogEnd: 10}
	anew := false
	_, err = drive(t, t.Context(), &readFn{reader{Config: cfg}}, task, func() bool { return false }, func(r Restriction) bool {
		if !anew {
			anew = true
			if err := b.Recreate(t.Context(), "frames", 0); err != nil {
				t.Fatal(err)
			}
			brokertest.Append(t, b, "frames", broker.None, 0, 20) // already longer than what was read
		}
		time.Sleep(10 * time.Millisecond) // as an engine waits that is asked to
		return true
	})
	if !errors.Is(err, log.ErrDataLoss) || !strings.Contains(err.Error(), "created anew while it was read") {
		t.Error(err)
	}
}

func TestALogThatLostItsEndAndWasFilledAgainIsNoticed(t *testing.T) {
	for _, c := range []struct {
		name  string
		elect bool
		want  string
	}{
		{"by another leader", true, "offset 9: this record was read before, but the log was truncated to 6 and written anew from there (the log now holds [0, 20))"},
		{"by the same leader, to which connections broke", false, "offset 9: this record is another one than was read before: the topic was created anew or rewritten (the log now holds [0, 20))"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := startBroker(t, broker.Options{Ports: []int{0}, WithoutTopicIDs: true})
			brokertest.Append(t, b, "frames", broker.None, 0, 10)
			cfg := Config{Log: log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 10 * time.Second}, N: 5, MaxRecords: 5}.withDefaults()
			done := false
			_, err := drive(t, t.Context(), &readFn{reader{Config: cfg}}, Task{Partition: chunk.Partition{Topic: "frames"}, To: chunk.None, LogEnd: 10}, func() bool { return false }, func(r Restriction) bool {
				if !done && r.Offset() == 10 { // also the end of a chunk
					done = true
					if err := b.Truncate(t.Context(), "frames", 6, c.elect); err != nil {
						t.Fatal(err)
					}
					var other []frame.Record
					for i := 6; i < 20; i++ {
						r := brokertest.Record(i)
						r.Value = append(r.Value, "other"...)
						other = append(other, r)
					}
					if _, err := b.Append(t.Context(), "frames", 0, other...); err != nil {
						t.Fatal(err)
					}
					if !c.elect {
						b.CutConnections()
					}
				}
				return r.Offset() < 20
			})
			if !errors.Is(err, log.ErrDataLoss) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnotherLeaderOfTheSameLogIsNoLoss(t *testing.T) {
	b := startBroker(t, broker.Options{Ports: []int{0}})
	recs := brokertest.Append(t, b, "frames", broker.None, 0, 10)
	cfg := Config{Log: log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 10 * time.Second}, N: 5, MaxRecords: 4, Forget: 64}.withDefaults()
	task := Task{Partition: chunk.Partition{Topic: "frames"}, To: 30, LogEnd: 10}
	out, err := drive(t, t.Context(), &readFn{reader{Config: cfg}}, task, func() bool { return false }, func(r Restriction) bool {
		if n := len(recs); n < 30 && r.Offset() == int64(n) {
			if err := b.MoveLeader("frames", 0, 0); err != nil {
				t.Fatal(err)
			}
			recs = append(recs, brokertest.Append(t, b, "frames", broker.None, n, n+10)...)
			b.CutConnections()
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range out.runs {
		n += len(r.Records)
	}
	if n != 30 {
		t.Errorf("%d records", n)
	}
}

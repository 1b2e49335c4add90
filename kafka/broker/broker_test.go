package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, b *broker.Broker) *kafka.Client {
	t.Helper()
	tr := &kafka.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(b.Addrs()...), Transport: tr}
}

// values reads all that a foreign client sees of partition 0.
func values(t *testing.T, b *broker.Broker, topic string) (out []string) {
	t.Helper()
	first, end, err := b.Bounds(topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, b)
	for next := first; next < end; {
		res, err := c.Fetch(t.Context(), &kafka.FetchRequest{Topic: topic, Offset: next, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			r, err := res.Records.ReadRecord()
			if err != nil {
				break
			}
			if r.Offset < next {
				continue
			}
			v, _ := kafka.ReadAll(r.Value)
			out = append(out, fmt.Sprintf("%d=%s", r.Offset, v))
			next = r.Offset + 1
		}
	}
	return out
}

func rec(key, value string) frame.Record {
	return frame.Record{Timestamp: 1000, Key: []byte(key), Value: []byte(value)}
}

func TestClientsReadWhatWasAppended(t *testing.T) {
	for _, codec := range []broker.Codec{broker.None, broker.Gzip, broker.Snappy, broker.LZ4, broker.Zstd} {
		t.Run(string(codec), func(t *testing.T) {
			b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "t", Partitions: 2}}})
			first, err := b.AppendCompressed(t.Context(), codec, "t", 0, rec("a", "1"), rec("a", "2"))
			if err != nil || first != 0 {
				t.Fatal(first, err)
			}
			if first, err = b.AppendCompressed(t.Context(), codec, "t", 0, rec("a", "3")); err != nil || first != 2 {
				t.Fatal(first, err)
			}
			if got := values(t, b, "t"); !slices.Equal(got, []string{"0=1", "1=2", "2=3"}) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestALogInAFolderIsContinued(t *testing.T) {
	opts := broker.Options{Dir: t.TempDir(), Topics: []broker.Topic{{Name: "t"}}}
	b := brokertest.Start(t, opts)
	if _, err := b.Append(t.Context(), "t", 0, rec("a", "1")); err != nil {
		t.Fatal(err)
	}
	b.Close()
	b = brokertest.Start(t, opts)
	if _, err := b.Append(t.Context(), "t", 0, rec("a", "2")); err != nil {
		t.Fatal(err)
	}
	if got := values(t, b, "t"); !slices.Equal(got, []string{"0=1", "1=2"}) {
		t.Errorf("got %v", got)
	}
}

func TestAFaultHitsTheNextRequestsOnly(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "t"}}})
	if _, err := b.Append(t.Context(), "t", 0, rec("a", "1")); err != nil {
		t.Fatal(err)
	}
	c := client(t, b)
	fetch := func(timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		res, err := c.Fetch(ctx, &kafka.FetchRequest{Topic: "t", MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err == nil {
			err = res.Error
		}
		return err
	}
	h := b.Fail(broker.Fetch, broker.NotLeader, 2)
	for range 2 {
		if err := fetch(10 * time.Second); !errors.Is(err, kafka.NotLeaderForPartition) {
			t.Fatal(err)
		}
	}
	if err := fetch(10 * time.Second); err != nil || h.Hits() != 2 {
		t.Fatal(err, h.Hits())
	}
	b.Cut(broker.Fetch, 1)
	if err := fetch(10 * time.Second); err == nil {
		t.Error("a cut connection gave no error")
	}
	b.Swallow(broker.Fetch, 1)
	if err := fetch(50 * time.Millisecond); err == nil {
		t.Error("a swallowed request was answered")
	}
	b.Delay(broker.Fetch, 1, 20*time.Millisecond)
	begin := time.Now()
	if err := fetch(10 * time.Second); err != nil || time.Since(begin) < 20*time.Millisecond {
		t.Error(err, time.Since(begin))
	}
}

func TestTheLogCanMisbehave(t *testing.T) {
	fill := func(t *testing.T, b *broker.Broker) {
		t.Helper()
		for i := range 5 {
			if _, err := b.Append(t.Context(), "t", 0, rec("a", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(*broker.Broker) error
		want []string
	}{
		{"records below an offset are deleted", func(b *broker.Broker) error { return b.DeleteRecords("t", 0, 3) }, []string{"3=3", "4=4"}},
		{"compaction leaves gaps", func(b *broker.Broker) error { return b.Compact(context.Background(), "t") }, []string{"3=3", "4=4"}},
		{"the topic is created anew, empty", func(b *broker.Broker) error { return b.Recreate(context.Background(), "t", 0) }, nil},
		{"the topic is created anew with what it had at first", func(b *broker.Broker) error { return b.Recreate(context.Background(), "t", 2) }, []string{"0=0", "1=1"}},
		{"a created topic takes records again", func(b *broker.Broker) error {
			if err := b.Recreate(context.Background(), "t", 0); err != nil {
				return err
			}
			_, err := b.Append(context.Background(), "t", 0, rec("a", "new"))
			return err
		}, []string{"0=new"}},
		{"an aborted transaction and its marker take offsets", func(b *broker.Broker) error {
			_, err := b.AppendTransaction(context.Background(), false, "t", 0, rec("a", "aborted"))
			if err == nil {
				_, err = b.Append(context.Background(), "t", 0, rec("a", "after"))
			}
			return err
		}, []string{"0=0", "1=1", "2=2", "3=3", "4=4", "5=aborted", "7=after"}},
		{"the leader stops and another broker leads", func(b *broker.Broker) error { return b.StopBroker(0) }, []string{"0=0", "1=1", "2=2", "3=3", "4=4"}},
		{"the leader moves", func(b *broker.Broker) error { return b.MoveLeader("t", 0, 1) }, []string{"0=0", "1=1", "2=2", "3=3", "4=4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := brokertest.Start(t, broker.Options{Ports: []int{0, 0}, Topics: []broker.Topic{{Name: "t"}}})
			fill(t, b)
			if err := c.do(b); err != nil {
				t.Fatal(err)
			}
			if got := values(t, b, "t"); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

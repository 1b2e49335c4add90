package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

// rawBatch is a batch in gzip of so many records, with whatever is in it.
func rawBatch(count int, attributes uint16, maxTimestamp int64, body []byte) []byte {
	b := append(make([]byte, 61), body...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], attributes)
	binary.BigEndian.PutUint32(b[23:], uint32(count-1))
	binary.BigEndian.PutUint64(b[27:], uint64(maxTimestamp))
	binary.BigEndian.PutUint64(b[35:], uint64(maxTimestamp))
	for i := 43; i < 57; i++ {
		b[i] = 0xff // no producer's id, epoch and sequence
	}
	binary.BigEndian.PutUint32(b[57:], uint32(count))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// bomb is what inflates to n bytes.
func bomb(n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for part := make([]byte, 1<<20); n > 0; n -= len(part) {
		w.Write(part[:min(n, len(part))])
	}
	w.Close()
	return b.Bytes()
}

// hostile fills the topic with 3 good records, a batch of 5 that inflates to too
// much, 2 good ones, a batch of 4 that is not gzip, and 2 good ones.
func hostile(t testing.TB, b *broker.Broker) (want []frame.Record) {
	t.Helper()
	raw := func(count int, body []byte, reason frame.Reason, detail string) {
		first, err := b.AppendBatch(t.Context(), "frames", 0, rawBatch(count, 1, 7000, body))
		if err != nil {
			t.Fatal(err)
		}
		for i := range count {
			want = append(want, frame.Unreadable(first+int64(i), 7000, &frame.Poison{Reason: reason, Detail: detail}))
		}
	}
	want = append(want, brokertest.Append(t, b, "frames", broker.Gzip, 0, 3)...)
	raw(5, bomb(batch.MaxInflated+1), frame.ReasonBatchTooLarge, "its batch inflates to more than 67108864 bytes")
	want = append(want, brokertest.Append(t, b, "frames", broker.None, 8, 10)...)
	raw(4, []byte("nothing of the kind"), frame.ReasonBatchCorrupt, "its batch cannot be read")
	return append(want, brokertest.Append(t, b, "frames", broker.Zstd, 14, 16)...)
}

func TestEachRecordOfABatchThatCannotBeReadIsADeadLetterWhereverReadingBegins(t *testing.T) {
	b := startBroker(t, broker.Options{})
	want := hostile(t, b)
	for _, maxBytes := range []int{1, 300, 1 << 20} {
		for from := range int64(len(want)) {
			got, err := readTo(t.Context(), openTestLog(t, b), from, int64(len(want)), maxBytes)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want[from:], got, cmpEmpty); d != "" {
				t.Fatalf("from %d, %d bytes at once (-want +got):\n%s", from, maxBytes, d)
			}
		}
	}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var poison *frame.Poison
	if _, err := parser.Parse(&want[4]); !errors.As(err, &poison) || poison.Reason != frame.ReasonBatchTooLarge || want[4].Camera() != "" {
		t.Error(err)
	}
}

// counted counts the fetches that a log makes.
type counted struct {
	kafka.RoundTripper
	fetches atomic.Int64
}

func (c *counted) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	if req.ApiKey() == protocol.Fetch {
		c.fetches.Add(1)
	}
	return c.RoundTripper.RoundTrip(ctx, addr, req)
}

func countFetches(l log.Log) *atomic.Int64 {
	c := &counted{RoundTripper: l.(*kafkaLog).client.Transport}
	l.(*kafkaLog).client.Transport = c
	return &c.fetches
}

func TestABatchIsFetchedOnceHoweverSmallTheSlicesOfCreditAre(t *testing.T) {
	b := startBroker(t, broker.Options{})
	want := brokertest.Append(t, b, "frames", broker.Gzip, 0, 40)
	l := openTestLog(t, b)
	fetches := countFetches(l)
	got, err := readTo(t.Context(), l, 0, 40, 1)
	if err != nil || !cmp.Equal(want, got, cmpEmpty) || fetches.Load() != 1 {
		t.Errorf("%d fetches, %v, %s", fetches.Load(), err, cmp.Diff(want, got, cmpEmpty))
	}
	// A reader that has no room for all that it was given comes back for it.
	if got, err = readTo(t.Context(), l, 30, 40, 1); err != nil || !cmp.Equal(want[30:], got, cmpEmpty) || fetches.Load() != 1 {
		t.Errorf("%d fetches, %v, %s", fetches.Load(), err, cmp.Diff(want[30:], got, cmpEmpty))
	}
}

func TestABatchThatIsDamagedOnItsWayIsFetchedAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		damages int
		lost    bool
	}{
		{"once", 1, false},
		{"always", -1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := startBroker(t, broker.Options{})
			want := brokertest.Append(t, b, "frames", broker.None, 0, 2)
			marked := frame.Record{Timestamp: 1, Key: []byte("m"), Value: []byte("the mark in the batch")}
			if _, err := b.Append(t.Context(), "frames", 0, brokertest.Record(2), marked, brokertest.Record(4)); err != nil {
				t.Fatal(err)
			}
			for o := int64(2); o < 5; o++ {
				want = append(want, frame.Unreadable(o, -1, batch.Corrupt()))
			}
			want = append(want, brokertest.Append(t, b, "frames", broker.None, 5, 7)...)
			b.Damage(marked.Value, c.damages)
			got, err := readTo(t.Context(), openTestLog(t, b), 0, 7, 1<<20)
			if err != nil || len(got) != 7 {
				t.Fatal(len(got), err)
			}
			if !c.lost {
				if string(got[3].Value) != string(marked.Value) {
					t.Errorf("%+v", got[3])
				}
				return
			}
			for from := range int64(7) {
				got, err := readTo(t.Context(), openTestLog(t, b), from, 7, 1)
				if err != nil || !cmp.Equal(want[from:], got, cmpEmpty) {
					t.Errorf("from %d: %v, %s", from, err, cmp.Diff(want[from:], got, cmpEmpty))
				}
			}
		})
	}
}

func TestATopicThatBecomesACompactedOneWhileItIsReadIsNamed(t *testing.T) {
	b := startBroker(t, broker.Options{})
	brokertest.Append(t, b, "frames", broker.None, 0, 10)
	l := openTestLog(t, b)
	l.(*kafkaLog).policyEvery = time.Microsecond
	if _, err := readTo(t.Context(), l, 0, 5, 1); err != nil {
		t.Fatal(err)
	}
	b.Fail(broker.DescribeConfigs, broker.NotAuthorized, 1)
	l.(*kafkaLog).policies["frames"] = time.Time{}
	if _, err := readTo(t.Context(), l, 5, 6, 1); err != nil {
		t.Fatal("it cannot be asked for, which is no reason to stop:", err)
	}
	if err := b.SetTopicConfig(t.Context(), "frames", "cleanup.policy", "compact"); err != nil {
		t.Fatal(err)
	}
	var err error
	for deadline := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(deadline); {
		_, err = readTo(t.Context(), l, 6, 7, 1)
	}
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), `topic frames: topic cannot be read correctly: its cleanup.policy is "compact"`) {
		t.Error(err)
	}
}

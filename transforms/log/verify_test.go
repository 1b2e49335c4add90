package log_test

import (
	"context"
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

func TestVerifyLast(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(*broker.Broker) error
		offset int64
		want   string // "" is fine
	}{
		{"nothing was read before", nil, chunk.None, ""},
		{"the record is still there", nil, 5, ""},
		{"it is the log's last", nil, 9, ""},
		{"it is deleted but the next one is not", func(b *broker.Broker) error { return b.DeleteRecords("frames", 0, 6) }, 5, ""},
		{"the next one is deleted too", func(b *broker.Broker) error { return b.DeleteRecords("frames", 0, 7) }, 5, "offset 6: deleted before it was read"},
		{"the log ends before it", func(b *broker.Broker) error { return b.Recreate(context.Background(), "frames", 3) }, 5, "truncated or created anew"},
		{"the topic is created anew and already longer", func(b *broker.Broker) error {
			if err := b.Recreate(context.Background(), "frames", 0); err != nil {
				return err
			}
			for range 10 {
				if _, err := b.Append(context.Background(), "frames", 0, frame.Record{Timestamp: 1, Key: []byte("other")}); err != nil {
					return err
				}
			}
			return nil
		}, 5, "created anew or rewritten"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := brokertest.Start(t, broker.Options{Ports: []int{0, 0}, Topics: []broker.Topic{{Name: "frames"}}})
			var recs []frame.Record
			for i := range int64(10) {
				rec := frame.Record{Offset: i, Timestamp: 1000 + i, Key: []byte("c"), Value: []byte{byte(i)}}
				if _, err := b.Append(t.Context(), "frames", 0, rec); err != nil {
					t.Fatal(err)
				}
				recs = append(recs, rec)
			}
			if c.do != nil {
				if err := c.do(b); err != nil {
					t.Fatal(err)
				}
			}
			l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			var digest uint64
			if c.offset >= 0 {
				digest = recs[c.offset].Digest()
			}
			err = log.VerifyLast(t.Context(), l, chunk.Partition{Topic: "frames"}, c.offset, digest)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, log.ErrDataLoss) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

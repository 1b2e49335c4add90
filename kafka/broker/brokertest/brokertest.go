// Package brokertest starts the embedded Kafka for a test, and fills its topics.
package brokertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Start starts a Kafka that ends with the test.
func Start(t testing.TB, opts broker.Options) *broker.Broker {
	t.Helper()
	b, err := broker.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Record is a record of three cameras in turn, such that neighbours differ: with headers,
// without a key, without a value, with values of none to several bytes.
func Record(i int) frame.Record {
	r := frame.Record{Offset: int64(i), Timestamp: int64(1000 + i), Key: fmt.Appendf(nil, "c%d", i%3), Value: []byte(strings.Repeat(fmt.Sprint(i), i%5))}
	switch i % 4 {
	case 1:
		r.Headers = []frame.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}}}
	case 2:
		r.Key = nil
	case 3:
		r.Value = nil
	}
	return r
}

// Append appends the records [from, to) to partition 0 of a topic, and returns them with
// their offsets.
func Append(t testing.TB, b *broker.Broker, topic string, codec broker.Codec, from, to int) (recs []frame.Record) {
	t.Helper()
	for i := from; i < to; i++ {
		recs = append(recs, Record(i))
	}
	first, err := b.AppendCompressed(t.Context(), codec, topic, 0, recs...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range recs {
		recs[i].Offset = first + int64(i)
	}
	return recs
}

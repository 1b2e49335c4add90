package kafka

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
)

func TestAReaderThatGoesOnInAGapFindsWhatItReadLast(t *testing.T) {
	b := startBroker(t, broker.Options{Ports: []int{0}})
	if _, err := b.Append(t.Context(), "frames", 0, frame.Record{Key: []byte("alone"), Value: []byte("first")}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // of which compaction leaves the last
		brokertest.Append(t, b, "frames", broker.None, 0, 10)
	}
	if err := b.Compact(t.Context(), "frames"); err != nil {
		t.Fatal(err)
	}
	recs, err := b.Records(t.Context(), "frames", 0)
	if err != nil {
		t.Fatal(err)
	}
	if recs[0].Offset != 0 || recs[1].Offset < 10 {
		t.Fatalf("there is no gap between offsets %d and %d", recs[0].Offset, recs[1].Offset)
	}
	last := log.Last{Offset: 0, Digest: recs[0].Digest(), Epoch: log.NoEpoch}
	got, next, _, err := log.ReadAfter(t.Context(), openTestLog(t, b), last, chunk.Partition{Topic: "frames"}, 2, 8, 1<<20, time.Second)
	if err != nil || len(got) > 0 || next != 8 {
		t.Errorf("%d records, on from %d, %v", len(got), next, err)
	}
}

func TestWhetherABatchIsTooLargeToBeFetchedDependsOnItsLengthAlone(t *testing.T) {
	raw := make([]byte, connect.MaxBatch+1)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	raw[16] = 2
	binary.BigEndian.PutUint32(raw[57:], 1)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	b := startBroker(t, broker.Options{Ports: []int{0}})
	brokertest.Append(t, b, "frames", broker.None, 0, 1)
	r := &partitionReader{openTestLog(t, b).(*kafkaLog), chunk.Partition{Topic: "frames"}}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1 << 20, len(raw)} { // how much of it an answer has is up to the reader
		got, err := (&portion{Partition: chunk.Partition{Topic: "frames"}, raw: raw[:n], end: 1}).give(t.Context(), r, log.NoLast, 1, 1<<20, false)
		if err != nil || len(got.recs) != 1 {
			t.Fatalf("%d bytes: %d records, %v", n, len(got.recs), err)
		}
		var poison *frame.Poison
		if _, err = parser.Parse(&got.recs[0]); !errors.As(err, &poison) || poison.Reason != frame.ReasonBatchTooLarge {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
}

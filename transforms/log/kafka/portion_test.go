package kafka

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
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

func TestALogKeepsNoMoreOfAnswersThanItMay(t *testing.T) {
	b := startBroker(t, broker.Options{Ports: []int{0}})
	noise := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		value := make([]byte, 50_000)
		for i := range value { // which does not become smaller by compression
			value[i] = byte(noise.Uint32())
		}
		if _, err := b.Append(t.Context(), "frames", 0, frame.Record{Key: []byte("yard"), Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	const most = 150_000 // three records
	l, err := log.Open(t.Context(), log.Spec{Kind: "kafka", Brokers: b.Addrs(), Patience: 10 * time.Second, Memory: most})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for from := int64(0); from < 18; from += 3 { // of what is fetched here nothing is asked for again
		recs, _, err := l.Read(t.Context(), chunk.Partition{Topic: "frames"}, from, from+1, 120_000, time.Second)
		if err != nil || len(recs) != 1 || recs[0].Offset != from {
			t.Fatalf("%d records from %d, %v", len(recs), from, err)
		}
		k := l.(*kafkaLog)
		held := 0
		for _, p := range k.portions {
			held += p.size()
		}
		if held > most && len(k.portions) > 1 || len(k.portions) == 0 {
			t.Errorf("%d bytes are kept in %d portions", held, len(k.portions))
		}
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

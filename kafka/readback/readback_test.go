package readback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/kafka/batch"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens the reader of a publisher that gives up sooner than a user's.
func open(t *testing.T, b *broker.Broker, opts publish.Options) *Reader {
	t.Helper()
	opts.Brokers, opts.Topic, opts.Log = b.Addrs(), "frames", slog.New(slog.NewTextHandler(io.Discard, nil))
	p, err := publish.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.Close(ctx)
	})
	return New(p)
}

func record(camera string, sequence, size int) frame.Record {
	f := frame.Frame{
		Camera: camera, Epoch: "e", Sequence: int64(sequence), Captured: time.Date(2001, 2, 3, 4, 5, 6+sequence, 0, time.UTC),
		Width: 4, Height: 3, Encoding: frame.JPEG, Data: bytes.Repeat([]byte{byte(sequence)}, size),
	}
	return f.CloudEvent()
}

// scan is what Scan gives of partition 0.
func scan(t *testing.T, r *Reader, from, to int64) (recs []frame.Record) {
	t.Helper()
	err := r.Scan(t.Context(), 0, from, to, func(rec *frame.Record) {
		c := *rec
		c.Key, c.Value = append([]byte(nil), rec.Key...), append([]byte(nil), rec.Value...)
		recs = append(recs, c)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return recs
}

func TestWhatIsInTheTopicIsReadAsItLiesThere(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	r := open(t, b, publish.Options{AttemptTimeout: 2 * time.Second})
	var end int64
	for i := range 20 {
		recs := []frame.Record{record("gate", 2*i, 3000), {Key: nil, Value: []byte("stray"), Timestamp: 1000}, record("yard", 2*i+1, 10)}
		if i%7 == 3 { // markers of transactions lie between, and are no records
			if _, err := b.AppendTransaction(t.Context(), i%2 == 0, "frames", 0, frame.Record{Key: []byte("gate"), Value: []byte("x"), Timestamp: 1}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.AppendCompressed(t.Context(), []broker.Codec{broker.None, broker.Gzip, broker.Snappy, broker.LZ4, broker.Zstd}[i%5], "frames", 0, recs...); err != nil {
			t.Fatal(err)
		}
	}
	all, err := b.Records(t.Context(), "frames", 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []frame.Record
	for _, r := range all {
		if string(r.Value) != "x" {
			want = append(want, r)
		}
	}
	first, end, err := r.Bounds(t.Context(), 0)
	if err != nil || first != 0 {
		t.Fatal(first, err)
	}
	if d := cmp.Diff(want, scan(t, r, 0, end)); d != "" {
		t.Error(d)
	}
	for from := int64(0); from < end; from += 7 { // also from within a batch
		var part []frame.Record
		for _, r := range want {
			if r.Offset >= from && r.Offset < from+9 {
				part = append(part, r)
			}
		}
		if d := cmp.Diff(part, scan(t, r, from, min(from+9, end))); d != "" {
			t.Errorf("from %d: %s", from, d)
		}
	}
	// Faults that pass, and what retention takes away.
	b.Fail(broker.Fetch, broker.NotLeader, 1)
	b.Cut(broker.Fetch, 1)
	if got := scan(t, r, 0, end); len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	if err := b.DeleteRecords("frames", 0, 30); err != nil {
		t.Fatal(err)
	}
	if got := scan(t, r, 0, end); got[0].Offset != 30 {
		t.Errorf("begins at %d", got[0].Offset)
	}
	if got := scan(t, r, end, end+10); got != nil {
		t.Errorf("%d records beyond the end", len(got))
	}
	b.Fail(broker.Fetch, kerr.TopicAuthorizationFailed, 1)
	if err := r.Scan(t.Context(), 0, 30, end, func(*frame.Record) {}, nil); !errors.Is(err, ErrNoRead) {
		t.Error(err)
	}
}

func TestABatchThatDoesNotMatchItsChecksumIsPassedOver(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	r := open(t, b, publish.Options{})
	mark := "unmistakable" // whole also where it is compressed
	for i := range 4 {
		a, z := record("gate", 2*i, 10), record("gate", 2*i+1, 10)
		if i == 1 {
			z.Value = []byte(mark)
		}
		if _, err := b.Append(t.Context(), "frames", 0, a, z); err != nil {
			t.Fatal(err)
		}
	}
	b.Damage([]byte(mark), -1)
	var got []int64
	for _, r := range scan(t, r, 0, 8) {
		got = append(got, r.Offset)
	}
	if !cmp.Equal(got, []int64{0, 1, 4, 5, 6, 7}) {
		t.Errorf("offsets %v", got)
	}
}

func TestNothingThatIsLateEnoughLiesBeforeTheOffsetOfATime(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	r := open(t, b, publish.Options{})
	var stamps []int64
	for i := range 50 { // not in order
		ms := int64(1_000_000 + 1000*((i*37)%50))
		stamps = append(stamps, ms)
		if _, err := b.Append(t.Context(), "frames", 0, frame.Record{Key: []byte("a"), Value: []byte("v"), Timestamp: ms}); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []int64{0, 1_000_000, 1_010_500, 1_049_000, 1_049_001} {
		o, err := r.OffsetAt(t.Context(), 0, time.UnixMilli(at))
		if err != nil {
			t.Fatal(err)
		}
		for i := range o {
			if stamps[i] >= at {
				t.Errorf("at %d: offset %d, but %d has %d", at, o, i, stamps[i])
			}
		}
	}
}

func TestATopicCreatedAnewHasAnotherID(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	r := open(t, b, publish.Options{})
	one, err := r.TopicID(t.Context())
	if err != nil || len(one) != 32 {
		t.Fatal(one, err)
	}
	if err := b.Recreate(t.Context(), "frames", 0); err != nil {
		t.Fatal(err)
	}
	if two, err := r.TopicID(t.Context()); err != nil || two == one {
		t.Error(two, err)
	}
	old := brokertest.Start(t, broker.Options{WithoutTopicIDs: true, Topics: []broker.Topic{{Name: "frames"}}})
	if id, err := open(t, old, publish.Options{}).TopicID(t.Context()); err != nil || id != "" {
		t.Error(id, err)
	}
}

func FuzzEachRecord(f *testing.F) {
	f.Add([]byte(fmt.Sprint(make([]byte, batch.HeaderSize))))
	seed := make([]byte, batch.HeaderSize+20)
	seed[11], seed[16], seed[60] = byte(len(seed)-12), 2, 1
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		eachRecord(b, func(r *frame.Record) { _ = r.Size() })
	})
}

package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/kafka/connect"
	"github.com/framebeam/framebeam/kafka/embedded"
	"github.com/framebeam/framebeam/testdata/command"
)

func TestMain(m *testing.M) {
	command.Become("broker", serve)
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, opts embedded.Options) *embedded.Broker {
	t.Helper()
	opts.SyncEvery, opts.Reserve, opts.Log = time.Millisecond, 1, slog.New(slog.DiscardHandler)
	b, err := embedded.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func franz(t *testing.T, addrs []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func produce(t *testing.T, c *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	var recs []*kgo.Record
	for _, v := range values {
		recs = append(recs, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)})
	}
	if err := c.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume reads n records.
func consume(t *testing.T, c *kgo.Client, n int) (out []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(out) < n {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		f.EachRecord(func(r *kgo.Record) {
			out = append(out, fmt.Sprintf("%s/%d/%d=%s", r.Topic, r.Partition, r.Offset, r.Value))
		})
	}
	slices.Sort(out)
	return out
}

var two = []embedded.Topic{{Name: "t", Partitions: 2}, {Name: "events", Partitions: 1}}

func TestClientsOfBothKindsSeeWhatWasAcknowledgedAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Options{Dir: dir, Topics: two})
	addr := b.Addrs()[0]
	c := franz(t, b.Addrs())
	produce(t, c, "t", 0, "a", "b")
	produce(t, c, "t", 1, "c")
	produce(t, c, "events", 0, "e")
	connected := func() *kafka.Client {
		c := &kafka.Client{Addr: kafka.TCP(addr), Transport: &kafka.Transport{}}
		t.Cleanup(c.Transport.(*kafka.Transport).CloseIdleConnections)
		return c
	}
	w := connected()
	if _, err := w.Produce(t.Context(), &kafka.ProduceRequest{
		Topic: "t", Partition: 1, RequiredAcks: kafka.RequireAll, Compression: kafka.Zstd,
		Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("d")), Time: time.UnixMilli(5_000_000_000_000)}),
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"events/0/0=e", "t/0/0=a", "t/0/1=b", "t/1/0=c", "t/1/1=d"}
	for again := range 3 {
		r := franz(t, b.Addrs(), kgo.ConsumeTopics("t", "events"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if got := consume(t, r, len(want)); !slices.Equal(got, want) {
			t.Fatalf("start %d: %v", again, got)
		}
		r.Close()
		if at, err := connect.Offset(t.Context(), w, "t", 1, 4_000_000_000_000); err != nil || at != 1 {
			t.Fatalf("start %d: a time is at %d, %v", again, at, err)
		}
		if at, err := connect.Offset(t.Context(), w, "t", 1, 6_000_000_000_000); err != nil || at != 2 {
			t.Fatalf("start %d: a time after all is at %d, %v", again, at, err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = start(t, embedded.Options{Dir: dir, Listen: addr, Topics: two})
		w = connected()
	}
}

func TestAGroupGoesOnWhereItHadCommitted(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Options{Dir: dir, Topics: two})
	c := franz(t, b.Addrs())
	produce(t, c, "events", 0, "a", "b", "c")
	group := func() *kgo.Client {
		return franz(t, b.Addrs(), kgo.ConsumerGroup("alerts"), kgo.ConsumeTopics("events"), kgo.DisableAutoCommit(),
			kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	}
	g := group()
	if got := consume(t, g, 3); len(got) != 3 {
		t.Fatal(got)
	}
	if err := g.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Close()
	produce(t, c, "events", 0, "d")
	c.Close()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, embedded.Options{Dir: dir, Topics: two})
	if got := consume(t, group(), 1); !slices.Equal(got, []string{"events/0/3=d"}) {
		t.Errorf("got %v", got)
	}
}

func TestAFetchWaitsForRecordsAndNoLonger(t *testing.T) {
	b := start(t, embedded.Options{Dir: t.TempDir(), Topics: two})
	c := &kafka.Client{Addr: kafka.TCP(b.Addrs()...), Transport: &kafka.Transport{}}
	defer c.Transport.(*kafka.Transport).CloseIdleConnections()
	fetch := func(wait time.Duration, offset int64) (*kafka.FetchResponse, error) {
		return c.Fetch(t.Context(), &kafka.FetchRequest{Topic: "t", Offset: offset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: wait})
	}
	if r, err := fetch(10*time.Millisecond, 0); err != nil || r.Error != nil || r.HighWatermark != 0 {
		t.Fatal(r, err)
	}
	got := make(chan error, 1)
	go func() {
		r, err := fetch(30*time.Second, 0)
		if err == nil && r.HighWatermark != 1 {
			err = fmt.Errorf("the end is %d", r.HighWatermark)
		}
		got <- err
	}()
	produce(t, franz(t, b.Addrs()), "t", 0, "a")
	if err := <-got; err != nil {
		t.Error(err)
	}
	if r, err := fetch(time.Second, 7); err != nil || !errors.Is(r.Error, kafka.OffsetOutOfRange) {
		t.Error(r, err)
	}
}

func TestTopicsAreCreatedChangedAndDeleted(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Options{Dir: dir, Topics: two})
	c := franz(t, b.Addrs())
	produce(t, c, "t", 0, "a")
	del := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr("t")
	del.Topics, del.TopicNames = append(del.Topics, topic), []string{"t"}
	if r, err := del.RequestWith(t.Context(), c); err != nil || r.Topics[0].ErrorCode != 0 {
		t.Fatal(r, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, embedded.Options{Dir: dir, Topics: []embedded.Topic{
		{Name: "t", Configs: map[string]string{"max.message.bytes": "2000"}},
		{Name: "events", Partitions: 9, Configs: map[string]string{"retention.ms": "0"}},
	}})
	c = franz(t, b.Addrs())
	produce(t, c, "t", 0, "new")
	r := franz(t, b.Addrs(), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if got := consume(t, r, 1); !slices.Equal(got, []string{"t/0/0=new"}) {
		t.Errorf("got %v", got)
	}
	c = franz(t, b.Addrs(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	large := make([]byte, 5000)
	err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: large}).FirstErr()
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("a large one: %v", err)
	}
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "nowhere", Value: large}).FirstErr(); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("an unknown topic: %v", err)
	}
	dirs := kmsg.NewPtrDescribeLogDirsRequest()
	got, err := dirs.RequestWith(t.Context(), c)
	if err != nil || len(got.Dirs) != 1 || len(got.Dirs[0].Topics) != 2 {
		t.Errorf("sizes: %v %v", got, err)
	}
}

func TestAFolderIsOneBrokersAlone(t *testing.T) {
	dir := t.TempDir()
	start(t, embedded.Options{Dir: dir})
	if b, err := embedded.Start(embedded.Options{Dir: dir}); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("got %v %v", b, err)
	}
	if _, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "0.0.0.0:0"}); err == nil {
		t.Error("it listens where nobody can be told of")
	}
}

func TestWhatIsNoRequestEndsItsConnectionOnly(t *testing.T) {
	b := start(t, embedded.Options{Dir: t.TempDir(), Topics: two})
	for _, bad := range [][]byte{
		[]byte("GET / HTTP/1.1\r\n\r\n"), {0, 0, 0, 1, 0}, {0, 0, 0, 8, 0, 0, 0, 99, 0, 0, 0, 0},
		{0, 0, 0, 12, 0, 1, 0, 4, 0, 0, 0, 0, 0xff, 0xff, 1, 2},
	} {
		c, err := dial(b.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(bad); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("%q: %d bytes of an answer", bad, n)
		}
		_ = c.Close()
	}
	produce(t, franz(t, b.Addrs()), "t", 0, "a")
}

// serve is a broker in a process of its own.
func serve() {
	b, err := embedded.Start(embedded.Options{Dir: os.Args[1], Listen: os.Args[2], Reserve: 1, SyncEvery: 2 * time.Millisecond, Topics: two})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(b.Addrs()[0])
	select {}
}

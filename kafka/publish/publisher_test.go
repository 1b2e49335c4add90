package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var captured = time.Date(2001, 2, 3, 4, 5, 6, 789e6, time.UTC)

// open opens a publisher that gives up sooner than a user's.
func open(t *testing.T, b *broker.Broker, opts Options) *Publisher {
	t.Helper()
	opts.Brokers, opts.Topic = b.Addrs(), "frames"
	if opts.Log == nil {
		opts.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	p, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(canceled()) })
	return p
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func record(camera string, sequence, size int) frame.Record {
	f := frame.Frame{
		Camera: camera, Epoch: "e", Sequence: int64(sequence), Captured: captured.Add(time.Duration(sequence) * time.Second),
		Width: 4, Height: 3, Encoding: frame.JPEG, Data: bytes.Repeat([]byte{byte(sequence)}, size),
	}
	return f.CloudEvent()
}

// log is what a partition holds.
func log(t *testing.T, b *broker.Broker, partition int32) []frame.Record {
	t.Helper()
	records, err := b.Records(t.Context(), "frames", partition)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// check wants, of each camera, n frames whose first copies are in order and
// whose further copies are exact.
func check(t *testing.T, b *broker.Broker, partitions int32, n map[string]int) (copies int) {
	t.Helper()
	next := map[string]int{}
	type copied struct {
		partition int32
		frame.Record
	}
	first := map[string]copied{}
	for p := range partitions {
		for _, r := range log(t, b, p) {
			id := ""
			for _, h := range r.Headers {
				if h.Key == "ce_id" {
					id = string(h.Value)
				}
			}
			if f, ok := first[id]; ok {
				copies++
				if f.Offset = r.Offset; !reflect.DeepEqual(f, copied{p, r}) {
					t.Errorf("partition %d offset %d: %s is not an exact repeat", p, r.Offset, id)
				}
				continue
			}
			first[id] = copied{p, r}
			camera := string(r.Key)
			if want := fmt.Sprintf("%s/e/%d", camera, next[camera]); id != want {
				t.Fatalf("partition %d offset %d: %s, want %s", p, r.Offset, id, want)
			}
			if want := captured.Add(time.Duration(next[camera]) * time.Second); r.Timestamp != want.UnixMilli() {
				t.Errorf("%s has timestamp %d, want the capture time %v", id, r.Timestamp, want)
			}
			next[camera]++
		}
	}
	for camera, want := range n {
		if next[camera] != want {
			t.Errorf("camera %s: %d of %d frames are in the log", camera, next[camera], want)
		}
	}
	return copies
}

func TestFramesGoWhereJavaClientsWouldPutThem(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: 7}}})
	p := open(t, b, Options{})
	n := map[string]int{}
	for i := range 40 {
		camera := fmt.Sprintf("camera-%d", i)
		n[camera] = 1
		if err := p.Publish(t.Context(), record(camera, 0, 10)); err != nil {
			t.Fatal(err)
		}
		java := kgo.StickyKeyPartitioner(nil).ForTopic("frames").Partition(&kgo.Record{Key: []byte(camera)}, 7)
		if got := p.Stats(camera).Partition; got != java {
			t.Errorf("%s goes to partition %d, Java's to %d", camera, got, java)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if copies := check(t, b, 7, n); copies > 0 {
		t.Errorf("%d copies", copies)
	}
}

func TestFaultsLoseNothingAndKeepTheOrder(t *testing.T) {
	type fault struct {
		name   string
		inject func(*broker.Broker)
	}
	faults := []fault{
		{"not leader", func(b *broker.Broker) { b.Fail(broker.Produce, broker.NotLeader, 2) }},
		{"time-out after the records were appended", func(b *broker.Broker) { b.Fail(broker.Produce, broker.RequestTimedOut, 2) }},
		{"too few replicas after appending", func(b *broker.Broker) { b.Fail(broker.Produce, kerr.NotEnoughReplicasAfterAppend, 1) }},
		{"unknown topic for a moment", func(b *broker.Broker) { b.Fail(broker.Produce, broker.UnknownTopic, 1) }},
		{"a password that is being changed", func(b *broker.Broker) { b.Fail(broker.Produce, kerr.SaslAuthenticationFailed, 2) }},
		{"connection cut at a request", func(b *broker.Broker) { b.Cut(broker.Produce, 2) }},
		{"all connections cut", func(b *broker.Broker) { b.CutConnections() }},
		{"no answer", func(b *broker.Broker) { b.Swallow(broker.Produce, 1) }},
		{"leader moved", func(b *broker.Broker) {
			for p := range int32(2) {
				if err := b.MoveLeader("frames", p, 1); err != nil {
					panic(err)
				}
			}
		}},
		{"no metadata", func(b *broker.Broker) { b.Swallow(broker.Metadata, 1); b.Cut(broker.Produce, 1) }},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t, broker.Options{Ports: []int{0, 0}, Topics: []broker.Topic{{Name: "frames", Partitions: 2}}})
			p := open(t, b, Options{AttemptTimeout: 200 * time.Millisecond, DeliveryTimeout: time.Minute})
			n := map[string]int{"gate": 60, "yard": 60, "door": 60}
			for i := range 60 {
				if i%20 == 10 {
					f.inject(b)
				}
				for camera := range n {
					if err := p.Publish(t.Context(), record(camera, i, 3000)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := p.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(t, b, 2, n)
			for camera := range n {
				if s := p.Stats(camera); s.Sent != 60 || s.Waiting != 0 || s.Dropped != 0 || s.Bytes != 60*3000 {
					t.Errorf("%s: %+v", camera, s)
				}
			}
		})
	}
}

// Any mixture of faults at any time, checked the same way.
func TestRandomFaultsLoseNothingAndKeepTheOrder(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			b := brokertest.Start(t, broker.Options{Ports: []int{0, 0}, Topics: []broker.Topic{{Name: "frames", Partitions: 2}}})
			late := newLateNetwork(t)
			p := open(t, b, Options{AttemptTimeout: 100 * time.Millisecond, DeliveryTimeout: time.Minute, dial: late.dial})
			n := map[string]int{}
			for i := range 40 {
				switch step := random.IntN(16); step {
				case 0:
					b.Fail(broker.Produce, broker.NotLeader, 1)
				case 1:
					b.Fail(broker.Produce, broker.RequestTimedOut, 1)
				case 2:
					b.Cut(broker.Produce, 1)
				case 3:
					b.CutConnections()
				case 4:
					b.Swallow(broker.Produce, 1)
				case 5:
					late.next.Add(1)
				case 6:
					if err := b.MoveLeader("frames", int32(i%2), int32(i/2%2)); err != nil {
						t.Fatal(err)
					}
				default:
					camera := fmt.Sprint("camera-", step%4)
					if err := p.Publish(t.Context(), record(camera, n[camera], 100)); err != nil {
						t.Fatal(err)
					}
					n[camera]++
				}
			}
			if err := p.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			late.wait()
			check(t, b, 2, n)
		})
	}
}

// lateNetwork makes connections on which what is written arrives only long
// after the client has given up waiting, closed the connection and repeated its
// request on another.
type lateNetwork struct {
	next atomic.Int64 // connections that will be late from their next write on
	wg   sync.WaitGroup
}

func newLateNetwork(t *testing.T) *lateNetwork {
	n := &lateNetwork{}
	t.Cleanup(n.wg.Wait)
	return n
}

func (n *lateNetwork) wait() { n.wg.Wait() }

func (n *lateNetwork) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &lateConn{Conn: c, network: n}, nil
}

type lateConn struct {
	net.Conn
	network *lateNetwork
	mu      sync.Mutex
	late    bool
	buffer  []byte
	writes  int
}

func (c *lateConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The first write is the handshake: a connection must be up to be late.
	if c.writes++; !c.late && c.writes > 1 {
		for n := c.network.next.Load(); n > 0 && !c.late; n = c.network.next.Load() {
			c.late = c.network.next.CompareAndSwap(n, n-1)
		}
		if c.late {
			c.network.wg.Add(1)
			time.AfterFunc(400*time.Millisecond, c.deliver)
		}
	}
	if c.late {
		c.buffer = append(c.buffer, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *lateConn) deliver() {
	defer c.network.wg.Done()
	defer c.Conn.Close()
	c.mu.Lock()
	request := c.buffer
	c.mu.Unlock()
	// Not by a deadline, which the client may still take back.
	defer time.AfterFunc(time.Second, func() { c.Conn.Close() }).Stop()
	if _, err := c.Conn.Write(request); err == nil {
		c.Conn.Read(make([]byte, 1)) // the answer: it has been carried out
	}
}

func (c *lateConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late {
		return nil
	}
	return c.Conn.Close()
}

func TestARequestThatArrivesAfterItsRepetitionMakesCopiesOnly(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	late := newLateNetwork(t)
	p := open(t, b, Options{AttemptTimeout: 100 * time.Millisecond, DeliveryTimeout: time.Minute, dial: late.dial})
	for i := range 100 {
		if i%30 == 20 {
			for p.Stats("gate").Waiting > 0 { // so that the next request is not under way
				time.Sleep(time.Millisecond)
			}
			late.next.Add(1)
		}
		if err := p.Publish(t.Context(), record("gate", i, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	late.wait()
	if copies := check(t, b, 1, map[string]int{"gate": 100}); copies == 0 {
		t.Error("nothing arrived late: the test proves nothing")
	}
}

func TestAPartitionThatStaysBrokenIsGivenUpNotReordered(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{DeliveryTimeout: 300 * time.Millisecond})
	if err := p.Publish(t.Context(), record("gate", 0, 10)); err != nil {
		t.Fatal(err)
	}
	for p.Stats("gate").Sent == 0 {
		time.Sleep(time.Millisecond)
	}
	fault := b.Fail(broker.Produce, broker.NotLeader, -1)
	var err error
	n := 0
	for ; err == nil; n++ {
		err = p.Publish(t.Context(), record("gate", n+1, 10))
		time.Sleep(time.Millisecond)
	}
	fault.Remove()
	if !errors.Is(err, ErrGivenUp) || !errors.Is(err, kafka.NotLeaderForPartition) || !strings.Contains(err.Error(), "topic frames partition 0: ") {
		t.Error(err)
	}
	if err := p.Close(t.Context()); !errors.Is(err, ErrGivenUp) {
		t.Error(err)
	}
	if s := p.Stats("gate"); s.Sent != 1 || s.Waiting == 0 {
		t.Errorf("%+v", s)
	}
	check(t, b, 1, map[string]int{"gate": 1})
}

func TestASlowKafkaMakesFilesWaitAndLiveCamerasDropTheirOldest(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{QueueBytes: 10_000})
	fault := b.Fail(broker.Produce, broker.NotLeader, -1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var err error
	filed := 0
	for ; err == nil; filed++ {
		err = p.Publish(ctx, record("film", filed, 1000))
	}
	filed-- // the one that waited
	if !errors.Is(err, context.DeadlineExceeded) || filed < 5 || filed > 9 {
		t.Errorf("%d frames of a file are queued, %v", filed, err)
	}
	for i := range 100 {
		if err := p.Offer(record("gate", i, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	live := p.Stats("gate")
	if live.Dropped < 90 || live.Dropped+live.Waiting != 100 || p.Stats("film").Dropped != 0 {
		t.Errorf("live: %+v, file: %+v", live, p.Stats("film"))
	}
	fault.Remove()
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, r := range log(t, b, 0) {
		if string(r.Key) == "gate" {
			sent = append(sent, string(r.Headers[1].Value))
		}
	}
	for i, id := range sent {
		if want := fmt.Sprintf("gate/e/%d", 100-len(sent)+i); id != want {
			t.Errorf("frame %d is %s, want %s", i, id, want)
		}
	}
	if int64(len(sent)) != live.Waiting || p.Stats("film").Sent != int64(filed) {
		t.Errorf("%d live frames sent, %d were waiting; %d of %d of the file", len(sent), live.Waiting, p.Stats("film").Sent, filed)
	}
}

func TestAFrameTooLargeIsRefusedBeforeItIsSent(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Configs: map[string]string{"max.message.bytes": "20000"}}}})
	p := open(t, b, Options{})
	if got := p.Topic().MaxMessageBytes; got != 20000 {
		t.Fatal(got)
	}
	sent := b.Fail(broker.Produce, kerr.MessageTooLarge, -1) // to count requests
	for _, publish := range []func(frame.Record) error{p.Offer, func(r frame.Record) error { return p.Publish(t.Context(), r) }} {
		err := publish(record("gate", 0, 20000))
		large, ok := errors.AsType[*TooLargeError](err)
		if !ok || large.Limit != 20000 || large.Bytes <= 20000 || !strings.HasPrefix(err.Error(), "camera gate: ") || !strings.Contains(err.Error(), "topic frames takes 20000 (max.message.bytes)") {
			t.Error(err)
		}
	}
	if sent.Hits() > 0 {
		t.Error("it was sent")
	}
	sent.Remove()
	// What is let through fits, as the broker counts, in batches of many as well.
	size := 20000 - batchHeader
	rec := record("gate", 0, 1)
	size -= recordSize(&rec) - 1
	if err := p.Publish(t.Context(), record("gate", 0, size)); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 50; i++ {
		if err := p.Publish(t.Context(), record("gate", i, 300*i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, b, 1, map[string]int{"gate": 50})
}

func TestFlushWaitsForWhatWasQueuedBefore(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: 2}}})
	p := open(t, b, Options{AttemptTimeout: 200 * time.Millisecond})
	n := map[string]int{}
	for i := range 30 {
		if i%10 == 5 {
			b.Fail(broker.Produce, broker.NotLeader, 1)
		}
		for _, camera := range []string{"gate", "yard", "door"} {
			if err := p.Publish(t.Context(), record(camera, i, 100)); err != nil {
				t.Fatal(err)
			}
			n[camera]++
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, b, 2, n)
	}
	stuck := b.Fail(broker.Produce, broker.NotLeader, -1)
	defer stuck.Remove()
	if err := p.Publish(t.Context(), record("gate", 30, 100)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a flush ends without success:", err)
	}
}

func TestFlushTellsThatAPartitionWasGivenUp(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{DeliveryTimeout: time.Millisecond})
	b.Fail(broker.Produce, broker.NotLeader, -1)
	if err := p.Publish(t.Context(), record("gate", 0, 100)); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); !errors.Is(err, ErrGivenUp) || !strings.Contains(err.Error(), "topic frames") {
		t.Error(err)
	}
}

func TestCloseGivesUpWhenItsContextIsDone(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "frames"}}})
	p := open(t, b, Options{})
	b.Fail(broker.Produce, broker.NotLeader, -1)
	for i := range 3 {
		if err := p.Publish(t.Context(), record("gate", i, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(canceled()); !errors.Is(err, ErrGivenUp) {
		t.Error(err)
	}
	if s := p.Stats("gate"); s.Waiting != 3 || s.Sent != 0 {
		t.Errorf("%+v", s)
	}
	if err := p.Publish(t.Context(), record("gate", 3, 10)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/framebeam/framebeam/kafka/embedded"
	"github.com/framebeam/framebeam/testdata/command"
)

func dial(addr string) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err == nil {
		err = c.SetDeadline(time.Now().Add(20 * time.Second))
	}
	return c, err
}

// TestNothingAcknowledgedIsLostWhenTheBrokerIsKilled kills the broker at random while
// records are produced and offsets committed. What was acknowledged has to be there once,
// at the offset that was said, and so has the last commit.
func TestNothingAcknowledgedIsLostWhenTheBrokerIsKilled(t *testing.T) {
	dir, addr := t.TempDir(), "127.0.0.1:0"
	run := func() (kill func()) {
		cmd := command.New(t, "broker", "", dir, addr)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		addr = strings.TrimSpace(line)
		return sync.OnceFunc(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	kill := run()
	defer func() { kill() }()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var mu sync.Mutex
	acked := [2]map[int64]string{{}, {}}
	committed := int64(-1)
	producing, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	c := franz(t, []string{addr}, kgo.MaxBufferedRecords(20), kgo.MetadataMinAge(20*time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }))
	for p := range 2 {
		wg.Go(func() {
			for i := 0; producing.Err() == nil; i++ {
				value := fmt.Sprint(i, strings.Repeat("x", i%3000))
				c.Produce(ctx, &kgo.Record{Topic: "t", Partition: int32(p), Value: []byte(value)}, func(r *kgo.Record, err error) {
					if err != nil {
						t.Errorf("partition %d: %v", p, err)
						return
					}
					mu.Lock()
					acked[p][r.Offset] = value
					mu.Unlock()
				})
			}
		})
	}
	g := franz(t, []string{addr}, kgo.MetadataMinAge(20*time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }))
	wg.Go(func() {
		for i := int64(0); producing.Err() == nil; i++ {
			if commit(producing, g, i) == nil {
				mu.Lock()
				committed = i
				mu.Unlock()
			}
		}
	})
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked[0]) + len(acked[1])
	}
	for range 6 {
		// It dies some records later than it came to life.
		for want := count() + 1 + rand.IntN(400); count() < want && ctx.Err() == nil; { //nolint:gosec // any moment will do
			time.Sleep(time.Millisecond)
		}
		kill()
		kill = run()
	}
	stop()
	wg.Wait()
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if at, err := fetchCommitted(ctx, g); err != nil || at < committed {
		t.Errorf("committed is %d, acknowledged were %d, %v", at, committed, err)
	}
	kill()
	b, err := embedded.Start(embedded.Options{Dir: dir, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	r := franz(t, b.Addrs(), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	got := [2]map[int64]string{{}, {}}
	for len(got[0])+len(got[1]) < count() {
		f := r.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		f.EachRecord(func(r *kgo.Record) { got[r.Partition][r.Offset] = string(r.Value) })
	}
	for p := range acked {
		for i := range int64(len(got[p])) {
			value, _, _ := strings.Cut(got[p][i], "x")
			if value != fmt.Sprint(i) || acked[p][i] != got[p][i] {
				t.Fatalf("partition %d offset %d: it has record %q, acknowledged was %.10q", p, i, value, acked[p][i])
			}
		}
		if len(acked[p]) != len(got[p]) {
			t.Errorf("partition %d: %d records, acknowledged were %d", p, len(got[p]), len(acked[p]))
		}
	}
	t.Logf("%d records and %d commits over 6 kills", count(), committed)
}

func commit(ctx context.Context, c *kgo.Client, offset int64) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = "alerts", -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = "events"
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = offset
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	r, err := req.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	if code := r.Topics[0].Partitions[0].ErrorCode; code != 0 {
		return fmt.Errorf("code %d", code)
	}
	return nil
}

func fetchCommitted(ctx context.Context, c *kgo.Client) (int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = "alerts"
	t := kmsg.NewOffsetFetchRequestTopic()
	t.Topic, t.Partitions = "events", []int32{0}
	req.Topics = append(req.Topics, t)
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = "alerts"
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = "events", []int32{0}
	g.Topics = append(g.Topics, gt)
	req.Groups = append(req.Groups, g)
	r, err := req.RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	if len(r.Groups) > 0 {
		return r.Groups[0].Topics[0].Partitions[0].Offset, nil
	}
	return r.Topics[0].Partitions[0].Offset, nil
}

//go:build engines

package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	publisher "github.com/framebeam/framebeam/kafka/publish"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/testdata/webcam"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// liveCamera serves what a network camera does: 20 JPEGs a second without an end.
func liveCamera(t *testing.T) string {
	t.Helper()
	return webcam.Serve(t, 96, 72, 50*time.Millisecond).URL + "/stream"
}

// collecting is a collector at work, with two films and two live cameras of 20
// frames a second each. What it counts is watched.
type collecting struct {
	t      *testing.T
	topic  string
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	log    bytes.Buffer // complete when done

	mu      sync.Mutex
	summary collector.Summary
	sent    map[string]int64
	last    map[string]time.Time // when a camera's frames were last acknowledged
	gap     time.Duration        // the longest of any camera without
}

// bufferBytes is so little that an outage of seconds fills it.
const bufferBytes = 4 * 150_000

func collect(t *testing.T, topic string) *collecting {
	t.Helper()
	ahead := time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339)
	text := "defaults: {resize: native}\ncameras:\n"
	for i := range 2 {
		// A film that begins half an hour ahead is published at its own speed.
		text += fmt.Sprintf("  - {id: film-%d, source: 'scene:seed=%d&size=96x72&frames=100000&fps=20', start: %s}\n", i, i, ahead)
		text += fmt.Sprintf("  - {id: live-%d, source: '%s'}\n", i, liveCamera(t))
	}
	cfg, err := config.Parse([]byte(text), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &collecting{t: t, topic: topic, cancel: cancel, done: make(chan struct{}), sent: map[string]int64{}, last: map[string]time.Time{}}
	go func() {
		defer close(c.done)
		summary, err := collector.Run(ctx, cfg, collector.Options{
			Publish:     publisher.Options{Brokers: stack.Brokers(), Topic: topic, AttemptTimeout: 10 * time.Second},
			BufferBytes: bufferBytes, FlushTimeout: time.Minute,
			Progress: c.progress, Interval: 20 * time.Millisecond,
			Log: slog.New(slog.NewTextHandler(&c.log, nil)),
		})
		c.progress(summary)
		c.err = err
	}()
	t.Cleanup(func() { cancel(); <-c.done })
	return c
}

func (c *collecting) progress(s collector.Summary) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.summary = s
	now := time.Now()
	for _, camera := range s.Cameras {
		id := camera.Camera
		if last, ok := c.last[id]; ok {
			c.gap = max(c.gap, now.Sub(last))
		}
		if camera.Sent > c.sent[id] {
			c.sent[id], c.last[id] = camera.Sent, now
		}
	}
}

// grow waits until every camera has n more frames acknowledged.
func (c *collecting) grow(n int64) {
	c.t.Helper()
	counts := func() map[string]int64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		m := map[string]int64{}
		for _, camera := range c.summary.Cameras {
			m[camera.Camera] = camera.Sent
		}
		return m
	}
	before := counts()
	eventually(c.t, "every camera's frames are acknowledged", func() bool {
		select {
		case <-c.done:
			c.t.Fatalf("the collector ended: %v\n%s", c.err, &c.log)
		default:
		}
		now := counts()
		for id, sent := range now {
			if sent < before[id]+n {
				return false
			}
		}
		return len(now) == 4
	})
}

func (c *collecting) total() collector.CameraSummary {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.summary.Total()
}

// check compares what the collector counted with what is in the topic and with
// what an analysis makes of it, and returns how many copies there are.
func (c *collecting) check() (copies int) {
	t := c.t
	t.Helper()
	c.cancel()
	<-c.done
	if c.err != nil {
		t.Errorf("the collector failed: %v", c.err)
	}
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]frame.Record{} // by the frame's name
	next := map[string]int64{}         // by camera and epoch
	got := map[string]int64{}          // frames of a camera
	for partition, recs := range records(t, stack.Brokers(), c.topic) {
		for _, r := range recs {
			if r.OfSource() {
				continue
			}
			f, err := parser.Parse(&r)
			if err != nil {
				t.Fatalf("partition %d offset %d: %v", partition, r.Offset, err)
			}
			if one, ok := first[f.ID()]; ok {
				copies++
				if one.Offset = r.Offset; !cmp.Equal(one, r) {
					t.Errorf("partition %d offset %d: %s differs from its first copy", partition, r.Offset, f.ID())
				}
				continue
			}
			first[f.ID()] = r
			stretch := f.Camera + "/" + f.Epoch
			if f.Sequence < next[stretch] || strings.HasPrefix(f.Camera, "film") && f.Sequence != next[stretch] {
				t.Errorf("partition %d offset %d: %s comes after number %d", partition, r.Offset, f.ID(), next[stretch]-1)
			}
			next[stretch] = f.Sequence + 1
			got[f.Camera]++
		}
	}
	for _, s := range c.summary.Cameras {
		// A film's last frame may have been waiting for its time.
		if s.Sent != got[s.Camera] || s.Unsent != 0 || s.Captured != s.Sent+s.Dropped && (s.Captured != s.Sent+1 || s.Dropped > 0) {
			t.Errorf("camera %s: %d frames are in the topic; %v", s.Camera, got[s.Camera], s)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	run(t, "analyze", direct(t), fromKafka(c.topic), []string{"--output=" + out, "--chunk=256", "--until=now"})
	rows := trial.Rows(t, out)
	if analysed, repeats := once(t, rows); analysed != len(first) || repeats != copies {
		t.Errorf("%d frames analysed, %d repeats; the topic has %d and %d", analysed, repeats, len(first), copies)
	}
	return copies
}

// once fails unless every frame has exactly one result that is no repeat.
func once(t *testing.T, rows []result.Frame) (analysed, repeats int) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range rows {
		switch r.Status {
		case result.OK:
			seen[fmt.Sprintf("%s/%s/%d", r.Camera, r.Epoch, r.Sequence)]++
		case result.Repeat:
			repeats++
		case result.Source, result.SourceRepeat:
		default:
			t.Errorf("partition %d offset %d: %s %s", r.Partition, r.Offset, r.Status, r.Reason)
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was analysed %d times", id, n)
		}
	}
	return len(seen), repeats
}

// leader is the name of the broker that leads partition 0, or, with n above 0,
// of one that follows it.
func leader(t *testing.T, topic string, n int) string {
	t.Helper()
	m, err := client().Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		t.Fatal(err)
	}
	id := m.Topics[0].Partitions[0].Leader.ID
	return fmt.Sprintf("kafka-%d", (id-1+n)%3+1)
}

func TestACollectorOutlivesItsBrokers(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	restore := func() {
		for _, name := range stack.Names() {
			if strings.HasPrefix(name, "kafka-") {
				must(stack.Start(context.Background(), name))
			}
		}
	}
	t.Cleanup(restore)
	type fault struct {
		name   string
		within time.Duration // the longest that a camera may go without an acknowledgement
		inject func(*testing.T, *collecting)
	}
	for _, f := range []fault{
		{"the leader is killed", 30 * time.Second, func(t *testing.T, c *collecting) {
			name := leader(t, c.topic, 0)
			must(stack.Kill(name))
			c.grow(40)
			must(stack.Start(t.Context(), name))
		}},
		{"a follower stands still for 15 s", 30 * time.Second, func(t *testing.T, c *collecting) {
			name := leader(t, c.topic, 1)
			must(stack.Pause(name))
			// The fault is its length: there is nothing to wait for.
			time.Sleep(15 * time.Second)
			must(stack.Continue(name))
		}},
		{"the leader stands still", time.Minute, func(t *testing.T, c *collecting) {
			name := leader(t, c.topic, 0)
			must(stack.Pause(name))
			c.grow(40)
			must(stack.Continue(name))
		}},
		{"all brokers restart one after another", 40 * time.Second, func(t *testing.T, c *collecting) {
			for i := range 3 {
				name := fmt.Sprintf("kafka-%d", i+1)
				must(stack.Stop(t.Context(), name))
				must(stack.Start(t.Context(), name))
				c.grow(40)
			}
		}},
		{"two of three brokers are down until live frames are dropped", 3 * time.Minute, func(t *testing.T, c *collecting) {
			down := []string{leader(t, c.topic, 0), leader(t, c.topic, 1)}
			for _, name := range down {
				must(stack.Kill(name))
			}
			eventually(t, "there is no room for live frames", func() bool { return c.total().Dropped > 40 })
			captured := c.total()
			var up sync.WaitGroup
			errs := make([]error, len(down))
			for i, name := range down {
				up.Go(func() { errs[i] = stack.Start(t.Context(), name) })
			}
			up.Wait()
			must(errors.Join(errs...))
			t.Logf("while two were down: %v", captured)
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := collect(t, topic(t, 3))
			c.grow(40)
			f.inject(t, c)
			c.grow(100)
			copies := c.check()
			t.Logf("longest time without acknowledgement %.1f s, lost 0 of %d, copies %d; collector: %v\n%s",
				c.gap.Seconds(), c.total().Sent, copies, c.total(), &c.log)
			if c.gap > f.within {
				t.Errorf("a camera's frames were not acknowledged for %v", c.gap)
			}
			if strings.Contains(f.name, "dropped") {
				for _, s := range c.summary.Cameras {
					if live := strings.HasPrefix(s.Camera, "live"); live != (s.Dropped > 0) {
						t.Errorf("dropped: %v", s)
					}
				}
			}
		})
	}
}

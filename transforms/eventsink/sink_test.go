package eventsink_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/eventsink"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
	"github.com/framebeam/framebeam/transforms/result"
)

func init() { beam.RegisterFunction(keyed) }

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("experiments", "prism_disable_sdf_split"); err != nil {
		panic(err)
	}
	beam.Init()
	os.Exit(m.Run())
}

func keyed(p element.Part) (string, element.Part) { return p.Key(), p }

// parts are n frames of each of some cameras, in order, with two events each, as the
// sequence stage gives them.
func parts(n int64) (all []element.Part, want map[string][]string) {
	want = map[string][]string{}
	for o := range n {
		for c, camera := range []string{"gate", "yard", "door", "roof"} {
			offset := 4*o + int64(c)
			r := result.Frame{
				Topic: "frames", Offset: offset, Timestamp: 1714550400000 + offset, Camera: camera, Epoch: "e1", Sequence: o,
				Captured: 1714550400000000 + 1000*offset, Status: result.OK,
			}
			for k := range 2 {
				id := fmt.Sprintf("%030d%02d", offset, k)
				r.Events = append(r.Events, result.Event{ID: id, Analysis: "zones/" + camera, Type: "FieldDetector/ObjectsInside", Snapshot: offset})
				want[camera] = append(want[camera], id)
			}
			all = append(all, element.Part{ID: chunk.ID{Partition: chunk.Partition{Topic: "frames"}, Index: offset / 32}, Results: []result.Frame{r}})
		}
	}
	// What has no events has no events.
	all = append(all, element.Part{ID: chunk.ID{Partition: chunk.Partition{Topic: "frames"}}, State: &element.State{Camera: "gate"}})
	return all, want
}

func config(b *broker.Broker, patience time.Duration) eventsink.Config {
	return eventsink.Config{Topic: "events", Brokers: b.Addrs(), Patience: patience}
}

// run publishes the parts on prism and returns how many it says it published.
func run(t *testing.T, cfg eventsink.Config, all []element.Part) (int64, error) {
	t.Helper()
	p, s := beam.NewPipelineWithRoot()
	passert.Count(s, beam.DropKey(s, eventsink.Write(s, cfg, beam.ParDo(s, keyed, beam.CreateList(s, all)))), "parts that went on", len(all))
	res, err := prism.Execute(t.Context(), p)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, c := range res.Metrics().Query(func(r metrics.SingleResult) bool { return r.Name() == "events_published" }).Counters() {
		n += c.Result()
	}
	return n, nil
}

// read is what a consumer reads of the topic: the ids by camera, in order, and how
// many were repeats of what it knew.
func read(t *testing.T, b *broker.Broker, partitions int32) (ids map[string][]string, repeats int) {
	t.Helper()
	ids = map[string][]string{}
	for p := range partitions {
		recs, err := b.Records(t.Context(), "events", p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range recs {
			e, err := eventsink.Parse(&recs[i])
			if err != nil {
				t.Fatal(err)
			}
			if java := kgo.StickyKeyPartitioner(nil).ForTopic("events").Partition(&kgo.Record{Key: recs[i].Key}, int(partitions)); java != int(p) {
				t.Errorf("camera %s is in partition %d, Java would put it to %d", e.Camera, p, java)
			}
			if recs[i].Timestamp != e.Captured.UnixMilli() {
				t.Errorf("event %s has timestamp %d, captured %v", e.ID, recs[i].Timestamp, e.Captured)
			}
			if slices.Contains(ids[e.Camera], e.ID) {
				repeats++
				continue
			}
			ids[e.Camera] = append(ids[e.Camera], e.ID)
		}
	}
	return ids, repeats
}

func TestEventsArriveInTheOrderOfTheirCameras(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "events", Partitions: 3}}})
	all, want := parts(50)
	cfg := config(b, time.Minute)
	for again := range 2 {
		n, err := run(t, cfg, all)
		if err != nil {
			t.Fatal(err)
		}
		if n != 400 {
			t.Errorf("the counter says %d", n)
		}
		got, repeats := read(t, b, 3)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if repeats != 400*again {
			t.Errorf("run %d: %d repeats", again, repeats)
		}
	}
}

func TestAnOutageIsWaitedFor(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Ports: []int{0, 0}, Topics: []broker.Topic{{Name: "events", Partitions: 2}}})
	all, want := parts(20)
	b.Fail(broker.Produce, broker.NotLeader, 3)
	b.Cut(broker.Produce, 1)
	b.Fail(broker.Produce, broker.RequestTimedOut, 1)
	if err := b.MoveLeader("events", 0, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, config(b, time.Minute), all); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, b, 2); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestAnOutageThatDoesNotEndFailsTheJob(t *testing.T) {
	b := brokertest.Start(t, broker.Options{Topics: []broker.Topic{{Name: "events"}}})
	all, want := parts(2)
	forEver := b.Fail(broker.Produce, broker.NotLeader, -1)
	if _, err := run(t, config(b, 300*time.Millisecond), all); err == nil || !strings.Contains(err.Error(), "topic events") {
		t.Error("no error, or one that does not name the topic:", err)
	}
	// The same process tries again later.
	forEver.Remove()
	if _, err := run(t, config(b, 300*time.Millisecond), all); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, b, 1); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestTheTopicIsLookedForBeforeTheJob(t *testing.T) {
	b := brokertest.Start(t, broker.Options{})
	cfg := config(b, time.Minute)
	cfg.Patience = 5 * time.Second
	err := eventsink.Prepare(t.Context(), cfg, 0)
	if err == nil || !strings.Contains(err.Error(), "topic events does not exist: create it with --events-partitions N") {
		t.Error(err)
	}
	if err := eventsink.Prepare(t.Context(), cfg, 3); err != nil {
		t.Fatal(err)
	}
	// It is there now, as it was created.
	if err := eventsink.Prepare(t.Context(), cfg, 9); err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		if _, _, err := b.Bounds("events", p); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := b.Bounds("events", 3); err == nil {
		t.Error("there are more partitions than wanted")
	}
	if err := b.SetTopicConfig(t.Context(), "events", "cleanup.policy", "compact"); err != nil {
		t.Fatal(err)
	}
	if err := eventsink.Prepare(t.Context(), cfg, 0); err == nil || !strings.Contains(err.Error(), "compacted") {
		t.Error("a compacted topic is taken:", err)
	}
	for name, bad := range map[string]func(*eventsink.Config){
		"no topic":      func(c *eventsink.Config) { c.Topic = "" },
		"a path":        func(c *eventsink.Config) { c.Topic = "a/b" },
		"no brokers":    func(c *eventsink.Config) { c.Brokers = nil },
		"no connection": func(c *eventsink.Config) { c.Connection = filepath.Join(t.TempDir(), "none.yaml") },
	} {
		c := config(b, time.Second)
		bad(&c)
		if err := eventsink.Prepare(t.Context(), c, 1); err == nil {
			t.Errorf("%s is fine", name)
		}
	}
}

func TestEventsAreWrittenAsTheUserOfTheConnectionFile(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "framebeam", "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"password": "hunter2\n", "connection.yaml": "mechanism: SCRAM-SHA-512\nuser: framebeam\npassword_file: password\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := parts(5)
	cfg := eventsink.Config{Topic: "events",
		Brokers: c.ListenAddrs(), Connection: filepath.Join(dir, "connection.yaml"), Patience: 10 * time.Second}
	if n, err := run(t, cfg, all); err != nil || n != 40 {
		t.Fatal(n, err)
	}
	l, err := log.Open(context.Background(), log.Spec{Kind: "kafka", Brokers: cfg.Brokers, Connection: cfg.Connection, Patience: cfg.Patience})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var got []frame.Record
	for next := int64(0); next < 40; {
		recs, to, err := l.Read(t.Context(), chunk.Partition{Topic: "events"}, next, 40, 1<<20, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got, next = append(got, recs...), to
	}
	for i := range got {
		if _, err := eventsink.Parse(&got[i]); err != nil {
			t.Error(err)
		}
	}
}

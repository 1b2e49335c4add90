package archive_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/kafka/broker/brokertest"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	_ "github.com/framebeam/framebeam/transforms/log/kafka"
	"github.com/framebeam/framebeam/transforms/plan"
)

func TestMain(m *testing.M) {
	beam.Init()
	*jobopts.Experiments = "prism_disable_sdf_split"
	os.Exit(m.Run())
}

const topic = "frames"

// recorded are n records of one partition: nothing, empty, doubled headers.
func recorded(n int) []frame.Record {
	base := time.Now().Add(-time.Hour).UnixMilli()
	recs := make([]frame.Record, n)
	for i := range recs {
		r := frame.Record{Timestamp: base + int64(i), Key: []byte("cam"), Value: make([]byte, i%300)}
		switch i % 4 {
		case 1:
			r.Headers = []frame.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte{}}, {Key: "b"}}
		case 2:
			r.Key = []byte{}
		case 3:
			r.Key, r.Value = nil, nil
		}
		recs[i] = r
	}
	return recs
}

type env struct {
	broker *broker.Broker
	log    log.Log
	folder *archive.Folder
	cfg    archive.Config
}

func start(t *testing.T, n int64) *env {
	t.Helper()
	b := brokertest.Start(t, broker.Options{})
	if err := b.CreateTopic(broker.Topic{Name: topic, Partitions: 2}); err != nil {
		t.Fatal(err)
	}
	spec := log.Spec{Kind: "kafka", Brokers: b.Addrs()}
	log, err := log.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	root := filepath.Join(t.TempDir(), "archive")
	f, err := archive.Create(t.Context(), root, n)
	if err != nil {
		t.Fatal(err)
	}
	return &env{b, log, f, archive.Config{Log: spec, Root: root, Tail: time.Millisecond}}
}

func (e *env) append(t *testing.T, partition int32, recs []frame.Record) {
	t.Helper()
	if _, err := e.broker.Append(t.Context(), topic, partition, recs...); err != nil {
		t.Fatal(err)
	}
}

func (e *env) plan(t *testing.T, until string) []archive.Task {
	t.Helper()
	from, err := plan.Start("earliest")
	if err != nil {
		t.Fatal(err)
	}
	to, err := plan.Until(until)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := archive.Plan(t.Context(), e.log, e.folder, topic, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}

func (e *env) run(ctx context.Context, tasks []archive.Task) error {
	p, s := beam.NewPipelineWithRoot()
	archive.Write(s, e.cfg, tasks)
	_, err := prism.Execute(ctx, p)
	return err
}

// check compares the archive with what was appended.
func (e *env) check(t *testing.T, partition int32, recs []frame.Record) {
	t.Helper()
	l := archive.NewLog(e.folder)
	defer l.Close()
	_, end, err := l.Bounds(t.Context(), chunk.Partition{Topic: topic, ID: partition})
	if err != nil || end != int64(len(recs)) {
		t.Fatalf("partition %d ends at %d, %v; want %d", partition, end, err, len(recs))
	}
	for pos := int64(0); pos < end; {
		got, next, err := l.Read(t.Context(), chunk.Partition{Topic: topic, ID: partition}, pos, end, 1<<20, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			want := recs[pos+int64(i)]
			want.Offset = pos + int64(i)
			if diff := cmp.Diff(want, got[i]); diff != "" {
				t.Fatal(diff)
			}
		}
		pos = next
	}
}

func TestAJobWithAnEndArchivesATopicAndIsContinued(t *testing.T) {
	e := start(t, 64)
	recs := recorded(500)
	for _, upto := range [][2]int{{300, 10}, {500, 192}} {
		for p := range int32(2) {
			_, end, err := e.log.Bounds(t.Context(), chunk.Partition{Topic: topic, ID: p})
			if err != nil {
				t.Fatal(err)
			}
			e.append(t, p, recs[end:upto[p]])
		}
		tasks := e.plan(t, "now")
		if err := e.run(t.Context(), tasks); err != nil {
			t.Fatal(err)
		}
		if err := archive.Verify(t.Context(), e.folder, tasks); err != nil {
			t.Error(err)
		}
		e.check(t, 0, recs[:upto[0]])
		e.check(t, 1, recs[:upto[1]])
	}
}

func TestAJobFollowsTheLogToItsEnd(t *testing.T) {
	e := start(t, 64)
	recs := recorded(200)
	e.append(t, 0, recs[:70])
	tasks := e.plan(t, "200")
	done := make(chan error, 1)
	go func() { done <- e.run(t.Context(), tasks) }()
	e.waitFor(t, 0, 70)
	e.append(t, 0, recs[70:])
	e.append(t, 1, recs)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	e.check(t, 0, recs)
	e.check(t, 1, recs)
}

func TestAJobWithoutEndWritesTheTailAndEndsWhenCancelled(t *testing.T) {
	e := start(t, 64)
	recs := recorded(100)
	e.append(t, 0, recs)
	tasks := e.plan(t, "never")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.run(ctx, tasks) }()
	e.waitFor(t, 0, 100)
	e.append(t, 0, recs)
	e.waitFor(t, 0, 200)
	cancel()
	<-done // prism's own words for a cancelled job
	e.check(t, 0, append(recs[:100:100], recs...))
}

func TestATopicThatIsCreatedAnewWhileItIsFollowedIsAnError(t *testing.T) {
	for name, keep := range map[string]int64{"empty": 0, "with what it had": 100} {
		t.Run(name, func(t *testing.T) {
			e := start(t, 64)
			e.append(t, 0, recorded(100))
			tasks := e.plan(t, "never")
			done := make(chan error, 1)
			go func() { done <- e.run(t.Context(), tasks) }()
			e.waitFor(t, 0, 100)
			if err := e.broker.Recreate(t.Context(), topic, keep); err != nil {
				t.Fatal(err)
			}
			// A look at the log while the topic is gone says so in Kafka's words.
			if err := <-done; err == nil || !strings.Contains(err.Error(), "created anew") && !strings.Contains(err.Error(), "Unknown Topic") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// waitFor waits until the archive has the partition up to end.
func (e *env) waitFor(t *testing.T, partition int32, end int64) {
	t.Helper()
	for range 6000 {
		x, err := e.folder.Extent(t.Context(), chunk.Partition{Topic: topic, ID: partition})
		if err != nil {
			t.Fatal(err)
		}
		if x.Upto() == end {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("partition %d does not come to offset %d", partition, end)
}

package job

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/graphx"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/source"
)

func placeOf(t *testing.T, until string) plan.Place {
	t.Helper()
	p, err := plan.Until(until)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// planned is a job on a log of 40 records, and what it would do first.
func planned(t *testing.T, runner launch.Engine, until plan.Place, slice int64) (Job, log.Log, *output.Output, []source.Task) {
	t.Helper()
	b := trial.Start(t, film.Records(film.Config{Cameras: 2, Frames: 20, Seed: 61}))
	return plannedOn(t, b, runner, until, slice)
}

func plannedOn(t *testing.T, b *broker.Broker, runner launch.Engine, until plan.Place, slice int64) (Job, log.Log, *output.Output, []source.Task) {
	t.Helper()
	ctx := context.Background()
	analyses := profiles.Default()
	stages, err := analyses.Stages()
	if err != nil {
		t.Fatal(err)
	}
	start, err := plan.Start("earliest")
	if err != nil {
		t.Fatal(err)
	}
	j := Job{
		Runner: runner, Log: log.Spec{Kind: "kafka", Brokers: b.Addrs()}, Topic: trial.Topic, Output: t.TempDir(),
		N: 16, Start: start, Until: until, Analyses: stages, SliceBytes: slice,
	}
	l, err := log.Open(ctx, j.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	folder, err := store.Open(ctx, j.Output)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(ctx, folder, output.OpenConfig{N: j.N, ConfigDigest: stages.Digest})
	if err != nil {
		t.Fatal(err)
	}
	_, tasks, err := j.plan(ctx, l, out)
	if err != nil {
		t.Fatal(err)
	}
	return j, l, out, tasks
}

func TestThePipelineIsBoundedWhereTheEngineNeedsIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		runner  launch.Engine
		until   plan.Place
		slice   int64
		bounded bool
		splits  bool // has a splittable DoFn
	}{
		{"spark", launch.Spark, placeOf(t, "now"), 0, true, false},
		{"spark in slices", launch.Spark, placeOf(t, "now"), 1 << 20, true, false},
		{"flink with an end", launch.Flink, placeOf(t, "now"), 0, false, false},
		{"flink for ever", launch.Flink, placeOf(t, "never"), 0, false, false},
		{"direct with an end", launch.Direct, placeOf(t, "now"), 0, false, true},
		{"direct in slices", launch.Direct, placeOf(t, "now"), 1 << 20, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, _, out, tasks := planned(t, c.runner, c.until, c.slice)
			p, err := j.pipeline(tasks, out, nil)
			if err != nil {
				t.Fatal(err)
			}
			edges, _, err := p.Build()
			if err != nil {
				t.Fatal(err)
			}
			m, err := graphx.Marshal(edges, &graphx.Options{Environment: &pipepb.Environment{Urn: "test"}})
			if err != nil {
				t.Fatal(err)
			}
			var unbounded []string
			for _, col := range m.GetComponents().GetPcollections() {
				if col.GetIsBounded() != pipepb.IsBounded_BOUNDED {
					unbounded = append(unbounded, col.GetUniqueName())
				}
			}
			if (len(unbounded) == 0) != c.bounded {
				t.Errorf("unbounded collections: %q", unbounded)
			}
			if splits := slices.Contains(m.GetRequirements(), graphx.URNRequiresSplittableDoFn); splits != c.splits {
				t.Errorf("the pipeline requires %q", m.GetRequirements())
			}
		})
	}
}

func TestAnEndIsReachedWhenTheOutputHoldsIt(t *testing.T) {
	for name, until := range map[string]plan.Place{"inside a chunk": placeOf(t, "now"), "at the end of one": plan.At(32)} {
		t.Run(name, func(t *testing.T) {
			j, _, out, tasks := planned(t, launch.Direct, until, 0)
			j.Until = until
			reached := j.reached(out, tasks)
			if is, err := reached(t.Context()); is || err != nil {
				t.Errorf("before anything is written: %v, %v", is, err)
			}
			if _, err := j.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			if is, err := reached(t.Context()); !is || err != nil {
				t.Errorf("when everything is written: %v, %v", is, err)
			}
		})
	}
}

func TestAnEngineThatEndsWithSuccessAndWroteNothingIsFoundOut(t *testing.T) {
	for _, slice := range []int64{0, 1} {
		j, l, out, tasks := planned(t, launch.Direct, placeOf(t, "now"), slice)
		left, err := j.left(context.Background(), l, out, tasks)
		if err == nil || !strings.Contains(err.Error(), "topic frames partition 0: the job has ended, but the output lacks chunks 0 to 1 (offsets 0 to 31), the beginning of chunk 2") {
			t.Errorf("slices of %d bytes: left is %v, %v", slice, left, err)
		}
	}
}

func TestWhatIsLostBetweenSlicesIsSaid(t *testing.T) {
	ctx := context.Background()
	b := trial.Start(t, film.Records(film.Config{Cameras: 2, Frames: 20, Seed: 61}))
	j, l, out, tasks := plannedOn(t, b, launch.Direct, placeOf(t, "now"), 1)
	first := j
	first.Until = plan.At(16)
	if _, err := first.Run(ctx); err != nil {
		t.Fatal(err)
	}
	left, err := j.left(ctx, l, out, tasks)
	if err != nil || len(left) != 1 || left[0].From != 16 || left[0].To != 40 || len(left[0].Cameras) != 2 {
		t.Fatalf("left is %v, %v", left, err)
	}
	if err := b.DeleteRecords(trial.Topic, 0, 20); err != nil {
		t.Fatal(err)
	}
	if _, err := j.left(ctx, l, out, tasks); !errors.Is(err, log.ErrDataLoss) || !strings.Contains(err.Error(), "deleted before it was analysed") {
		t.Errorf("got %v, want data loss", err)
	}
}

func TestSliceBytes(t *testing.T) {
	for _, c := range []struct {
		given  string
		runner launch.Engine
		want   int64
	}{
		{"", launch.Direct, 0}, {"", launch.Flink, 0}, {"", launch.Spark, 64 << 20},
		{"0", launch.Spark, 0}, {"5", launch.Direct, 5},
	} {
		if got, err := SliceBytes(c.given, c.runner); got != c.want || err != nil {
			t.Errorf("--slice-bytes=%s on %s is %d, %v; want %d", c.given, c.runner, got, err, c.want)
		}
	}
	for _, bad := range []string{"-1", "64MiB", "1.5"} {
		if _, err := SliceBytes(bad, launch.Spark); err == nil || !strings.Contains(err.Error(), "--slice-bytes="+bad) {
			t.Errorf("--slice-bytes=%s: %v", bad, err)
		}
	}
}

func TestALineSaysWhatASliceIs(t *testing.T) {
	tasks := []source.Task{{From: 16, To: 100}, {Partition: chunk.Partition{ID: 3}, From: 0, To: 7}}
	if got, want := sliceLine(2, tasks), "slice 2: partition 0 from offset 16, partition 3 from offset 0; 91 offsets to the end"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	tasks = append(tasks, source.Task{Partition: chunk.Partition{ID: 4}}, source.Task{Partition: chunk.Partition{ID: 5}}, source.Task{Partition: chunk.Partition{ID: 6}}, source.Task{Partition: chunk.Partition{ID: 7}})
	if got := sliceLine(2, tasks); !strings.Contains(got, "partition 5 from offset 0, 2 more partitions; 91") {
		t.Error(got)
	}
}

func TestSlicesSayHowLongTheRestWillTake(t *testing.T) {
	var s slicing
	at := time.Unix(0, 0)
	var got []string
	for _, from := range []int64{0, 30, 30, 90} {
		got = append(got, s.line([]source.Task{{From: from, To: 100}}, at))
		at = at.Add(30 * time.Second)
	}
	want := []string{
		"slice 1: partition 0 from offset 0; 100 offsets to the end", "slice 2: partition 0 from offset 30; 70 offsets to the end, 1m10s left",
		"slice 3: partition 0 from offset 30; 70 offsets to the end, 2m20s left", "slice 4: partition 0 from offset 90; 10 offsets to the end, 10s left",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

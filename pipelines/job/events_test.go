package job_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/eventsink"
)

// published are the events that a consumer knows after it has read the topic, by id,
// and how many records only repeated what it knew.
func published(t *testing.T, b *broker.Broker, partitions int32) (events map[string]eventsink.Event, repeats int) {
	t.Helper()
	events = map[string]eventsink.Event{}
	last := map[string]int64{}
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
			if known, ok := events[e.ID]; ok {
				repeats++
				if d := cmp.Diff(known, e); d != "" {
					t.Errorf("an event comes again, but not as it was: %s", d)
				}
				continue
			}
			if e.Offset < last[e.Camera] {
				t.Errorf("camera %s: offset %d after %d", e.Camera, e.Offset, last[e.Camera])
			}
			last[e.Camera] = e.Offset
			events[e.ID] = e
		}
	}
	return events, repeats
}

func TestEventsArePublishedAndAgainUnderTheSameIDs(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 7, Odd: true})), 2)
	b := trial.Start(t, logs...)
	out := t.TempDir()
	job := func(out, until string) {
		j := jobOn(t, b, out, until)
		j.Events, j.EventsPartitions = eventsink.Config{Brokers: j.Log.Brokers, Topic: "events"}, 2
		run(t, j)
	}
	check := func(when string) (repeats int) {
		want := map[string]eventsink.Event{}
		for _, r := range trial.Rows(t, out) {
			for _, e := range eventsink.Of(&r) {
				want[e.ID] = e
			}
		}
		got, repeats := published(t, b, 2)
		if d := cmp.Diff(want, got); d != "" || len(got) < 8 {
			t.Fatalf("%s: %d events were published, and not those in the results: %s", when, len(got), d)
		}
		return repeats
	}
	job(out, "50") // in the midst of a chunk, which the next job begins again
	if n := check("up to offset 50"); n != 0 {
		t.Errorf("%d events were published twice", n)
	}
	job(out, "now")
	t.Logf("%d events came again after the restart", check("to the end"))
	again := t.TempDir()
	job(again, "now")
	if n := check("analysed again"); n < 8 {
		t.Errorf("only %d events came again", n)
	}
}

func TestAMissingEventsTopicStopsTheJobBeforeItBegins(t *testing.T) {
	b := trial.Start(t, film.Records(film.Config{Cameras: 1, Frames: 4}))
	out := t.TempDir()
	j := jobOn(t, b, out, "now")
	j.Events = eventsink.Config{Brokers: j.Log.Brokers, Topic: "events"}
	if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "topic events does not exist: create it with --events-partitions") {
		t.Error(err)
	}
	if tree := trial.Tree(t, out); len(tree) != 0 {
		t.Errorf("something was written: %v", tree)
	}
}

func TestEventsThatAnEarlierConfigurationPublishedAreNotPublishedByTheNext(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 7, Odd: true})), 2)
	b := trial.Start(t, logs...)
	out := t.TempDir()
	for _, until := range []string{"50", "now", "now"} { // 50 lies inside a chunk of 32
		j := jobOn(t, b, out, until)
		if until == "now" {
			remake(t, &j, func(c *profiles.Config) { c.Set("motion", `{"min_area": 12, "threshold": 40}`) })
		}
		j.Events, j.EventsPartitions = eventsink.Config{Brokers: j.Log.Brokers, Topic: "events"}, 2
		run(t, j)
	}
	want := map[string]eventsink.Event{}
	for _, r := range trial.Rows(t, out) {
		for _, e := range eventsink.Of(&r) {
			want[e.ID] = e
		}
	}
	got, _ := published(t, b, 2)
	if d := cmp.Diff(want, got); d != "" || len(got) < 8 {
		t.Errorf("%d events were published, and not those in the results: %s", len(got), d)
	}
}

package backtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	godiff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/property"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

const chunks = 16 // offsets of each

func stagesOf(t testing.TB, c profiles.Config) profiles.Stages {
	t.Helper()
	st, err := c.Stages()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// choices are what generated configurations are made of, by analysis.
var choices = map[string][]string{
	"quality":         {"{}", "false"},
	"histogram":       {"false", "{}"},
	"perceptual_hash": {"false", "{}"},
	"keypoints":       {"false", `{"count": 4}`},
	"motion":          {`{"min_area": 12}`, `{"min_area": 30}`, "false"},
	"background":      {`{"warm_up": "1s"}`, `{"warm_up": "2s", "contrast": 30}`},
	"tracking": {
		`{"show_tentative": true}`, `{"min_hits": 2}`, `{"from": ["background", "motion"], "show_tentative": true}`,
		`{"min_hits": 2, "during": {"first": {"min_hits": 1}}}`,
	},
	"zones": {"false", `{"left": {"polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], "loiter": "1s"}}`,
		`{"left": {"polygon": [[0, 0], [0.6, 0], [0.6, 1], [0, 1]]}, "all": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}}`},
	"lines": {
		`{"middle": {"points": [[0.5, 0], [0.5, 1]]}}`, `{"middle": {"points": [[0.4, 0], [0.4, 1]]}}`, "false",
		`{"middle": {"points": [[0.5, 0], [0.5, 1]], "only": ["first"]}, "low": {"points": [[0, 0.6], [1, 0.6]], "direction": "forward"}}`,
	},
	"activity": {"false", `{"anywhere": {"sensitivity": 0.8}}`, `{"anywhere": {"sensitivity": 0.5}}`},
	"health":   {"false", `{"learn": "2s"}`},
	"cuts":     {"false", "{}"},
}

func drawConfig(t *rapid.T, name string) profiles.Config {
	c := profiles.Default()
	c.Schedules = []schedule.Schedule{{Name: "first", From: "08:00", To: "08:02", Zone: "UTC"}}
	set := func(to map[string]json.RawMessage, what string) {
		for _, kind := range slices.Sorted(keys(choices)) {
			to[kind] = json.RawMessage(rapid.SampledFrom(choices[kind]).Draw(t, name+what+kind))
		}
		if string(to["motion"]) == "false" && strings.Contains(string(to["tracking"]), "motion") {
			to["tracking"] = json.RawMessage("{}")
		}
	}
	set(c.Analyses, " ")
	if rapid.Bool().Draw(t, name+" override") {
		o := profiles.Override{Match: film.Camera(1), Analyses: map[string]json.RawMessage{}}
		set(o.Analyses, " override ")
		c.Cameras = append(c.Cameras, o)
	}
	return c
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// changed is a configuration that differs in a few analyses.
func changed(t *rapid.T, c profiles.Config, most int) profiles.Config {
	analyses := map[string]json.RawMessage{}
	for k, v := range c.Analyses {
		analyses[k] = v
	}
	c.Analyses = analyses
	for range rapid.IntRange(0, most).Draw(t, "changes") {
		kind := rapid.SampledFrom(slices.Sorted(keys(choices))).Draw(t, "changed")
		c.Analyses[kind] = json.RawMessage(rapid.SampledFrom(choices[kind]).Draw(t, "to"))
	}
	if string(c.Analyses["motion"]) == "false" && strings.Contains(string(c.Analyses["tracking"]), "motion") {
		c.Analyses["tracking"] = json.RawMessage("{}")
	}
	if rapid.IntRange(0, 5).Draw(t, "silence") == 0 {
		c.Silence = 3 * time.Second
	}
	if rapid.IntRange(0, 5).Draw(t, "forget") == 0 {
		c.Forget = 2
	}
	if rapid.IntRange(0, 9).Draw(t, "pixels") == 0 {
		c.Parse.MaxPixels = 97 * 72 * 100
	}
	return c
}

// seenRows runs a job and returns the rows of both sides by partition and offset.
func seenRows(t testing.TB, j Job) (before, after map[[2]int64]result.Frame, res *Result, err error) {
	t.Helper()
	var mu sync.Mutex
	before, after = map[[2]int64]result.Frame{}, map[[2]int64]result.Frame{}
	j.seen = func(a, b *result.Frame) {
		mu.Lock()
		defer mu.Unlock()
		k := [2]int64{int64(a.Partition), a.Offset}
		before[k], after[k] = *a, *b
	}
	res, err = j.Run(t.Context())
	if res != nil {
		t.Cleanup(func() {
			if err := res.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return before, after, res, err
}

// sameRows fails unless the rows of every camera's frame are those of the whole run.
func sameRows(t testing.TB, what string, want []result.Frame, got map[[2]int64]result.Frame) {
	t.Helper()
	wrong := 0
	for _, w := range want {
		if w.Camera == "" {
			continue
		}
		g, ok := got[[2]int64{int64(w.Partition), w.Offset}]
		if !ok {
			t.Fatalf("%s: offset %d is missing", what, w.Offset)
		}
		if !bytes.Equal(w.Marshal(), g.Marshal()) {
			t.Errorf("%s: partition %d offset %d camera %s (-whole run +backtest):\n%s", what, w.Partition, w.Offset, w.Camera, godiff.Diff(w, g))
			if wrong++; wrong == 3 {
				t.FailNow()
			}
		}
	}
}

// logs are those of a test: two partitions, four cameras, all oddities.
func logsOf(t testing.TB, seed uint64) [][]frame.Record {
	recs := film.Records(film.Config{Cameras: 3, Frames: 45, Seed: seed, Odd: true})
	recs = film.WithSources(retimed(t, recs, 20, 123*time.Nanosecond, 15, 9*time.Second))
	var logs [][]frame.Record
	for _, l := range trial.Split(recs, 2) {
		// One camera is silent for so long that it may be forgotten.
		l = slices.DeleteFunc(l, func(r frame.Record) bool {
			f := slices.IndexFunc(r.Headers, func(h frame.Header) bool { return h.Key == "ce_sequence" })
			return string(r.Key) == film.Camera(2) && f >= 0 && len(r.Headers[f].Value) == 2 && r.Headers[f].Value[0] < '3'
		})
		logs = append(logs, logged(l))
	}
	return logs
}

func TestABacktestIsTheDifferenceOfTwoWholeRuns(t *testing.T) {
	logs := logsOf(t, 7)
	spec := memoryOf(t, logs)
	property.Few(t, 6, func(rt *rapid.T) {
		a := drawConfig(rt, "a")
		b := changed(rt, a, 3)
		stA, errA := a.Stages()
		stB, errB := b.Stages()
		if err := errors.Join(errA, errB); err != nil {
			rt.Skip(err)
		}
		var wantA, wantB []result.Frame
		for i, l := range logs {
			p := chunk.Partition{Topic: trial.Topic, ID: int32(i)}
			wantA = append(wantA, newWhole(t, stA, chunks).all(p, l)...)
			wantB = append(wantB, newWhole(t, stB, chunks).all(p, l)...)
		}
		root := t.TempDir()
		write(t, root, chunks, logs, nil, stA)

		j := Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "b", Stages: &stB}, Topic: trial.Topic, Options: Options{Detections: true}}
		if rapid.Bool().Draw(rt, "with log") {
			j.Log = spec
		}
		j.held = rapid.SampledFrom([]int64{0, 1, 40_000}).Draw(rt, "held") // no matter how a partition is cut
		before, after, res, err := seenRows(t, j)
		var needs *NeedsFrames
		if j.Log.Kind == "" && errors.As(err, &needs) {
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		if j.Log.Kind != "" && !res.Exact {
			rt.Errorf("not exact: %q", res.Bounds)
		}
		sameRows(t, "before", wantA, before)
		if res.Exact {
			sameRows(t, "after", wantB, after)
			sameTotals(t, res, wantA, wantB)
		}

		// Two configurations, from pixels and with the help of the store.
		two := Job{Before: Given{Name: "a", Stages: &stA}, After: Given{Name: "b", Stages: &stB}, Topic: trial.Topic, Log: spec, Options: Options{Detections: true}}
		if rapid.Bool().Draw(rt, "with store") {
			two.Store, two.held = root, j.held
		} else {
			return // chunks are of another size
		}
		before, after, res, err = seenRows(t, two)
		if err != nil {
			rt.Fatal(err)
		}
		sameRows(t, "two, before", wantA, before)
		sameRows(t, "two, after", wantB, after)
		sameTotals(t, res, wantA, wantB)
	})
}

// sameTotals holds the totals against the events of both runs, counted plainly.
func sameTotals(t testing.TB, res *Result, a, b []result.Frame) {
	t.Helper()
	type sums struct{ before, after int64 }
	want := map[Key]*sums{}
	add := func(rows []result.Frame, to func(*sums) *int64) {
		for i := range rows {
			for k := range rows[i].Events {
				key := keyOf(rows[i].Camera, &rows[i].Events[k])
				if want[key] == nil {
					want[key] = &sums{}
				}
				*to(want[key])++
			}
		}
	}
	add(a, func(s *sums) *int64 { return &s.before })
	add(b, func(s *sums) *int64 { return &s.after })
	if len(want) != len(res.Totals) {
		t.Errorf("%d totals, not %d", len(res.Totals), len(want))
	}
	var differences int64
	for _, total := range res.Totals {
		w := want[total.Key]
		if w == nil || w.before != total.Before || w.after != total.After || total.Before-total.Removed != total.After-total.Added {
			t.Errorf("%+v: want %+v", total, w)
		}
		differences += total.Differs()
	}
	n := int64(0)
	if err := res.Each(func(d *Difference) error {
		n++
		if (d.Before.Event == nil) != (d.Kind == Added) || (d.After.Event == nil) != (d.Kind == Removed) {
			return fmt.Errorf("%+v", d)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if n != differences || n != res.Differences() {
		t.Errorf("%d differences, totals say %d", n, differences)
	}
	var line Count
	for _, b := range res.Timeline {
		line.Add(b.Count)
	}
	if line != res.Sum {
		t.Errorf("the timeline has %+v, the sum is %+v", line, res.Sum)
	}
}

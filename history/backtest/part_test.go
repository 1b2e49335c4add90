package backtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/property"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// tracked is a small configuration with everything that needs no pixels.
func tracked(change ...string) profiles.Config {
	c := profiles.Default()
	c.Set("motion", "false")
	c.Set("background", `{"warm_up": "1s"}`)
	c.Set("tracking", `{"show_tentative": true}`)
	c.Set("lines", `{"middle": {"points": [[0.5, 0], [0.5, 1]]}}`)
	for i := 0; i < len(change); i += 2 {
		c.Set(change[i], change[i+1])
	}
	return c
}

// wholeRows are the rows of whole runs over all logs.
func wholeRows(t testing.TB, st profiles.Stages, logs [][]frame.Record) (rows []result.Frame) {
	for i, l := range logs {
		rows = append(rows, newWhole(t, st, chunks).all(chunk.Partition{Topic: trial.Topic, ID: int32(i)}, l)...)
	}
	return rows
}

func TestAPeriodInTheMiddle(t *testing.T) {
	logs := logsOf(t, 11)
	spec := memoryOf(t, logs)
	stored := stagesOf(t, tracked())
	root := t.TempDir()
	write(t, root, chunks, logs, nil, stored)
	middle := period.Period{From: film.Begin.Add(time.Minute), To: film.Begin.Add(85 * time.Second)}
	within := func(rows []result.Frame) []result.Frame {
		return slices.DeleteFunc(slices.Clone(rows), func(f result.Frame) bool {
			return f.Captured == 0 || !middle.Contains(time.UnixMicro(f.Captured))
		})
	}
	for _, c := range []struct {
		name   string
		change []string
		pixels bool
		bounds string // "": exact
	}{
		{"nothing changes", nil, false, ""},
		{"a per-frame analysis more begins nowhere", []string{"histogram", "{}"}, true, ""},
		{"a step less leaves the others as they are", []string{"lines", "false"}, false, ""},
		{"another line", []string{"lines", `{"middle": {"points": [[0.4, 0], [0.4, 1]]}}`}, false, "lines/middle began anew"},
		{"another line from the frames", []string{"lines", `{"middle": {"points": [[0.4, 0], [0.4, 1]]}}`}, true, "lines/middle began anew"},
		{"another model of the background", []string{"background", `{"warm_up": "2s"}`}, true, "background began anew"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := stagesOf(t, tracked(c.change...))
			j := Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "b", Stages: &st}, Topic: trial.Topic, Period: middle, WarmUp: 10 * time.Second}
			if c.pixels {
				j.Log = spec
			}
			_, after, res, err := seenRows(t, j)
			if err != nil {
				t.Fatal(err)
			}
			if res.Exact != (c.bounds == "") || c.bounds != "" && !strings.Contains(strings.Join(res.Bounds, "; "), c.bounds) {
				t.Errorf("exact is %v, bounds %q", res.Exact, res.Bounds)
			}
			want := within(wholeRows(t, st, logs))
			if res.Frames == 0 || res.Frames > int64(len(want)) || res.First.Before(middle.From) || !res.Last.Before(middle.To) {
				t.Errorf("%d frames from %v to %v; there are %d", res.Frames, res.First, res.Last, len(want))
			}
			if res.Exact {
				sameRows(t, "after", want, after)
			}
		})
	}
}

func TestOfSeveralGenerationsWhatIsOfAnEqualDigestIsTaken(t *testing.T) {
	logs := logsOf(t, 13)
	spec := memoryOf(t, logs)
	property.Few(t, 3, func(rt *rapid.T) {
		first := tracked("motion", `{"min_area": 12}`, "histogram", "{}")
		second := changed(rt, first, 2)
		second.Settings = first.Settings
		tried := changed(rt, second, 2)
		all := make([]profiles.Stages, 3)
		for i, c := range []profiles.Config{first, second, tried} {
			var err error
			if all[i], err = c.Stages(); err != nil {
				rt.Skip(err)
			}
		}
		if all[0].Digest == all[1].Digest {
			rt.Skip()
		}
		root := t.TempDir()
		write(t, root, chunks, logs, []int64{2 * chunks}, all[0], all[1])
		j := Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "b", Stages: &all[2]}, Topic: trial.Topic, Log: spec}
		_, after, res, err := seenRows(t, j)
		if err != nil {
			rt.Fatal(err)
		}
		if res.Exact {
			sameRows(t, "after", wholeRows(t, all[2], logs), after)
		}
		for _, b := range res.Bounds {
			if !strings.Contains(b, "where the configuration changed") {
				rt.Errorf("bound %q", b)
			}
		}
	})
}

func TestWhatNeedsFramesIsRefusedWithoutThem(t *testing.T) {
	logs := logsOf(t, 17)
	stored := stagesOf(t, tracked())
	root := t.TempDir()
	write(t, root, chunks, logs, nil, stored)
	st := stagesOf(t, tracked("histogram", "{}", "background", `{"warm_up": "2s"}`))
	j := Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "new.yaml", Stages: &st}, Topic: trial.Topic}
	_, err := j.Run(t.Context())
	want := "new.yaml: results are not enough for histogram (the output has no results of it), background (the output was made with another) " +
		"of cam-00, cam-01, cam-02: say with --archive or --brokers where the frames are"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	j.Cameras = []string{"nosuch"}
	if _, err := j.Run(t.Context()); err == nil || err.Error() != "topic frames: there is no frame of nosuch to compare" {
		t.Error(err)
	}
}

func TestTwoOutputsAreCompared(t *testing.T) {
	logs := logsOf(t, 19)
	a, b := stagesOf(t, tracked()), stagesOf(t, tracked("lines", `{"middle": {"points": [[0.4, 0], [0.4, 1]]}}`))
	one, other := t.TempDir(), t.TempDir()
	write(t, one, chunks, logs, nil, a)
	short := [][]frame.Record{logs[0][:len(logs[0])-5], logs[1]}
	write(t, other, 2*chunks, short, nil, b)
	_, _, res, err := seenRows(t, Job{Before: Given{Name: "a", Output: one}, After: Given{Name: "b", Output: other}, Topic: trial.Topic})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Exact || len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "5 frames of topic frames partition 0 are only in a") {
		t.Errorf("%q %q", res.Bounds, res.Notes)
	}
	wantB := wholeRows(t, b, short)
	wantA := slices.DeleteFunc(wholeRows(t, a, logs), func(f result.Frame) bool {
		return f.Partition == 0 && f.Offset >= int64(len(short[0]))
	})
	sameTotals(t, res, wantA, wantB)
}

func TestAnInterruptedBacktestLeavesNothing(t *testing.T) {
	logs := logsOf(t, 23)
	stored := stagesOf(t, tracked())
	root, scratch := t.TempDir(), t.TempDir()
	write(t, root, chunks, logs, nil, stored)
	t.Setenv("TMPDIR", scratch)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	st := stagesOf(t, tracked("background", `{"warm_up": "2s"}`, "lines", "false"))
	ctx, stop := context.WithCancel(t.Context())
	j := Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "b", Stages: &st}, Topic: trial.Topic, Log: memoryOf(t, logs)}
	var frames atomic.Int64
	j.seen = func(_, _ *result.Frame) {
		if frames.Add(1) == 40 {
			stop()
		}
	}
	if res, err := j.Run(ctx); res != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", res, err)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestCamerasThatTheOutputDidNotLookAtAreLeftOut(t *testing.T) {
	logs := logsOf(t, 29)
	some, err := stagesOf(t, tracked()).OfCameras([]string{film.Camera(0)})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	write(t, root, chunks, logs, nil, some)
	st := stagesOf(t, tracked("lines", `{"middle": {"points": [[0.4, 0], [0.4, 1]]}}`))
	_, after, res, err := seenRows(t, Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "b", Stages: &st}, Topic: trial.Topic})
	if err != nil {
		t.Fatal(err)
	}
	if !res.Exact || !slices.Equal(res.Cameras, []string{film.Camera(0)}) || len(res.Notes) != 2 || !strings.Contains(res.Notes[0], "did not look at") {
		t.Errorf("%q, bounds %q, notes %q", res.Cameras, res.Bounds, res.Notes)
	}
	sameRows(t, "after", slices.DeleteFunc(wholeRows(t, st, logs), func(f result.Frame) bool { return f.Camera != film.Camera(0) }), after)
}

// What a seed or retention has taken away is known: nothing is exact whose memory is gone.
func TestAnOutputThatBeginsInTheMiddleIsNoBeginning(t *testing.T) {
	logs := logsOf(t, 31)
	stored := stagesOf(t, tracked())
	whole, root := t.TempDir(), t.TempDir()
	write(t, whole, chunks, logs, nil, stored)
	ctx := t.Context()
	from, err := openStored(ctx, whole)
	if err != nil {
		t.Fatal(err)
	}
	seed := output.Seed{Begins: map[string]int64{}}
	for i := range logs {
		p := chunk.Partition{Topic: trial.Topic, ID: int32(i)}
		begin, bare, ok, err := from.SeedAt(ctx, p, 2*chunks)
		if err != nil || bare || !ok {
			t.Fatal(begin, bare, ok, err)
		}
		seed.Begins[p.Key()] = begin
	}
	folder, err := store.Open(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	if err := output.SeedFrom(ctx, folder, from.Output, seed); err != nil {
		t.Fatal(err)
	}
	// Its rows are the seed's.
	for _, dir := range []string{"results", "_partial"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join(whole, dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		change []string
		exact  bool
	}{
		{nil, true},
		{[]string{"lines", `{"middle": {"points": [[0.4, 0], [0.4, 1]]}}`}, false},
	} {
		st := stagesOf(t, tracked(c.change...))
		_, after, res, err := seenRows(t, Job{Before: Given{Name: "store", Output: root}, After: Given{Name: "b", Stages: &st}, Topic: trial.Topic})
		if err != nil {
			t.Fatal(err)
		}
		if res.Exact != c.exact || res.Frames == 0 {
			t.Errorf("%q: exact is %v, bounds %q", c.change, res.Exact, res.Bounds)
		}
		if c.exact {
			sameRows(t, "after", slices.DeleteFunc(wholeRows(t, st, logs), func(f result.Frame) bool { return f.Offset < 2*chunks }), after)
		}
	}
}

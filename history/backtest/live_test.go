package backtest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

// differences are all that a comparison gives, as text, without what names the sides.
func differences(t *testing.T, j backtest.Job) (all []string, res *backtest.Result) {
	t.Helper()
	j.Topic, j.Detections = trial.Topic, true
	res, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := res.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := res.Each(func(d *backtest.Difference) error {
		line := fmt.Sprintf("%+v %s %v", d.Key, d.Kind, d.Fields)
		for _, m := range []*backtest.Moment{&d.Before, &d.After} {
			m.Frame.Quality = nil
			line += fmt.Sprintf(" | %d@%d %v", m.Frame.Partition, m.Frame.Offset, m.Event)
			line += fmt.Sprintf(" %x", m.Frame.Marshal())
		}
		all = append(all, line)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all, res
}

// The differences of a configuration and an output, made from what is stored and from
// frames, are those of the outputs of two whole jobs.
func TestABacktestIsTheDifferenceOfTwoJobs(t *testing.T) {
	b := trial.Start(t, trial.Split(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 3, Odd: true}), 2)...)
	spec := log.Spec{Kind: "kafka", Brokers: b.Addrs()}
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "golden", "analyses.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	analyse := func(change func(*profiles.Config)) (string, profiles.Stages) {
		c, err := profiles.Parse("analyses.yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		change(&c)
		st, err := c.Stages()
		if err != nil {
			t.Fatal(err)
		}
		j := job.Job{Runner: launch.Direct, Log: spec, Topic: trial.Topic, Output: t.TempDir(), N: 32, Analyses: st}
		var errFrom, errUntil error
		j.Start, errFrom = plan.Start("earliest")
		j.Until, errUntil = plan.Until("now")
		if errFrom != nil || errUntil != nil {
			t.Fatal(errFrom, errUntil)
		}
		if _, err := j.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		return j.Output, st
	}
	before, _ := analyse(func(*profiles.Config) {})
	for _, c := range []struct {
		name    string
		change  func(*profiles.Config)
		decodes bool
	}{
		{"a moved line", func(c *profiles.Config) { c.Set("lines", `{"middle": {"points": [[0.45, 0], [0.45, 1]]}}`) }, false},
		{"another tracker, and a zone less", func(c *profiles.Config) { c.Set("tracking", "true"); c.Set("zones", "false") }, false},
		{"another background", func(c *profiles.Config) { c.Set("background", `{"warm_up": "2s"}`) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, st := analyse(c.change)
			want, jobs := differences(t, backtest.Job{Before: backtest.Given{Output: before}, After: backtest.Given{Output: after}})
			j := backtest.Job{Before: backtest.Given{Output: before}, After: backtest.Given{Stages: &st}}
			if c.decodes {
				j.Log = spec
			}
			got, res := differences(t, j)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(jobs.Totals, res.Totals); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(jobs.Detections, res.Detections); diff != "" {
				t.Error(diff)
			}
			if !res.Exact || res.Decoded > 0 != c.decodes || len(want) == 0 {
				t.Errorf("exact is %v, bounds %q, %d frames decoded, %d differences", res.Exact, res.Bounds, res.Decoded, len(want))
			}
		})
	}
}

package job_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/plan"
)

// archived copies the topic up to each of the ends in turn into an archive with n
// offsets per chunk.
func archived(t *testing.T, b *broker.Broker, n int64, ends ...string) log.Spec {
	t.Helper()
	root := t.TempDir()
	for _, end := range ends {
		c := copying.Job{
			Runner: launch.Direct, Log: log.Spec{Kind: "kafka", Brokers: b.Addrs()},
			Topic: trial.Topic, Archive: root, N: n,
		}
		var err error
		if c.Start, err = plan.Start("earliest"); err != nil {
			t.Fatal(err)
		}
		if c.Until, err = plan.Until(end); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return log.Spec{Kind: archive.Kind, Root: root}
}

func TestReprocessingTheArchiveIsAnalysingTheTopic(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 70, Seed: 41, Odd: true})), 2)
	b := trial.Start(t, logs...)
	analysed := t.TempDir()
	j := jobOn(t, b, analysed, "now")
	j.Pictures = picture.WithDetections
	run(t, j)
	want := trial.Tree(t, analysed)

	for _, n := range []int64{32, 1000, 16, 20} { // as the output's, larger, smaller, and neither a multiple nor a part
		for name, pieces := range map[string][]string{
			"at once":        {"now"},
			"piece by piece": {"1", "40", "64", "65", "100", "now", "now"},
		} {
			t.Run(fmt.Sprintf("archive with %d offsets per chunk, %s", n, name), func(t *testing.T) {
				out := t.TempDir()
				again := jobOn(t, b, out, "now")
				again.Pictures = picture.WithDetections
				again.Log = archived(t, b, n, pieces...)
				for _, until := range pieces {
					setUntil(t, &again, until)
					run(t, again)
				}
				trial.SameTree(t, "reprocessed", want, trial.Tree(t, out))
			})
		}
	}
}

func TestReprocessingGoesOnWithWhatTheArchiveHasGained(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 3, Frames: 70, Seed: 43, Odd: true})), 2)
	b := trial.Start(t, logs...)
	analysed := t.TempDir()
	run(t, jobOn(t, b, analysed, "now"))

	// The topic as it grows: archived and reprocessed each time, up to what is there.
	out, growing := t.TempDir(), trial.Start(t, nil, nil)
	again := jobOn(t, growing, out, "now")
	archiving := copying.Job{
		Runner: launch.Direct, Log: again.Log, Topic: trial.Topic, Archive: t.TempDir(), N: 48,
		Start: again.Start, Until: again.Until,
	}
	again.Log = log.Spec{Kind: archive.Kind, Root: archiving.Archive}
	for from, to := 0, 0; from < len(logs[0]) || from < len(logs[1]); from = to {
		to = from + 37
		for p := range logs {
			trial.Add(t, growing, int32(p), logs[p][min(from, len(logs[p])):min(to, len(logs[p]))])
		}
		if _, err := archiving.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		run(t, again)
	}
	trial.SameTree(t, "reprocessed while the archive grew", trial.Tree(t, analysed), trial.Tree(t, out))
}

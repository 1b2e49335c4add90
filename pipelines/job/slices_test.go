package job_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
)

// unevenLogs are partitions of very different length, one of them empty. Cameras
// come and go, camera 1 for longer than it is remembered.
func unevenLogs() [][]frame.Record {
	logs := make([][]frame.Record, 4)
	for i, r := range film.Records(film.Config{Cameras: 5, Frames: 90, Seed: 51, Odd: true}) {
		switch c, f := i%5, i/5; {
		case c == 1 && f > 8 && f < 70, c == 2 && f < 30, c == 3 && f > 50:
		case c == 4 && f >= 8:
		case c == 4:
			logs[1] = append(logs[1], r)
		case c == 3 && f == 0:
			logs[2] = append(logs[2], r)
		default:
			logs[0] = append(logs[0], r)
		}
	}
	return logs
}

func forgetfulJob(t *testing.T, b *broker.Broker, out, until string) job.Job {
	j := jobOn(t, b, out, until)
	j.N = 16
	remake(t, &j, func(c *profiles.Config) { c.Forget = 3 })
	return j
}

func TestOutputDoesNotDependOnSlices(t *testing.T) {
	logs := unevenLogs()
	b := trial.Start(t, logs...)
	once := t.TempDir()
	large := forgetfulJob(t, b, once, "now")
	large.Pictures = picture.WithDetections
	run(t, large)
	want := trial.Tree(t, once)

	size := 0
	for _, r := range logs[0] {
		size += len(r.Value)
	}
	for _, c := range []struct {
		name  string
		bytes int64
	}{
		{"of a chunk each", 1},
		{"of about three chunks", 3 * 16 * int64(size/len(logs[0]))},
		{"one for everything", 1 << 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			j := forgetfulJob(t, b, out, "now")
			j.Pictures, j.SliceBytes = large.Pictures, c.bytes
			parts, err := j.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for p, part := range parts {
				if part.From != 0 || part.To != int64(len(logs[p])) {
					t.Errorf("covered %+v of %d records", part, len(logs[p]))
				}
			}
			trial.SameTree(t, "in slices", want, trial.Tree(t, out))
			run(t, j) // nothing but the tails is left
			trial.SameTree(t, "once more", want, trial.Tree(t, out))
		})
	}
	t.Run("of an archive", func(t *testing.T) {
		out := t.TempDir()
		j := forgetfulJob(t, b, out, "now")
		j.Log = archived(t, b, 20, "now")
		j.Pictures, j.SliceBytes = large.Pictures, 100_000
		run(t, j)
		trial.SameTree(t, "reprocessed in slices", want, trial.Tree(t, out))
	})
}

func TestTwentySmallJobsInARowEqualOneLargeOne(t *testing.T) {
	recs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 80, Seed: 53, Odd: true})), 2)
	once := t.TempDir()
	run(t, forgetfulJob(t, trial.Start(t, recs...), once, "now"))

	// The topic grows, and each job reads what there is, in slices.
	growing := trial.Start(t, nil, nil)
	small := t.TempDir()
	for i := range 20 {
		for p, log := range recs {
			trial.Add(t, growing, int32(p), log[len(log)*i/20:len(log)*(i+1)/20])
		}
		j := forgetfulJob(t, growing, small, "now")
		j.SliceBytes = 20_000
		run(t, j)
	}
	trial.SameTree(t, "twenty small jobs", trial.Tree(t, once), trial.Tree(t, small))
}

func TestInterruptedSlicesGoOnInTheNextRun(t *testing.T) {
	b := trial.Start(t, unevenLogs()...)
	once := t.TempDir()
	run(t, forgetfulJob(t, b, once, "now"))
	want := trial.Tree(t, once)

	out := t.TempDir()
	interrupted := 0
	for stopAt := 3; stopAt < len(want); stopAt += len(want)/4 + 1 {
		ctx, stop := context.WithCancel(context.Background())
		j := forgetfulJob(t, b, out, "now")
		j.SliceBytes = 1
		ended := make(chan error, 1)
		go func() {
			_, err := j.Run(ctx)
			ended <- err
		}()
		for deadline := time.Now().Add(time.Minute); len(trial.Tree(t, out)) < stopAt && len(ended) == 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("never %d files", stopAt)
			}
		}
		stop()
		switch err := <-ended; {
		case err == nil:
		case errors.Is(err, context.Canceled):
			interrupted++
		default:
			t.Fatal(err)
		}
	}
	if interrupted < 2 {
		t.Errorf("only %d runs were interrupted", interrupted)
	}
	j := forgetfulJob(t, b, out, "now")
	j.SliceBytes = 1
	run(t, j)
	trial.SameTree(t, fmt.Sprintf("interrupted %d times", interrupted), want, trial.Tree(t, out))
}

func TestJobsThatCannotEndAreRefusedWhereTheyMust(t *testing.T) {
	b := trial.Start(t, film.Records(film.Config{Cameras: 1, Frames: 5, Seed: 59}))
	for _, c := range []struct {
		name   string
		runner launch.Engine
		until  string
		slice  int64
		want   string
	}{
		{"spark without end", launch.Spark, "never", 0, "--runner=spark reads up to an end and stops: say --until=now, and run it again for what came since"},
		{"and it is said once, also with slices", launch.Spark, "never", 1, "--runner=spark reads up to an end and stops: say --until=now, and run it again for what came since"},
		{"slices without end", launch.Direct, "never", 100, "--slice-bytes=100 cuts jobs that end, and this one never does: say --until=now, or leave it out"},
		{"spark up to what is not there", launch.Spark, "6", 0,
			"topic frames partition 0: --until is offset 6, which the log has not reached, and this job reads only what is there: say --until=now, and run it again for what came since"},
		{"slices on flink", launch.Flink, "now", 100, "--slice-bytes=100: jobs on Flink are not cut, they stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			j := jobOn(t, b, out, c.until)
			j.Runner, j.SliceBytes = c.runner, c.slice
			if _, err := j.Run(context.Background()); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if _, err := os.Stat(out); c.until == "never" && err == nil {
				t.Error("an output was begun")
			}
		})
	}
}

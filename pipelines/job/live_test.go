package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/reload"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

// running is a live job.
type running struct {
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, j job.Job) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop, make(chan error, 1)}
	go func() {
		_, err := j.Run(ctx)
		r.ended <- err
	}()
	t.Cleanup(stop)
	return r
}

// until waits for something while the job runs.
func (r *running) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("after two minutes not: %s", what)
		}
		select {
		case err := <-r.ended:
			t.Fatalf("the job ended: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
}

// shown is how many rows readers of the output see.
func shown(t *testing.T, out string) int {
	t.Helper()
	if _, err := os.Stat(filepath.Join(out, "_framebeam", "layout.json")); errors.Is(err, os.ErrNotExist) {
		return 0
	}
	return len(trial.Rows(t, out))
}

// readUpTo is the offset up to which the log was read that counts it.
var readUpTo atomic.Int64

type countedLog struct{ log.Log }

func (l countedLog) Read(ctx context.Context, p chunk.Partition, from, to int64, maxBytes int, wait time.Duration) ([]frame.Record, int64, error) {
	recs, next, err := l.Log.Read(ctx, p, from, to, maxBytes, wait)
	if err == nil {
		readUpTo.Store(max(readUpTo.Load(), next))
	}
	return recs, next, err
}

func init() {
	log.Register("counted", func(ctx context.Context, s log.Spec) (log.Log, error) {
		s.Kind = "kafka"
		l, err := log.Open(ctx, s)
		return countedLog{l}, err
	})
}

func TestALiveJobShowsWhatItHasAnalysed(t *testing.T) {
	recs := film.WithSources(film.Records(film.Config{Cameras: 3, Frames: 60, Seed: 5, Odd: true}))
	b := trial.Start(t, nil)
	out := t.TempDir()
	j := jobOn(t, b, out, "never")
	j.N, j.Interim = chunkfolder.DefaultN, 100*time.Millisecond // all of it is in one chunk
	r := start(t, j)
	fed := 0
	for _, n := range []int{20, 50, 90} {
		trial.Add(t, b, 0, recs[fed:n])
		fed = n
		r.until(t, fmt.Sprintf("%d rows are seen", n), func() bool { return shown(t, out) == n })
	}
	trial.Add(t, b, 0, recs[fed:])
	r.end(t)
	seen := shown(t, out) // whatever had been read by then
	setUntil(t, &j, "now")
	run(t, j)
	rows := trial.Rows(t, out)
	if seen < fed || len(rows) != len(recs) {
		t.Errorf("%d rows of %d, and %d then, were seen", seen, fed, len(rows))
	}
	want := bareLoop(t, settings(), trial.Split(recs, 1), false)
	for i := range want {
		if !bytes.Equal(want[i].Marshal(), rows[i].Marshal()) {
			t.Fatalf("row %d differs from the bare loop's", i)
		}
	}
}

func TestWhatALiveJobHasReadIsPublishedWhenItIsStopped(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 2, Frames: 40, Seed: 5})
	b := trial.Start(t, recs)
	out := t.TempDir()
	j := jobOn(t, b, out, "never")
	j.N = chunkfolder.DefaultN // without Interim nothing is shown for ten seconds
	j.Log.Kind = "counted"
	readUpTo.Store(0)
	r := start(t, j)
	r.until(t, "all is read", func() bool { return readUpTo.Load() == int64(len(recs)) })
	r.end(t)
	if got := shown(t, out); got != len(recs) {
		t.Errorf("%d of %d rows are seen", got, len(recs))
	}
}

// Three files of analyses.
var analyses = []string{
	"motion: {min_area: 12}\n",
	"motion: {min_area: 60}\nbackground: true\n",
	"motion: {min_area: 12}\nquality: false\n",
}

// reloading gives a job a file of analyses that it follows.
func reloading(t *testing.T, j *job.Job, content string) (file string, state *reload.State) {
	t.Helper()
	file, state = filepath.Join(t.TempDir(), "analyses.yaml"), &reload.State{}
	rewriteFile(t, file, content)
	var err error
	if j.Analyses, err = job.LoadWatched(file, []byte(content)); err != nil {
		t.Fatal(err)
	}
	j.Watched = &job.Watched{File: file, Content: []byte(content), State: state, Every: 5 * time.Millisecond}
	return file, state
}

func rewriteFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func journalOf(t *testing.T, out string) *output.Output {
	t.Helper()
	f, err := store.Open(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	o, err := output.OpenExisting(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAChangedFileOfAnalysesIsAStopAndAStartAtThatPlace(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 13, Odd: true})), 2)
	b := trial.Start(t, nil, nil)
	live := t.TempDir()
	j := jobOn(t, b, live, "never")
	j.Interim = 100 * time.Millisecond
	file, state := reloading(t, &j, analyses[0])
	r := start(t, j)
	pieces := 6
	add := func(i int) { // frames come before and while the configuration changes
		for p, l := range logs {
			trial.Add(t, b, int32(p), l[len(l)*i/pieces:len(l)*(i+1)/pieces])
		}
	}
	begun := func(n int) func() bool {
		return func() bool { return shown(t, live) > 0 && len(journalOf(t, live).Generations()) == n }
	}
	add(0)
	r.until(t, "something is seen", func() bool { return shown(t, live) > 0 })
	add(1)
	rewriteFile(t, file, analyses[1])
	add(2)
	r.until(t, "the second generation", begun(2))
	rewriteFile(t, file, "motion: {min_area: big}\nzones: 7\n")
	r.until(t, "the bad file is told of", func() bool { return state.Last().Err != "" })
	if err := state.Last().Err; !strings.Contains(err, "min_area") || !strings.Contains(err, "zones") {
		t.Errorf("of a bad file it is said: %s", err)
	}
	add(3)
	rewriteFile(t, file, analyses[1]+"# nothing else\n")
	r.until(t, "the comment is noticed", func() bool { return state.Used() == reload.Digest([]byte(analyses[1]+"# nothing else\n")) })
	rewriteFile(t, file, analyses[2])
	add(4)
	r.until(t, "the third generation", begun(3))
	add(5)
	total := len(logs[0]) + len(logs[1])
	r.until(t, "all rows are seen", func() bool { return shown(t, live) == total })
	r.end(t)

	// By hand: each configuration up to where the next one begins, in each partition.
	byHand := t.TempDir()
	o := journalOf(t, live)
	for g, content := range analyses {
		for p := range logs {
			stretches, err := o.Stretches(t.Context(), chunk.Partition{Topic: trial.Topic, ID: int32(p)})
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(stretches, func(s output.Stretch) bool { return s.Generation.Number == g+1 })
			if i < 0 {
				continue // another began before it had made anything
			}
			j := jobOn(t, b, byHand, "now")
			j.Partitions = []int32{int32(p)}
			if to := stretches[i].To; to != chunk.MaxOffset {
				j.Until = plan.At(to)
			}
			if j.Analyses, err = job.LoadWatched(file, []byte(content)); err != nil {
				t.Fatal(err)
			}
			run(t, j)
		}
	}
	want, got := trial.Rows(t, byHand), trial.Rows(t, live)
	for i := range want {
		if !bytes.Equal(want[i].Marshal(), got[i].Marshal()) {
			t.Fatalf("row %d of %d differs: partition %d offset %d", i, len(want), want[i].Partition, want[i].Offset)
		}
	}
	whole := func(out string) map[string]string {
		tree := trial.Tree(t, out)
		maps.DeleteFunc(tree, func(name, _ string) bool { return strings.Contains(name, "_partial") })
		return tree
	}
	trial.SameTree(t, "changed while it ran", whole(byHand), whole(live))
}

package job_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	launch.Quiet(slog.LevelError)
	os.Exit(m.Run())
}

// everything is a configuration with all analyses that need no files, for small scenes.
const everything = "../../testdata/golden/analyses.yaml"

// settings are the analyses of the tests.
func settings() profiles.Config {
	cfg, err := profiles.Load(everything)
	if err != nil {
		panic(err)
	}
	return cfg
}

func jobOn(t *testing.T, b *broker.Broker, out, until string) job.Job {
	t.Helper()
	j := job.Job{
		Runner: launch.Direct, Log: log.Spec{Kind: "kafka", Brokers: b.Addrs()}, Topic: trial.Topic,
		Output: out, N: 32, Analyses: stages(t, settings()),
	}
	setUntil(t, &j, until)
	var err error
	if j.Start, err = plan.Start("earliest"); err != nil {
		t.Fatal(err)
	}
	return j
}

func stages(t *testing.T, cfg profiles.Config) profiles.Stages {
	t.Helper()
	s, err := cfg.Stages()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// remake gives a job the analyses of the tests with something changed.
func remake(t *testing.T, j *job.Job, change func(*profiles.Config)) {
	t.Helper()
	cfg := settings()
	change(&cfg)
	j.Analyses = stages(t, cfg)
}

func setUntil(t *testing.T, j *job.Job, until string) {
	t.Helper()
	var err error
	if j.Until, err = plan.Until(until); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, j job.Job) {
	t.Helper()
	if _, err := j.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// bareLoop analyses the logs without Beam, Kafka or files. With restored, every
// camera's state is saved and restored before each of its frames.
func bareLoop(t *testing.T, cfg profiles.Config, logs [][]frame.Record, restored bool) []result.Frame {
	t.Helper()
	stages, err := cfg.Stages()
	if err != nil {
		t.Fatal(err)
	}
	each, err := perframe.NewAnalyzer(stages.PerFrame)
	if err != nil {
		t.Fatal(err)
	}
	defer each.Close()
	var all []result.Frame
	for p, recs := range logs {
		cameras := map[string]*sequence.Camera{}
		analyzers := map[string]*sequence.Analyzer{}
		for o := range recs {
			rec := recs[o]
			rec.Offset = int64(o)
			it, err := each.Analyze(chunk.Partition{Topic: trial.Topic, ID: int32(p)}, &rec)
			if err != nil {
				t.Fatal(err)
			}
			if c := rec.Camera(); c != "" {
				if cameras[c] == nil {
					if analyzers[c], err = stages.Sequence.Analyzer(c); err != nil {
						t.Fatal(err)
					}
					cameras[c] = analyzers[c].Start()
				}
				if restored {
					saved, err := cameras[c].Save()
					if err != nil {
						t.Fatal(err)
					}
					cameras[c].Close()
					if cameras[c], err = analyzers[c].Restore(saved); err != nil {
						t.Fatal(err)
					}
				}
				if err := cameras[c].Next(&it); err != nil {
					t.Fatal(err)
				}
			}
			all = append(all, it.Result)
		}
		for _, c := range cameras {
			c.Close()
		}
	}
	return all
}

func TestResultsDoNotDependOnWhereStatesAreRestored(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 70, Seed: seed, Odd: true})), 2)
		want, got := bareLoop(t, settings(), logs, false), bareLoop(t, settings(), logs, true)
		for i := range want {
			if !bytes.Equal(want[i].Marshal(), got[i].Marshal()) {
				t.Fatalf("seed %d, topic %s partition %d offset %d: %s", seed, got[i].Topic, got[i].Partition, got[i].Offset, cmp.Diff(want[i], got[i]))
			}
		}
	}
}

func TestTheJobGivesWhatABareLoopGives(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 7, Odd: true})), 2)
	b := trial.Start(t, logs...)
	out := t.TempDir()
	j := jobOn(t, b, out, "now")
	run(t, j)
	got, want := trial.Rows(t, out), bareLoop(t, settings(), logs, false)
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b result.Frame) bool { return bytes.Equal(a.Marshal(), b.Marshal()) })); d != "" {
		t.Fatalf("results differ from the bare loop's (-want +got):\n%s", d)
	}
	found := map[string]int{}
	for _, r := range got {
		found[string(r.Status)]++
		if r.Status == result.Dead {
			found[r.Reason]++
		}
		found["boxes"] += len(r.Detections)
	}
	for _, what := range []string{"ok", "repeat", "source", "source_repeat", "dead", "boxes", "truncated", "not_an_image", "too_large", "bad_size", "no_key", "bad_key", "empty", "bad_json", "bad_version"} {
		if found[what] == 0 {
			t.Errorf("the log gave no %s: %v", what, found)
		}
	}
}

func TestOutputDoesNotDependOnTheBoundsOfReading(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 5, Frames: 50, Seed: 3, Odd: true})), 3)
	b := trial.Start(t, logs...)
	first := t.TempDir()
	run(t, jobOn(t, b, first, "now"))
	want := trial.Tree(t, first)
	for _, c := range []struct {
		name    string
		reading job.Reading
	}{
		{"one frame per run", job.Reading{RunRecords: 1}},
		{"one record per call", job.Reading{MaxRecords: 1}},
		{"three records per call and two per run", job.Reading{MaxRecords: 3, RunRecords: 2}},
		{"tiny fetches", job.Reading{MaxBytes: 4096}},
		{"everything at once", job.Reading{MaxRecords: 1 << 20, MaxBytes: 1 << 28, RunRecords: 1 << 20, RunBytes: 1 << 28}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			j := jobOn(t, b, out, "now")
			j.Reading = c.reading
			run(t, j)
			trial.SameTree(t, c.name, want, trial.Tree(t, out))
		})
	}
}

func TestAJobGoesOnWhereTheOutputEnds(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 80, Seed: 11, Odd: true})), 2)
	b := trial.Start(t, logs...)
	once := t.TempDir()
	run(t, jobOn(t, b, once, "now"))
	want := trial.Tree(t, once)

	piecewise := t.TempDir()
	for _, until := range []string{"1", "31", "32", "33", "64", "100", "100", "150", "now", "now"} {
		run(t, jobOn(t, b, piecewise, until))
	}
	trial.SameTree(t, "ten jobs, one after the other", want, trial.Tree(t, piecewise))
}

func TestLiveIsReplay(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 80, Seed: 5, Odd: true})), 2)
	replayed := t.TempDir()
	run(t, jobOn(t, trial.Start(t, logs...), replayed, "now"))

	live := t.TempDir()
	b := trial.Start(t, nil, nil)
	j := jobOn(t, b, live, "never")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := j.Run(ctx)
		ended <- err
	}()
	for i := 0; i < len(logs[0]) || i < len(logs[1]); i += 7 {
		for p := range logs {
			trial.Add(t, b, int32(p), logs[p][min(i, len(logs[p])):min(i+7, len(logs[p]))])
		}
	}
	// What is complete appears while the job runs.
	complete := map[string]string{}
	for name, digest := range trial.Tree(t, replayed) {
		if !strings.Contains(name, "_partial") {
			complete[name] = digest
		}
	}
	for deadline := time.Now().Add(time.Minute); ; {
		got := trial.Tree(t, live)
		for name := range got {
			if strings.Contains(name, "_partial") || strings.Contains(name, store.TempDir) {
				delete(got, name)
			}
		}
		if len(got) == len(complete) {
			trial.SameTree(t, "live", complete, got)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute there are %d of %d files", len(got), len(complete))
		}
		select {
		case err := <-ended:
			t.Fatalf("the live job ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	<-ended
	setUntil(t, &j, "now")
	run(t, j)
	trial.SameTree(t, "live, interrupted, finished", trial.Tree(t, replayed), trial.Tree(t, live))
}

func TestUnequalLoadIsWrittenWhole(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 50, Frames: 12, Width: 48, Height: 32, Seed: 9})
	var some []frame.Record
	for i, r := range recs {
		// Cameras come and go; one is silent from its second frame on.
		c, f := i%50, i/50
		if c == 7 && f > 0 && f < 11 || c%5 == 1 && f < 6 || c%5 == 2 && f > 6 {
			continue
		}
		some = append(some, r)
	}
	logs := append(trial.Split(some, 3), nil) // and a partition that nobody writes to
	b := trial.Start(t, logs...)
	out := t.TempDir()
	run(t, jobOn(t, b, out, "now"))
	got, want := trial.Rows(t, out), bareLoop(t, settings(), logs, false)
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b result.Frame) bool { return bytes.Equal(a.Marshal(), b.Marshal()) })); d != "" {
		t.Fatalf("results differ from the bare loop's (-want +got):\n%s", d)
	}
}

func TestAForgottenCameraStartsAfreshHoweverItIsRead(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 2, Frames: 150, Seed: 21})
	var l []frame.Record
	for i, r := range recs {
		if i%2 == 1 && i > 40 && i < 260 {
			continue // camera 1 is away for more than three chunks
		}
		l = append(l, r)
	}
	b := trial.Start(t, l)
	forgetful := func(out, until string) job.Job {
		j := jobOn(t, b, out, until)
		j.N = 16
		remake(t, &j, func(c *profiles.Config) { c.Forget = 3 })
		return j
	}
	once := t.TempDir()
	run(t, forgetful(once, "now"))
	piecewise := t.TempDir()
	for _, until := range []string{"40", "90", "130", "170", "now"} {
		j := forgetful(piecewise, until)
		j.Reading = job.Reading{RunRecords: 3, MaxRecords: 5}
		run(t, j)
	}
	trial.SameTree(t, "five jobs", trial.Tree(t, once), trial.Tree(t, piecewise))
}

func TestAChangedConfigurationBeginsAGeneration(t *testing.T) {
	logs := trial.Split(film.Records(film.Config{Cameras: 3, Frames: 60, Seed: 2, Odd: true}), 1)
	b := trial.Start(t, logs...)
	out := t.TempDir()
	run(t, jobOn(t, b, out, "100")) // three chunks of 32 and a tail
	before := trial.Tree(t, out)
	shown := trial.Rows(t, out)

	changed := jobOn(t, b, out, "now")
	remake(t, &changed, func(c *profiles.Config) { c.Set("motion", `{"min_area": 12, "threshold": 40}`) })
	run(t, changed)
	after := trial.Tree(t, out)
	for name, digest := range before {
		if !strings.Contains(name, "_partial") && after[name] != digest {
			t.Errorf("%s changed although its generation was complete", name)
		}
	}
	other := t.TempDir()
	run(t, jobOn(t, b, other, "now"))
	same, differ := 0, 0
	want, got := trial.Rows(t, other), trial.Rows(t, out)
	if len(want) != len(got) {
		t.Fatalf("%d results, want %d", len(got), len(want))
	}
	for i := range got {
		w, g := want[i].Marshal(), got[i].Marshal()
		switch {
		case got[i].Offset < 100 && (!bytes.Equal(w, g) || !bytes.Equal(shown[i].Marshal(), g)):
			t.Errorf("offset %d, of the first generation, changed", got[i].Offset)
		case got[i].Offset >= 100 && !bytes.Equal(w, g):
			differ++
		default:
			same++
		}
	}
	if differ == 0 {
		t.Error("the new configuration changed nothing")
	}
}

func TestTheSameConfigurationInAnotherSpellingIsTheSame(t *testing.T) {
	cfg, err := profiles.Parse("a.yaml", []byte("motion: {threshold: 20, blur: 3}\nquality: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	def := profiles.Default()
	a, err := cfg.Stages()
	if err != nil {
		t.Fatal(err)
	}
	b, err := def.Stages()
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest != b.Digest {
		t.Error("defaults written out have another digest than defaults left out")
	}
}

// The log misbehaves.

func TestPassingTroubleOfTheBrokerChangesNothing(t *testing.T) {
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 13}), 2)
	calm := t.TempDir()
	run(t, jobOn(t, trial.Start(t, logs...), calm, "now"))
	for _, c := range []struct {
		name    string
		trouble func(*broker.Broker)
	}{
		{"not the leader", func(b *broker.Broker) { b.Fail(broker.Fetch, broker.NotLeader, 5) }},
		{"requests time out", func(b *broker.Broker) { b.Fail(broker.Fetch, broker.RequestTimedOut, 3) }},
		{"connections are cut", func(b *broker.Broker) { b.Cut(broker.Fetch, 4) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := trial.Start(t, logs...)
			c.trouble(b)
			out := t.TempDir()
			j := jobOn(t, b, out, "now")
			j.Reading.MaxRecords = 40
			run(t, j)
			trial.SameTree(t, c.name, trial.Tree(t, calm), trial.Tree(t, out))
		})
	}
}

func TestGapsInTheLogAreNoLoss(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 2, Frames: 60, Seed: 17})
	b := trial.Start(t, recs)
	if err := b.DeleteRecords(trial.Topic, 0, 45); err != nil { // before anything was read
		t.Fatal(err)
	}
	out := t.TempDir()
	run(t, jobOn(t, b, out, "now"))
	got := trial.Rows(t, out)
	if len(got) != len(recs)-45 || got[0].Offset != 45 {
		t.Fatalf("%d results from offset %d, want %d from 45", len(got), got[0].Offset, len(recs)-45)
	}
	run(t, jobOn(t, b, out, "now"))
}

func TestAJobWithNothingToDoKeepsTheBeginningOfAChunk(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 2, Frames: 40, Seed: 29})
	b := trial.Start(t, recs)
	out := t.TempDir()
	run(t, jobOn(t, b, out, "now"))
	before := trial.Tree(t, out)
	run(t, jobOn(t, b, out, "32"))
	trial.SameTree(t, "stop before what is there", before, trial.Tree(t, out))
}

func TestAJobMayStopAndGoOnInAGap(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 1, Frames: 100, Seed: 31})
	b := trial.Start(t, recs)
	if err := b.Compact(t.Context(), trial.Topic); err != nil { // leaves [49, 100)
		t.Fatal(err)
	}
	whole, out := t.TempDir(), t.TempDir()
	run(t, jobOn(t, b, whole, "now"))
	for _, until := range []string{"10", "32", "40", "now"} {
		run(t, jobOn(t, b, out, until))
	}
	if got := trial.Rows(t, out); len(got) != 51 {
		t.Errorf("%d results, want 51", len(got))
	}
	trial.SameTree(t, "stopped in gaps", trial.Tree(t, whole), trial.Tree(t, out))
}

func TestRetentionMayTakeAllThatWasReadUpToAGap(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 1, Frames: 150, Seed: 37})
	for i := range 50 {
		recs[i].Key = []byte("gone")
	}
	b := trial.Start(t, recs)
	if err := b.Compact(t.Context(), trial.Topic); err != nil { // leaves 49 and [100, 150)
		t.Fatal(err)
	}
	out := t.TempDir()
	run(t, jobOn(t, b, out, "64"))
	if err := b.DeleteRecords(trial.Topic, 0, 64); err != nil {
		t.Fatal(err)
	}
	run(t, jobOn(t, b, out, "now"))
	if got := trial.Rows(t, out); len(got) < 51 || got[0].Offset != 49 {
		t.Errorf("%d results", len(got))
	}
}

func TestWhatIsLostIsSaid(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 2, Frames: 60, Seed: 19})
	cases := []struct {
		name   string
		happen func(t *testing.T, b *broker.Broker)
		says   string
	}{
		{"retention deletes what was not read yet", func(t *testing.T, b *broker.Broker) {
			if err := b.DeleteRecords(trial.Topic, 0, 90); err != nil {
				t.Fatal(err)
			}
		}, "deleted"},
		{"the topic is created anew and is shorter", func(t *testing.T, b *broker.Broker) {
			if err := b.Recreate(context.Background(), trial.Topic, 10); err != nil {
				t.Fatal(err)
			}
		}, "created anew"},
		{"the topic is created anew with other frames", func(t *testing.T, b *broker.Broker) {
			if err := b.Recreate(context.Background(), trial.Topic, 0); err != nil {
				t.Fatal(err)
			}
			trial.Add(t, b, 0, film.Records(film.Config{Cameras: 2, Frames: 60, Seed: 20}))
		}, "created anew"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := trial.Start(t, recs)
			out := t.TempDir()
			run(t, jobOn(t, b, out, "70"))
			before := trial.Rows(t, out)
			c.happen(t, b)
			j := jobOn(t, b, out, "now")
			_, err := j.Run(context.Background())
			if !errors.Is(err, log.ErrDataLoss) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("the error is %v, want data loss that says %q", err, c.says)
			}
			if after := trial.Rows(t, out); len(after) != len(before) {
				t.Errorf("there were %d results, now there are %d", len(before), len(after))
			}
		})
	}
}

func TestRetentionWhileReadingIsAnErrorOfTheJob(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 2, Frames: 100, Seed: 23})
	b := trial.Start(t, recs[:64])
	out := t.TempDir()
	j := jobOn(t, b, out, "never")
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, err := j.Run(ctx)
		ended <- err
	}()
	for deadline := time.Now().Add(time.Minute); len(trial.Tree(t, out)) < 4; {
		if time.Now().After(deadline) {
			t.Fatal("the first chunks were never written")
		}
		select {
		case err := <-ended:
			t.Fatalf("the job ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	b.Fail(broker.Fetch, broker.NotLeader, 3) // keep the reader busy while the log loses what comes next
	trial.Add(t, b, 0, recs[64:])
	if err := b.DeleteRecords(trial.Topic, 0, 150); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "deleted") {
			t.Fatalf("the job ended with %v, want an error that says what was deleted", err)
		}
	case <-time.After(time.Minute):
		// The reader may have been faster than retention; then nothing is lost.
		stop()
		<-ended
		setUntil(t, &j, "now")
		run(t, j)
		if got := len(trial.Rows(t, out)); got != len(recs) {
			t.Fatalf("no error, and %d of %d results", got, len(recs))
		}
	}
}

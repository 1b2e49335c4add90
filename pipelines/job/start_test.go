package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/log"
)

// generations are those of the output.
func generations(t *testing.T, root string) []output.Generation {
	t.Helper()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.OpenExisting(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return out.Generations()
}

// waitFor waits until the output holds so many rows.
func waitFor(t *testing.T, root string, rows int, ended <-chan error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		n := 0
		if _, err := os.Stat(filepath.Join(root, "_framebeam", "layout.json")); err == nil {
			n = len(trial.Rows(t, root))
		}
		if n >= rows {
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("the live job ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute there are %d of %d rows", n, rows)
		}
	}
}

func TestAJobThatFailsAtItsStartLeavesTheLiveJobAlive(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 2, Frames: 80, Seed: 71})
	b := trial.Start(t, recs[:40])
	archive := archived(t, b, 32, "now")
	trial.Add(t, b, 0, recs[40:100])
	out := t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	live := jobOn(t, b, out, "never")
	ended := make(chan error, 1)
	go func() {
		_, err := live.Run(ctx)
		ended <- err
	}()
	waitFor(t, out, 96, ended)

	for name, break_ := range map[string]func(*job.Job){
		"the archive ends before the output":   func(j *job.Job) { j.Log = archive },
		"the topic does not exist":             func(j *job.Job) { j.Topic, j.Log.Patience = "nosuch", time.Second },
		"the end cannot be reached":            func(j *job.Job) { j.SliceBytes = 1; setUntil(t, j, "1000") },
		"the events topic does not exist":      func(j *job.Job) { j.Events.Brokers, j.Events.Topic = j.Log.Brokers, "events" },
		"the output has another size of chunk": func(j *job.Job) { j.N = 16 },
	} {
		j := jobOn(t, b, out, "now")
		j.Analyses = stages(t, profiles.Default())
		break_(&j)
		if _, err := j.Run(context.Background()); err == nil {
			t.Errorf("%s: it did not fail", name)
		}
		if n := len(generations(t, out)); n != 1 {
			t.Fatalf("%s: there are %d generations", name, n)
		}
	}
	trial.Add(t, b, 0, recs[100:])
	waitFor(t, out, 160, ended)
	stop()
	<-ended
}

func TestATopicThatDoesNotExistLeavesNothingBehind(t *testing.T) {
	b := trial.Start(t, film.Records(film.Config{Cameras: 1, Frames: 4}))
	archive := archived(t, b, 32, "now")
	for name, log := range map[string]log.Spec{
		"Kafka":   {Kind: "kafka", Brokers: b.Addrs(), Patience: 100 * time.Millisecond},
		"archive": archive,
	} {
		j := jobOn(t, b, filepath.Join(t.TempDir(), "out"), "now")
		j.Topic, j.Log = "nosuch", log
		if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "nosuch") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(j.Output); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something was written: %v", name, err)
		}
	}
}

func TestAJobWithoutAConfigurationTakesThatOfTheOutput(t *testing.T) {
	b := trial.Start(t, film.Records(film.Config{Cameras: 2, Frames: 50, Seed: 73}))
	whole, out := t.TempDir(), t.TempDir()
	run(t, jobOn(t, b, whole, "now"))
	run(t, jobOn(t, b, out, "40"))
	later := jobOn(t, b, out, "now")
	later.Analyses, later.Remembered, later.N = stages(t, profiles.Default()), true, 0
	run(t, later)
	if gens := generations(t, out); len(gens) != 1 {
		t.Errorf("there are %d generations", len(gens))
	}
	trial.SameTree(t, "in two jobs, the second without a configuration", trial.Tree(t, whole), trial.Tree(t, out))

	// A journal that this program does not understand.
	file := filepath.Join(out, "_framebeam", "generation-000001.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g map[string]any
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	g["config"] = strings.Replace(g["config"].(string), `"Kind": "motion"`, `"Kind": "commotion"`, 1)
	if text, err = json.Marshal(g); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := later.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "--config") || !strings.Contains(err.Error(), "commotion") {
		t.Errorf("it went on: %v", err)
	}
}

func TestAJobTakesTheChunksThatTheOutputHas(t *testing.T) {
	b := trial.Start(t, film.Records(film.Config{Cameras: 1, Frames: 20, Seed: 79}))
	out := t.TempDir()
	first := jobOn(t, b, out, "10")
	first.N = 8
	run(t, first)
	later := jobOn(t, b, out, "now")
	later.N = 0
	run(t, later)
	if got := trial.Rows(t, out); len(got) != 20 {
		t.Errorf("%d rows", len(got))
	}
	later.N = 16
	if _, err := later.Run(context.Background()); !errors.Is(err, output.ErrOtherLayout) {
		t.Errorf("another size was given: %v", err)
	}
	begun := jobOn(t, b, t.TempDir(), "now")
	begun.N = 0
	run(t, begun)
	folder, err := store.Open(t.Context(), begun.Output)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := output.OpenExisting(t.Context(), folder); err != nil || o.N() != chunkfolder.DefaultN {
		t.Errorf("%v", err)
	}
}

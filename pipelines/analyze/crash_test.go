package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
)

// sensitive and lazy are two configurations.
const (
	sensitive = "motion: {min_area: 12}\n"
	lazy      = "motion: {min_area: 12, threshold: 40}\n"
)

// process is one started analyze.
type process struct {
	*exec.Cmd
	said bytes.Buffer
	err  error // of Wait
}

func begin(t *testing.T, b *broker.Broker, out, config, until, crash string, more ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "analyses.yaml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--runner=direct", "--brokers", strings.Join(b.Addrs(), ","), "--topic", trial.Topic,
		"--output", out, "--chunk=20", "--config", file, "--until", until, "--poll-records=40"}, more...)
	p := &process{Cmd: command.New(t, "analyze", crash, args...)}
	p.Stdout, p.Stderr = &p.said, &p.said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// analyze runs the command to its end, which must be good.
func analyze(t *testing.T, b *broker.Broker, out, config, until string) {
	t.Helper()
	if p := begin(t, b, out, config, until, ""); p.Wait() != nil {
		t.Fatalf("analyze: %v\n%s", p.ProcessState, &p.said)
	}
}

// killed waits for the process and reports whether it was killed; any other bad
// end fails the test.
func killed(t *testing.T, p *process) bool {
	t.Helper()
	err := p.Wait()
	if err != nil && !command.Killed(err) {
		t.Fatalf("analyze: %v\n%s", p.ProcessState, &p.said)
	}
	return err != nil
}

// someLog has five chunks in each of two partitions, the last of them not filled.
var someLog = sync.OnceValue(func() [][]frame.Record {
	return trial.Split(film.Records(film.Config{Cameras: 4, Frames: 45, Seed: 31, Odd: true}), 2)
})

// calm is what a process that nobody kills writes of someLog, once there was one.
var calm struct {
	sync.Once
	tree map[string]string
}

func undisturbed(t *testing.T, b *broker.Broker) map[string]string {
	t.Helper()
	calm.Do(func() {
		out := t.TempDir()
		analyze(t, b, out, sensitive, "now")
		calm.tree = trial.Tree(t, out)
	})
	return calm.tree
}

func TestKilledAtEachPointAndStartedAgainItWritesTheSameBytes(t *testing.T) {
	b := trial.Start(t, someLog()...)
	want := undisturbed(t, b)
	for point, counts := range map[string][]int{
		"source-claim":       {1, 2, 9}, // after records were claimed, before they are emitted
		"source-checkpoint":  {1, 2},    // a call has ended inside a chunk
		"source-end":         {1, 3},    // between a chunk's end and the next chunk
		"sequence-run":       {1, 5, 30},
		"sink-claim":         {1, 4}, // a chunk is whole, nothing of it is written
		"sink-temp-closed":   {1, 2, 5},
		"sink-between-files": {1, 3},
		"sink-renamed":       {1, 2, 6},
		"journal-generation": {1, 2, 3},
	} {
		for _, n := range counts {
			crash := fmt.Sprintf("%s:%d", point, n)
			t.Run(crash, func(t *testing.T) {
				out := t.TempDir()
				if !killed(t, begin(t, b, out, sensitive, "now", crash)) {
					t.Fatalf("the point was not reached %d times", n)
				}
				analyze(t, b, out, sensitive, "now")
				trial.SameTree(t, "killed at "+crash, want, trial.Tree(t, out))
			})
		}
	}
}

func TestKilledAfterALaterChunkWasCompleteBeforeAnEarlierOne(t *testing.T) {
	b := trial.Start(t, someLog()...)
	want := undisturbed(t, b)
	// The order in which chunks become complete is the engine's affair; with all
	// records in one bundle it mostly is not theirs.
	for range 20 {
		out := t.TempDir()
		if !killed(t, begin(t, b, out, sensitive, "now", "sink-out-of-order:1", "--poll-records=2000")) {
			continue
		}
		analyze(t, b, out, sensitive, "now")
		trial.SameTree(t, "killed", want, trial.Tree(t, out))
		return
	}
	t.Fatal("no chunk was complete before an earlier one in 20 runs")
}

func TestKilledAtRandomAgainAndAgainItWritesTheSameBytes(t *testing.T) {
	b := trial.Start(t, someLog()...)
	want := undisturbed(t, b)
	const seed = 42
	dice := rand.New(rand.NewPCG(seed, seed))
	for round := range 4 {
		out := t.TempDir()
		kills := 0
		for done := false; !done; {
			p := begin(t, b, out, sensitive, "now", "")
			// The longest fuse is longer than a run, so that it ends some time.
			fuse := time.AfterFunc(time.Duration(200+dice.IntN(1500))*time.Millisecond, func() { p.Process.Kill() })
			done = !killed(t, p)
			fuse.Stop()
			if !done {
				if kills++; kills == 8 {
					analyze(t, b, out, sensitive, "now")
					done = true
				}
			}
		}
		trial.SameTree(t, fmt.Sprintf("round %d, seed %d, killed %d times", round, seed, kills), want, trial.Tree(t, out))
	}
}

func TestTwoProcessesOnOneOutputByMistake(t *testing.T) {
	b := trial.Start(t, someLog()...)
	want := undisturbed(t, b)
	t.Run("with the same configuration both write the same", func(t *testing.T) {
		out := t.TempDir()
		one, two := begin(t, b, out, sensitive, "now", ""), begin(t, b, out, sensitive, "now", "")
		if killed(t, one) || killed(t, two) {
			t.Fatal("a process was killed")
		}
		// A tail is swept by whoever starts; the next job puts it back.
		analyze(t, b, out, sensitive, "now")
		trial.SameTree(t, "two processes", want, trial.Tree(t, out))
	})
	t.Run("with another configuration the earlier one stops", func(t *testing.T) {
		out := t.TempDir()
		analyze(t, b, out, sensitive, "40")
		before := len(trial.Tree(t, out))
		live := begin(t, b, out, sensitive, "never", "")
		for deadline := time.Now().Add(time.Minute); len(trial.Tree(t, out)) <= before; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the earlier job writes nothing:\n%s", &live.said)
			}
		}
		analyze(t, b, out, lazy, "now")
		// Whatever the earlier one still had under way, it must not write any more.
		ended := make(chan error, 1)
		go func() { ended <- live.Wait() }()
		for i := 0; ; i++ {
			trial.Add(t, b, 0, film.Records(film.Config{Cameras: 1, Frames: 40, Seed: uint64(2 + i)}))
			select {
			case err := <-ended:
				if err == nil || !strings.Contains(live.said.String(), "superseded") {
					t.Fatalf("the earlier process ended with %v:\n%s", err, &live.said)
				}
			case <-time.After(time.Second):
				if i == 60 {
					t.Fatal("the earlier process goes on after a minute")
				}
				continue
			}
			break
		}
		analyze(t, b, out, lazy, "now")
		rows := trial.Rows(t, out)
		seen := map[string]bool{}
		for _, r := range rows {
			key := fmt.Sprint(r.Partition, "/", r.Offset)
			if seen[key] {
				t.Errorf("offset %s has two results", key)
			}
			seen[key] = true
		}
		total := int64(0)
		for p := int32(0); p < 2; p++ {
			_, end, err := b.Bounds(trial.Topic, p)
			if err != nil {
				t.Fatal(err)
			}
			total += end
		}
		if int64(len(rows)) != total {
			t.Errorf("%d results for %d records", len(rows), total)
		}
	})
}

func TestKilledWhileAGenerationBegins(t *testing.T) {
	b := trial.Start(t, someLog()...)
	changed := t.TempDir()
	analyze(t, b, changed, sensitive, "50") // in the midst of a chunk, whose beginning stays
	analyze(t, b, changed, lazy, "now")
	want := trial.Tree(t, changed)
	for n := 1; n <= 6; n++ {
		crash := fmt.Sprintf("journal-generation:%d", n)
		t.Run(crash, func(t *testing.T) {
			out := t.TempDir()
			analyze(t, b, out, sensitive, "50")
			reached := killed(t, begin(t, b, out, lazy, "now", crash))
			if !reached && n < 6 {
				t.Fatalf("the point was not reached %d times", n)
			}
			analyze(t, b, out, lazy, "now")
			trial.SameTree(t, "killed at "+crash, want, trial.Tree(t, out))
		})
	}
}

func TestInterruptedItSaysSoAndGoesOnLater(t *testing.T) {
	b := trial.Start(t, someLog()...)
	want := undisturbed(t, b)
	out := t.TempDir()
	p := begin(t, b, out, sensitive, "never", "")
	for deadline := time.Now().Add(time.Minute); len(trial.Tree(t, out)) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was written:\n%s", &p.said)
		}
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil || !strings.Contains(p.said.String(), "interrupted") {
		t.Fatalf("after an interrupt: %v\n%s", err, &p.said)
	}
	analyze(t, b, out, sensitive, "now")
	trial.SameTree(t, "interrupted", want, trial.Tree(t, out))
}

func TestBadCommandLinesSayEverythingAtOnce(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"flags", []string{"--runner=abacus", "--topic", "no/topic", "--until", "tomorrow", "--chunk=0"},
			[]string{"abacus", "no/topic", "tomorrow", "--chunk=0", "--output"}},
		{"the files that they name", []string{"--runner=flink", "--output", filepath.Join(dir, "out"),
			"--engine-options", file("options.yaml", "finish_bundle_before_checkpointing: false\n"),
			"--config", file("analyses.yaml", "cascades: {cats: {cascade: cats.xml}}\n")},
			[]string{"options.yaml:1: finish_bundle_before_checkpointing must be true", `analysis cascades/cats: cascade "cats.xml" is not in`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := command.New(t, "analyze", "", c.args...).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("%v, want exit code 2", err)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("nothing is said of %s:\n%s", want, out)
				}
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an output was begun: %v", err)
	}
}

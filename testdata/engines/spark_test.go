//go:build engines

package engines

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/runner-configs/stack/servers/serverstest"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
)

func TestSparkRefusesAJobWithoutEnd(t *testing.T) {
	j := start(t, "analyze", []string{"--runner=spark", "--endpoint=127.0.0.1:1", "--until=never", "--output=" + newFolder(t, "out")}, fromKafka("none"))
	if code := j.wait(); code != 2 {
		t.Errorf("exit code %d", code)
	}
	if want := "--runner=spark reads up to an end and stops: say --until=now, and run it again for what came since"; !strings.Contains(j.output(), want) {
		t.Errorf("it says\n%s\nwant %s", j.output(), want)
	}
}

// sparkProcesses are the processes that the workers of a stack have started and whose
// command line contains a text.
func sparkProcesses(s *servers.Stack, text string) (pids []int) {
	for _, name := range s.Names() {
		if !strings.HasPrefix(name, "spark-worker-") {
			continue
		}
		for _, pid := range s.Children(name) {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && bytes.Contains(line, []byte(text)) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// What the command lines of the workers' processes contain.
const (
	anExecutor = "CoarseGrainedExecutorBackend"
	aGoWorker  = "--provision_endpoint"
)

// A job is killed, whichever part of it, between its first results and its end, and run
// again.
func TestSparkJobKilledAndRunAgainWritesTheSame(t *testing.T) {
	on := onSpark(t)
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 23, Odd: true}), 2)
	from := topic(t, len(logs))
	publishAll(t, from, logs)
	// A slice is what lies in half of a partition.
	var half int
	for _, r := range logs[0] {
		half += len(r.Value)
	}
	half = half * 6 / 10
	args := func(out string) []string {
		return []string{"--chunk=16", "--until=now", "--output=" + out}
	}
	wanted := newFolder(t, "direct")
	run(t, "analyze", direct(t), fromKafka(from), args(wanted))
	want := trial.Tree(t, wanted)

	signal := func(what string) func(*job) error {
		return func(*job) error {
			pids := sparkProcesses(stack, what)
			if len(pids) == 0 {
				return errors.New("there is none")
			}
			// Of Go workers the youngest: those of the slice before wait some seconds for more.
			return syscall.Kill(slices.Max(pids), syscall.SIGKILL)
		}
	}
	server := func(name string) func(*job) error {
		return func(*job) error {
			if err := stack.Kill(name); err != nil {
				return err
			}
			return stack.Start(t.Context(), name)
		}
	}
	for _, c := range []struct {
		name string
		kill func(*job) error
	}{
		{"the client", func(j *job) error { j.kill(); return nil }},
		{"a Go worker", signal(aGoWorker)},
		{"an executor", signal(anExecutor)},
		{"a worker", server("spark-worker-1")},
		{"the job server", server("spark-job-server")},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := newFolder(t, "out")
			sliced := []string{fmt.Sprintf("--slice-bytes=%d", half)}
			j := start(t, "analyze", on, fromKafka(from), args(out), sliced)
			eventually(t, "the second slice is analysed", func() bool {
				select {
				case <-j.done:
					t.Fatalf("it has ended:\n%s", j.output())
				default:
				}
				return len(trial.Tree(t, out)) > 0 && strings.Contains(j.output(), "slice 2:") && len(sparkProcesses(stack, aGoWorker)) > 0
			})
			if err := c.kill(j); err != nil {
				t.Fatal(err)
			}
			t.Logf("the client ended with exit code %d", j.wait())
			run(t, "analyze", on, fromKafka(from), args(out), sliced)
			trial.SameTree(t, c.name, want, trial.Tree(t, out))
		})
	}
}

// Job after job over what has come since is the same as one job over everything.
func TestTwentySparkJobsAreOne(t *testing.T) {
	const jobs = 20
	on := onSpark(t)
	logs := trial.Split(film.Records(film.Config{Cameras: 5, Frames: 120, Seed: 29, Odd: true}), 2)
	from := topic(t, len(logs))
	out, wanted := newFolder(t, "out"), newFolder(t, "direct")
	args := func(out string) []string { return []string{"--chunk=32", "--until=now", "--output=" + out} }
	for i := range jobs {
		for p, log := range logs {
			// Amounts that grow, and none of which is a number of chunks.
			part := func(i int) int { return len(log) * i * (i + 1) / (jobs * (jobs + 1)) }
			if err := publish(t.Context(), from, p, log[part(i):part(i+1)]); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		run(t, "analyze", on, fromKafka(from), args(out))
		t.Logf("job %d took %v", i+1, time.Since(begun).Round(time.Second))
	}
	run(t, "analyze", direct(t), fromKafka(from), args(wanted))
	trial.SameTree(t, "twenty jobs", trial.Tree(t, wanted), trial.Tree(t, out))
}

// heavy makes the records of one camera by their number, each of about size bytes and
// cheap to analyse: small images with comments.
func heavy(camera string, size int) func(int) frame.Record {
	var scenes []frame.Record
	for _, r := range film.Records(film.Config{Cameras: 1, Frames: 16, Seed: 41}) {
		const most = 65535 - 2
		comment := append([]byte{0xFF, 0xFE, 0xFF, 0xFF}, make([]byte, most)...)
		comments := bytes.Repeat(comment, size/len(comment))
		r.Value = slices.Concat(r.Value[:2], comments, r.Value[2:])
		scenes = append(scenes, r)
	}
	return func(i int) frame.Record {
		f := frame.Frame{
			Camera: camera, Epoch: "e1", Sequence: int64(i), Captured: film.Begin.Add(time.Duration(i) * 100 * time.Millisecond),
			Width: 96, Height: 72, Encoding: frame.JPEG, Data: scenes[i%len(scenes)].Value,
		}
		return f.CloudEvent()
	}
}

// A backlog may be larger than what an executor can hold, many times.
func TestSparkReadsABacklogOfTenHeaps(t *testing.T) {
	long(t, "5 GB in some forty jobs, one after another")
	const (
		heap       = 480 << 20 // little more than the least that Spark takes, of which it leaves out a survivor space
		partitions = 2
		frameBytes = 1 << 20
		frames     = 10 * heap / frameBytes / partitions
	)
	from := strings.ToLower(t.Name())
	// One copy: disks are small.
	createTopic(t, client(), kafka.TopicConfig{Topic: from, NumPartitions: partitions, ReplicationFactor: 1})
	t.Cleanup(func() {
		if _, err := client().DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{from}}); err != nil {
			t.Log(err)
		}
	})
	for p := range partitions {
		record := heavy(film.Camera(p), frameBytes)
		for i := 0; i < frames; i += 4 {
			var recs []frame.Record
			for k := i; k < min(i+4, frames); k++ {
				recs = append(recs, record(k))
			}
			if err := publish(t.Context(), from, p, recs); err != nil {
				t.Fatal(err)
			}
		}
	}
	small := serverstest.Up(t, servers.Config{
		Services: []string{servers.Spark}, SparkWorkers: 1,
		SparkProperties: map[string]string{"spark.executor.memory": fmt.Sprintf("%dm", heap>>20)},
	})
	args := func(out string) []string { return []string{"--chunk=32", "--until=now", "--output=" + out} }
	out, wanted := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "direct")
	begun := time.Now()
	j := start(t, "analyze", []string{"--runner=spark", "--endpoint=" + small.SparkJobServer(), "--engine-options=" + small.SparkJobOptions()}, fromKafka(from), args(out))
	var executor, worker int64
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-j.done:
			running = false
		case <-tick.C:
		}
		for _, pid := range sparkProcesses(small, anExecutor) {
			executor = max(executor, residentBytes(pid))
		}
		for _, pid := range sparkProcesses(small, aGoWorker) {
			worker = max(worker, residentBytes(pid))
		}
		if time.Since(begun) > 30*time.Minute {
			t.Fatalf("it does not end:\n%s", j.output())
		}
	}
	said := j.output()
	t.Logf("%d slices in %v; at most %d MB of the executor and %d MB of its worker were resident",
		strings.Count(said, "\nslice ")+1, time.Since(begun).Round(time.Second), executor>>20, worker>>20)
	if code := j.wait(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if log, err := os.ReadFile(small.Log("spark-job-server")); err != nil || bytes.Contains(log, []byte("Lost task")) {
		t.Errorf("tasks were lost: see %s (%v)", small.Log("spark-job-server"), err)
	}
	run(t, "analyze", direct(t), fromKafka(from), args(wanted))
	trial.SameTree(t, "backlog", trial.Tree(t, wanted), trial.Tree(t, out))
}

// residentBytes is a process's, 0 if it has ended.
func residentBytes(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

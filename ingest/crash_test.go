package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/cli/program"
	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/testdata/webcam"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
)

// process is one started command.
type process struct {
	*exec.Cmd
	said transcript // complete once the process was waited for
}

// transcript is what a process has said so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func begin(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: command.New(t, name, "", args...)}
	p.Stdout, p.Stderr = &p.said, &p.said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	return p
}

// ends waits for an end that must be good.
func (p *process) ends(t *testing.T) {
	t.Helper()
	if err := p.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", p.Path, err, &p.said)
	}
}

// killed kills the process and waits until it is gone.
func (p *process) killed(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); !command.Killed(err) {
		t.Fatalf("it ended with %v before it was killed\n%s", err, &p.said)
	}
}

func collect(t *testing.T, b *broker.Broker, config string, more ...string) *process {
	t.Helper()
	args := []string{"--config", write(t, "cameras.yaml", config), "--brokers", strings.Join(b.Addrs(), ","), "--topic", trial.Topic}
	return begin(t, "ingest", append(args, more...)...)
}

// analyze is a process that analyses all that is in the topic at the brokers of its
// first argument, into the folder of the second. (In the test's own process Beam would
// leave goroutines behind.)
func analyze() {
	brokers, out := os.Args[1], os.Args[2]
	beam.Init()
	launch.Quiet(slog.LevelWarn)
	j := job.Job{
		Runner: launch.Direct, Log: log.Spec{Kind: "kafka", Brokers: strings.Split(brokers, ",")}, Topic: trial.Topic,
		Output: out, N: 64,
	}
	analyses := profiles.Default()
	var err error
	if j.Analyses, err = analyses.Stages(); err == nil {
		j.Start, err = plan.Start("earliest")
	}
	if err == nil {
		j.Until, err = plan.Until("now")
	}
	if err == nil {
		_, err = j.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(program.Failed)
	}
}

// results are what analyze gives for all that is in the topic.
func results(t *testing.T, b *broker.Broker) []result.Frame {
	t.Helper()
	out := t.TempDir()
	begin(t, "analyze", strings.Join(b.Addrs(), ","), out).ends(t)
	rows := trial.Rows(t, out)
	if end := length(t, b); int64(len(rows)) != end {
		t.Fatalf("%d results of %d records", len(rows), end)
	}
	return rows
}

// length is how many records the topic's only partition has.
func length(t *testing.T, b *broker.Broker) int64 {
	t.Helper()
	_, end, err := b.Bounds(trial.Topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// eventually waits until something is so.
func eventually(t *testing.T, p *process, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Process.Kill()
			p.Wait()
			t.Fatalf("it does not come to it within a minute:\n%s", &p.said)
		}
	}
}

// grows waits until the topic has as many records.
func grows(t *testing.T, b *broker.Broker, to int64, by *process) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); length(t, b) < to; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			by.Process.Kill()
			by.Wait()
			t.Fatalf("after a minute there are %d records, want %d\n%s", length(t, b), to, &by.said)
		}
	}
}

func TestALiveCameraWhoseCollectorIsKilledGoesOnInANewEpoch(t *testing.T) {
	b := trial.Start(t, nil)
	config := "cameras:\n  - {id: gate, source: '" + webcam.Serve(t, 64, 48, 10*time.Millisecond).URL + "/stream', resize: native}\n"

	first := collect(t, b, config)
	grows(t, b, 40, first)
	first.killed(t)
	before := length(t, b)

	restarted := time.Now()
	second := collect(t, b, config)
	grows(t, b, before+40, second)
	if err := second.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	second.ends(t)

	var epochs, states []string
	next := int64(0)
	var last time.Time
	for _, r := range results(t, b) {
		if r.Status == result.Source {
			states = append(states, r.Reason)
			continue
		}
		if r.Status != result.OK {
			t.Fatalf("offset %d is %s %s", r.Offset, r.Status, r.Reason)
		}
		captured := time.UnixMicro(r.Captured)
		if len(epochs) == 0 || epochs[len(epochs)-1] != r.Epoch {
			epochs, next = append(epochs, r.Epoch), 0
			if len(r.Events) == 0 || r.Events[0].Type != result.EventEpochStarted {
				t.Errorf("epoch %s begins with events %+v", r.Epoch, r.Events)
			}
			if r.Offset != 0 && r.Offset != before || len(epochs) == 2 && captured.Before(restarted.Truncate(time.Millisecond)) {
				t.Errorf("epoch %s begins at offset %d, captured %v; the collector was started again at offset %d, %v", r.Epoch, r.Offset, captured, before, restarted)
			}
		}
		// Where this machine was too slow for the camera, numbers are missing.
		if r.Sequence < next || !captured.After(last) {
			t.Errorf("epoch %s: sequence %d captured %v after sequence %d captured %v", r.Epoch, r.Sequence, captured, next-1, last)
		}
		if missing := r.Sequence > next; missing != strings.Contains(fmt.Sprint(r.Events), result.EventFramesMissing) {
			t.Errorf("sequence %d follows %d, events %+v", r.Sequence, next-1, r.Events)
		}
		next, last = r.Sequence+1, captured
	}
	if len(epochs) != 2 || epochs[0] >= epochs[1] {
		t.Errorf("epochs %q, want two, in the order of time", epochs)
	}
	// Who is killed says nothing.
	if want := []string{"started", "started", "stopped"}; !slices.Equal(states, want) {
		t.Errorf("the source has been %v, want %v", states, want)
	}
}

// video writes a film of moving squares with OpenCV's writer.
func video(t *testing.T, frames int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film.avi")
	w, err := gocv.VideoWriterFile(path, "MJPG", 10, 96, 72, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range frames {
		m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(40, 40, 40, 0), 72, 96, gocv.MatTypeCV8UC3)
		x := i % 70
		gocv.Rectangle(&m, image.Rect(x, 20, x+20, 45), color.RGBA{R: 230, G: 230, B: 230}, -1)
		err := w.Write(m)
		m.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// tally counts one film's results.
type tally struct {
	status map[result.Status]int
	// analysed is how often each sequence number of an epoch was analysed.
	analysed map[string]map[int64]int
}

func count(rows []result.Frame) tally {
	c := tally{map[result.Status]int{}, map[string]map[int64]int{}}
	for _, r := range rows {
		c.status[r.Status]++
		if c.analysed[r.Epoch] == nil {
			c.analysed[r.Epoch] = map[int64]int{}
		}
		if r.Status == result.OK {
			c.analysed[r.Epoch][r.Sequence]++
		}
	}
	return c
}

// whole fails unless there are so many epochs, and each frame of each was
// analysed once.
func (c *tally) whole(t *testing.T, epochs, frames int) {
	t.Helper()
	if len(c.analysed) != epochs || c.status[result.OK] != epochs*frames {
		t.Errorf("%d epochs, statuses %v; want %d with %d frames", len(c.analysed), c.status, epochs, frames)
	}
	for epoch, seen := range c.analysed {
		for i := range int64(frames) {
			if seen[i] != 1 {
				t.Errorf("epoch %s: sequence %d was analysed %d times", epoch, i, seen[i])
			}
		}
	}
}

func TestAFilmWhoseCollectorIsKilledGoesOnWhereTheTopicEnds(t *testing.T) {
	const frames = 1500
	b := trial.Start(t, nil)
	config := "cameras:\n  - {id: gate, source: '" + video(t, frames) + "', resize: native, start: 2024-05-01T08:00:00Z}\n"

	first := collect(t, b, config)
	grows(t, b, 200, first)
	first.killed(t)
	if length(t, b) >= frames {
		t.Fatalf("the film was over before the collector was killed")
	}
	// The journal is lost: it lies beside the configuration, which is written anew.
	collect(t, b, config).ends(t)
	end := length(t, b)
	got := count(results(t, b))
	got.whole(t, 1, frames)
	// What was under way at the kill may have arrived after the second one looked.
	if n := got.status[result.Repeat]; n > frames/10 {
		t.Errorf("statuses %v: more repeats than one request holds", got.status)
	}

	again := collect(t, b, config)
	again.ends(t)
	if length(t, b) != end || !strings.Contains(again.said.String(), fmt.Sprintf("gate: captured 0, sent 0 (0.0 MB), %d already in the topic", frames)) {
		t.Errorf("a third time there are %d records, not %d; it said\n%s", length(t, b), end, &again.said)
	}

	collect(t, b, config, "--again").ends(t)
	got = count(results(t, b))
	got.whole(t, 2, frames)
}

func TestNoClipOfALargeFolderIsCountedTwiceHoweverOftenItsCollectorIsKilled(t *testing.T) {
	const clips, frames = 90, 5
	folder := t.TempDir()
	film := video(t, frames)
	data, err := os.ReadFile(film)
	if err != nil {
		t.Fatal(err)
	}
	for i := range clips {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("clip%d.avi", i)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := trial.Start(t, nil)
	path := write(t, "cameras.yaml", "cameras:\n  - {id: gate, source: '"+folder+"', resize: 32x24, start: 2024-05-01T08:00:00Z}\n")
	args := []string{"--config", path, "--brokers", strings.Join(b.Addrs(), ","), "--topic", trial.Topic}
	for _, at := range []int64{30, 200, 333, 410} {
		p := begin(t, "ingest", args...)
		grows(t, b, at, p)
		p.Process.Kill() // it may have just ended
		p.Wait()
	}
	begin(t, "ingest", args...).ends(t)
	end := length(t, b)
	begin(t, "ingest", args...).ends(t)
	if length(t, b) != end {
		t.Errorf("collected once more there are %d records, not %d", length(t, b), end)
	}
	got := count(results(t, b))
	if len(got.analysed) != clips || got.status[result.OK] != clips*frames || got.status[result.OK]+got.status[result.Repeat]+1 != int(end) || got.status[result.Source] != 1 {
		t.Errorf("%d epochs, statuses %v of %d records", len(got.analysed), got.status, end)
	}
	got.whole(t, clips, frames)
}

func TestAnInterruptedCollectorSendsTheRestAndSaysWhatWasSent(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			b := trial.Start(t, nil)
			p := collect(t, b, "cameras:\n  - {id: gate, source: 'scene:seed=7&size=64x48&frames=100&fps=10', loop: true}\n")
			grows(t, b, 200, p)
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			p.ends(t)
			m := regexp.MustCompile(`(?s)interrupted\ngate: captured \d+, sent (\d+) \([^,]*\)\nall: `).FindStringSubmatch(p.said.String())
			if m == nil || m[1] != fmt.Sprint(length(t, b)) {
				t.Errorf("there are %d records; it said\n%s", length(t, b), &p.said)
			}
		})
	}
}

package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/framebeam/framebeam/kafka/embedded"
	"github.com/framebeam/framebeam/pipelines/live"
	"github.com/framebeam/framebeam/testdata/command"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/result"
)

// machine is a small machine with one folder, on which live is run again and again.
type machine struct {
	t       *testing.T
	data    live.Data
	cameras string
	stderr  strings.Builder
}

func newMachine(t *testing.T) *machine {
	dir := t.TempDir()
	m := &machine{t: t, data: live.Data{Folder: filepath.Join(dir, "data")}, cameras: filepath.Join(dir, "cameras.yaml")}
	m.write(m.cameras, `defaults: {pace: real, loop: true, encoding: png, resize: native}
cameras:
  - {id: gate, source: 'scene:seed=7&size=64x48&frames=200&fps=20'}
  - {id: yard, source: 'scene:seed=8&size=64x48&frames=37&fps=20'}
  - {id: dock, source: 'scene:seed=9&size=64x48&frames=100&fps=10'}
`)
	if err := m.data.Make(); err != nil {
		t.Fatal(err)
	}
	m.write(m.data.Analyses(), "motion: true\nquality: true\nbackground: true\ntracking: true\nhealth: true\n")
	return m
}

func (m *machine) write(file, text string) {
	m.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

const liveChunk = "16"

func (m *machine) start(args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := command.New(m.t, "framebeam", "", append([]string{"live", m.cameras, "--data", m.data.Folder, "--chunk", liveChunk, "--partitions", "2",
		"--kafka-listen", "127.0.0.1:0", "--listen-metrics", "off"}, args...)...)
	cmd.Stderr = &m.stderr
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// chunks is how many complete chunks there are.
func (m *machine) chunks() int {
	files, err := filepath.Glob(filepath.Join(m.data.Results(), "results", "*", "*", "*.parquet"))
	if err != nil {
		m.t.Fatal(err)
	}
	return len(files)
}

// await waits until more chunks are there.
func (m *machine) await(more int) {
	m.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for want := m.chunks() + more; m.chunks() < want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("%d chunks, want %d\n%s", m.chunks(), want, m.stderr.String())
		}
	}
}

// TestALiveMachineThatIsKilledHasWhatOneJobMakesOfItsLog kills everything in the middle, twice,
// and stops it once in order. Its results have to be those of one job over the log, byte for
// byte, without a frame that is missing, and every event has to be out.
func TestALiveMachineThatIsKilledHasWhatOneJobMakesOfItsLog(t *testing.T) {
	m := newMachine(t)
	for range 2 {
		cmd := m.start("--listen", "off")
		m.await(4)
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); !command.Killed(err) {
			t.Fatal(err, m.stderr.String())
		}
	}
	cmd := m.start("--listen", "127.0.0.1:0", "--with-archive")
	m.await(4)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, m.stderr.String())
	}

	b, err := embedded.Start(embedded.Options{Dir: m.data.Kafka(), Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	again := filepath.Join(t.TempDir(), "again")
	job := command.New(t, "framebeam", "", "analyze", "--brokers", b.Addrs()[0], "--topic", live.Frames, "--output", again,
		"--config", m.data.Analyses(), "--chunk", liveChunk, "--until", "now")
	if said, err := job.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	complete := func(root string) map[string]string {
		tree := trial.Tree(t, root)
		maps.DeleteFunc(tree, func(name, _ string) bool { return strings.HasPrefix(name, "_partial/") })
		return tree
	}
	trial.SameTree(t, "in one go", complete(again), complete(m.data.Results()))
	rows := trial.Rows(t, m.data.Results())
	if d := cmp.Diff(trial.Rows(t, again), rows); d != "" {
		t.Errorf("the rows differ (-in one go +live):\n%s", d)
	}
	unbroken(t, rows)
	published(t, b.Addrs(), rows)
}

// unbroken fails if a frame of an epoch is not there, or twice.
func unbroken(t *testing.T, rows []result.Frame) {
	t.Helper()
	next := map[string]int64{}
	for i := range rows {
		r := &rows[i]
		if r.Status != "ok" {
			continue // what a collector says of a source
		}
		if r.Sequence != next[r.Epoch] {
			t.Fatalf("camera %s epoch %s: frame %d comes, %d was due", r.Camera, r.Epoch, r.Sequence, next[r.Epoch])
		}
		next[r.Epoch]++
	}
	if len(next) < 9 {
		t.Errorf("%d epochs, want three of each camera", len(next))
	}
}

// published fails if an event is not in the topic.
func published(t *testing.T, brokers []string, rows []result.Frame) {
	t.Helper()
	wanted := map[string]bool{}
	for i := range rows {
		for _, e := range rows[i].Events {
			wanted[fmt.Sprint(e.ID)] = true
		}
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(live.Events), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(wanted) > 0 {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("%d events are not in the topic: %v", len(wanted), err)
		}
		f.EachRecord(func(r *kgo.Record) {
			for _, h := range r.Headers {
				if h.Key == "ce_id" {
					delete(wanted, string(h.Value))
				}
			}
		})
	}
}

func TestLiveServesThePageAndWhatItCannotStartIsSaidAtOnce(t *testing.T) {
	m := newMachine(t)
	cmd := command.New(t, "framebeam", "", "live", m.cameras, "--data", m.data.Folder, "--kafka-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen-metrics", "off")
	cmd.Stderr = &m.stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Error(err, m.stderr.String())
		}
	}()
	address := ""
	for address == "" {
		var line string
		if _, err := fmt.Fscanf(out, "%s", &line); err != nil && line == "" && err.Error() != "unexpected newline" {
			t.Fatal(err, m.stderr.String())
		}
		if strings.HasPrefix(line, "http://") {
			address = line
		}
	}
	resp, err := http.Get(address) //nolint:gosec,noctx // ours
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the page answers %s", resp.Status)
	}
	// A second one on the same folder, and on the same address.
	second := func(args ...string) string {
		said, err := command.New(t, "framebeam", "", append([]string{"live", m.cameras, "--listen-metrics", "off", "--kafka-listen", "127.0.0.1:0"}, args...)...).CombinedOutput()
		if err == nil {
			t.Errorf("%q began", args)
		}
		return string(said)
	}
	if said := second("--data", m.data.Folder, "--listen", "off"); !strings.Contains(said, "another process uses it") {
		t.Error(said)
	}
	taken := strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
	if said := second("--data", filepath.Join(t.TempDir(), "other"), "--listen", taken); !strings.Contains(said, "address already in use") {
		t.Error(said)
	}
}

func TestALiveCommandLineIsCheckedAsAWhole(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("motions: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := command.New(t, "framebeam", "", "live", "--analyses", bad, "--keep-frames", "5MB", "--partitions", "-1", "--listen", "0.0.0.0:80", "--keep", "long").CombinedOutput()
	if err == nil {
		t.Fatal("it began")
	}
	for _, want := range []string{
		"no cameras: name a file", "unknown", "--keep-frames=5MB: less than 1GiB", "--partitions=-1: not 1 to 64", "who looks must log in", "--keep=",
	} {
		if !strings.Contains(string(said), want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("it left something: %v", entries)
	}
	said, _ = command.New(t, "framebeam", "", "live", "rtsp://viewer:secret@gate.example/stream").CombinedOutput()
	if !strings.Contains(string(said), "write ${NAME} in its place") || strings.Contains(string(said), "secret") {
		t.Errorf("a password in the command line: %s", said)
	}
}

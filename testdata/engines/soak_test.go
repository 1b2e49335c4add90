//go:build engines

package engines

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/runner-configs/stack/servers"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// soakFile is where what a long run measured is kept; make soak draws it.
const soakFile = "../../docs/soak.csv"

// A long run on Flink: the collector publishes films in real time, a live job
// follows, and every few seconds it is noted how much memory everything takes, how
// large checkpoints are and how far the job is behind.
func TestALongRunStaysWithinBounds(t *testing.T) {
	minutes, _ := strconv.Atoi(os.Getenv("FRAMEBEAM_SOAK_MINUTES"))
	if minutes <= 0 {
		t.Skip("a long run: FRAMEBEAM_SOAK_MINUTES says how long (make soak)")
	}
	flink := onFlink(t)
	from := topic(t, 3)
	const cameras, fps, chunk = 6, 5, 64
	config := fmt.Sprintf("defaults: {resize: native, max_fps: %d}\ncameras:\n", fps)
	for i := range cameras {
		config += fmt.Sprintf("  - {id: yard-%d, source: '%s'}\n", i, liveCamera(t))
	}
	file := filepath.Join(t.TempDir(), "cameras.yaml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	out := newFolder(t, "out")
	j := start(t, "analyze", flink, fromKafka(from), []string{"--output=" + out, fmt.Sprintf("--chunk=%d", chunk)})
	start(t, "ingest", fromKafka(from), []string{"--config=" + file})
	f, err := os.Create(soakFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	defer w.Flush()
	w.Write(strings.Split("seconds published written checkpoint_bytes checkpoint_ms workers_bytes taskmanagers_bytes jobmanager_bytes", " "))
	began := time.Now()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	var last []int64
	var checkpoints []int64 // their sizes
	for now := range tick.C {
		select {
		case <-j.done:
			t.Fatalf("the live job ended:\n%s", j.output())
		default:
		}
		size, took := lastCheckpoint(t)
		row := []int64{
			int64(now.Sub(began).Seconds()), endOffsets(t, from), written(t, out, from, chunk), size, took,
			workersMemory(), stack.Memory("taskmanager-1") + stack.Memory("taskmanager-2"), stack.Memory("jobmanager"),
		}
		text := make([]string, len(row))
		for i, v := range row {
			text[i] = strconv.FormatInt(v, 10)
		}
		w.Write(text)
		w.Flush()
		last = row
		checkpoints = append(checkpoints, size)
		if now.Sub(began) > time.Duration(minutes)*time.Minute {
			break
		}
	}
	if code := j.interrupt(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, j.output())
	}
	if published, done := last[1], last[2]; published-done > 60*cameras*fps {
		t.Errorf("the job is a minute behind or more: %d of %d frames are in complete chunks", done, published)
	}
	// In the first third the job starts, catches up, and meets every camera.
	third := len(checkpoints) / 3
	if before, after := middle(checkpoints[third:2*third]), middle(checkpoints[2*third:]); after > before+before/4 {
		t.Errorf("checkpoints grow: %d bytes in the second third, %d in the last", before, after)
	}
}

// middle is the median.
func middle(values []int64) int64 {
	v := slices.Sorted(slices.Values(values))
	return v[len(v)/2]
}

// written is how many offsets an output's complete chunks hold.
func written(t *testing.T, out, topic string, size int64) (offsets int64) {
	t.Helper()
	folder, err := store.Open(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	for p := range 3 {
		names, err := folder.List(t.Context(), fmt.Sprintf("results/%s+%d/%019d/*.parquet", topic, p, 0))
		if err != nil {
			t.Log(err)
		}
		offsets += int64(len(names)) * size
	}
	return offsets
}

// endOffsets is how many records a topic has had.
func endOffsets(t *testing.T, topic string) (sum int64) {
	t.Helper()
	for p := range 3 {
		end, err := endOf(t.Context(), client(), topic, p)
		if err != nil {
			t.Fatal(err)
		}
		sum += end
	}
	return sum
}

// workersMemory is what all Go workers hold.
func workersMemory() (sum int64) {
	for _, name := range []string{"taskmanager-1", "taskmanager-2"} {
		for _, pid := range stack.Children(name) {
			command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if !slices.ContainsFunc(strings.Split(string(command), "\x00"), func(a string) bool { return strings.HasPrefix(a, "--id=") }) {
				continue
			}
			sum += servers.ProcessMemory(pid)
		}
	}
	return sum
}

// lastCheckpoint is the size in bytes and the duration in milliseconds of the
// running job's latest checkpoint.
func lastCheckpoint(t *testing.T) (size, took int64) {
	t.Helper()
	var jobs struct {
		Jobs []struct{ ID, Status string }
	}
	ask(t, "/jobs", &jobs)
	for _, j := range jobs.Jobs {
		if j.Status != "RUNNING" {
			continue
		}
		var c struct {
			Latest struct {
				Completed struct {
					StateSize int64 `json:"state_size"`
					Duration  int64 `json:"end_to_end_duration"`
				}
			}
		}
		ask(t, "/jobs/"+j.ID+"/checkpoints", &c)
		size, took = c.Latest.Completed.StateSize, c.Latest.Completed.Duration
	}
	return size, took
}

func ask(t *testing.T, path string, into any) {
	t.Helper()
	resp, err := http.Get(stack.FlinkREST() + path)
	if err != nil {
		t.Log(err)
		return
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Log(path, err)
	}
}

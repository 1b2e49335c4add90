//go:build engines

package engines

import (
	"encoding/json"
	"fmt"
	"io/fs"
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

// measure is what of a soak is measured every few seconds.
type measure struct {
	name string
	of   func(*soak) int64
}

var soakMeasures = []measure{
	{"published", (*soak).published},
	{"direct_complete", func(s *soak) int64 { return written(s.t, s.out, s.topic) }},
	{"flink_complete", func(s *soak) int64 { return written(s.t, s.far, s.topic) }},
	{"collector_bytes", func(s *soak) int64 { return memoryOf(s.family("live")) }},
	{"direct_bytes", func(s *soak) int64 { return memoryOf(s.family("direct")) }},
	{"page_bytes", func(s *soak) int64 { return memoryOf(s.family("monitor")) }},
	{"workers_bytes", func(*soak) int64 { return memoryOf(workerPids()) }},
	{"taskmanagers_bytes", func(*soak) int64 { return stack.Memory("taskmanager-1") + stack.Memory("taskmanager-2") }},
	{"jobmanager_bytes", func(*soak) int64 { return stack.Memory("jobmanager") }},
	{"brokers_bytes", func(*soak) int64 { return stack.Memory("kafka-1") + stack.Memory("kafka-2") + stack.Memory("kafka-3") }},
	{"collector_handles", func(s *soak) int64 { return handlesOf(s.family("live")) }},
	{"direct_handles", func(s *soak) int64 { return handlesOf(s.family("direct")) }},
	{"page_handles", func(s *soak) int64 { return handlesOf(s.family("monitor")) }},
	{"workers_handles", func(*soak) int64 { return handlesOf(workerPids()) }},
	{"output_files", func(s *soak) int64 { return filesIn(s.out) }},
	{"page_asked", func(s *soak) int64 { return s.browsers.asked.Load() }},
	{"page_failed", func(s *soak) int64 { return s.browsers.failed.Load() }},
	{"checkpoint_bytes", func(s *soak) int64 { return lastCheckpoint(s.t) }},
}

func measures() (names []string) {
	for _, m := range soakMeasures {
		names = append(names, m.name)
	}
	return names
}

// note writes a row; fault is what has just been done to it all.
func (s *soak) note(fault string) {
	row := []string{strconv.Itoa(int(time.Since(s.began).Seconds())), fault}
	for _, m := range soakMeasures {
		row = append(row, strconv.FormatInt(m.of(s), 10))
	}
	s.rows.Write(row)
	s.rows.Flush()
}

// published is how many records the topic has had, as far as its brokers say.
func (s *soak) published() int64 {
	sum := int64(0)
	for p := range soakPartitions {
		end, err := endOf(s.t.Context(), client(), s.topic, p)
		if err != nil {
			return s.ends
		}
		sum += end
	}
	s.ends = sum
	return sum
}

// family is a command's process with those that it started.
func (s *soak) family(name string) []int { return family(s.jobs[name].cmd.Process.Pid) }

func family(pid int) []int {
	all := []int{pid}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return all
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // it has ended
		}
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

func memoryOf(pids []int) (sum int64) {
	for _, pid := range pids {
		sum += servers.ProcessMemory(pid)
	}
	return sum
}

func handlesOf(pids []int) (sum int64) {
	for _, pid := range pids {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)) // of one that has ended there are none
		sum += int64(len(entries))
	}
	return sum
}

func filesIn(dir string) (count int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			count++
		}
		return nil // what goes away meanwhile is not there
	})
	return count
}

// written is how many offsets an output's complete chunks hold.
func written(t *testing.T, out, topic string) (offsets int64) {
	t.Helper()
	folder, err := store.Open(t.Context(), out)
	if err != nil {
		t.Log(err)
		return 0
	}
	for p := range soakPartitions {
		names, err := folder.List(t.Context(), fmt.Sprintf("results/%s+%d/%019d/*.parquet", topic, p, 0))
		if err != nil {
			t.Log(err)
		}
		offsets += int64(len(names)) * soakChunk
	}
	return offsets
}

// workerPids are the Go workers on Flink.
func workerPids() (pids []int) {
	for _, name := range []string{"taskmanager-1", "taskmanager-2"} {
		for _, pid := range stack.Children(name) {
			command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if slices.ContainsFunc(strings.Split(string(command), "\x00"), func(a string) bool { return strings.HasPrefix(a, "--id=") }) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// lastCheckpoint is the size in bytes of the running job's latest checkpoint.
func lastCheckpoint(t *testing.T) (size int64) {
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
				}
			}
		}
		ask(t, "/jobs/"+j.ID+"/checkpoints", &c)
		size = c.Latest.Completed.StateSize
	}
	return size
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

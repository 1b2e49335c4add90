//go:build engines

package engines

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

var rounds = flag.Int("rounds", 1, "how often every fault is tried")

// chunkOffsets is so few that a partition fills a chunk every three seconds.
const chunkOffsets = 32

// live is a topic to which a film is appended at a steady rate, and an output
// that jobs on Flink write from it.
type live struct {
	t     *testing.T
	topic string
	out   string
	job   *job // the latest

	logs [][]frame.Record
	mu   sync.Mutex
	ends []int64 // of the log, by partition
	stop func()  // ends the publishing

	faults []*measured
}

// goLive begins to publish. The film lasts for the given time.
func goLive(t *testing.T, lasting time.Duration) *live {
	t.Helper()
	const perSecond, cameras, partitions = 30, 6, 3
	frames := int(lasting.Seconds()) * perSecond / cameras
	l := &live{
		t: t, topic: topic(t, partitions), out: newFolder(t, "out"), ends: make([]int64, partitions),
		logs: trial.Split(film.Records(film.Config{Cameras: cameras, Frames: frames, Seed: 5, Odd: true}), partitions),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	l.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(l.stop)
	t.Cleanup(func() { cancelAll(t) })
	go func() {
		defer close(done)
		l.publish(ctx, time.Second*partitions/perSecond)
	}()
	return l
}

// publish appends a record to every partition at every tick until the film is over.
func (l *live) publish(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var partitions sync.WaitGroup
	defer partitions.Wait()
	waiting := make([]chan struct{}, len(l.logs))
	for p := range l.logs {
		waiting[p] = make(chan struct{}, len(l.logs[p]))
		partitions.Go(func() { l.append(ctx, p, waiting[p]) })
	}
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for p := range waiting {
			if i < len(l.logs[p]) {
				waiting[p] <- struct{}{}
			}
		}
	}
}

// append appends the next record of a partition whenever it is due, and what has
// come due meanwhile with it. A record whose sending failed is sent again: it may
// then be in the log twice, as any other record that is said twice.
func (l *live) append(ctx context.Context, partition int, due <-chan struct{}) {
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-due:
		}
		m := n + 1
		for len(due) > 0 {
			<-due
			m++
		}
		for {
			end, err := l.produce(ctx, partition, l.logs[partition][n:m])
			if err == nil {
				l.mu.Lock()
				l.ends[partition] = end
				l.mu.Unlock()
				break
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
		n = m
	}
}

// produce appends records and returns the end of the log.
func (l *live) produce(ctx context.Context, partition int, recs []frame.Record) (end int64, err error) {
	if err := publish(ctx, l.topic, partition, recs); err != nil {
		return 0, err
	}
	return endOf(ctx, client(), l.topic, partition)
}

// published is the end of every partition.
func (l *live) published() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ends)
}

func (l *live) args(more ...string) [][]string {
	return [][]string{fromKafka(l.topic), {"--output=" + l.out, fmt.Sprint("--chunk=", chunkOffsets)}, more}
}

// follow starts a job on Flink that follows the topic.
func (l *live) follow(more ...string) *job {
	l.t.Helper()
	l.job = start(l.t, "analyze", append([][]string{onFlink(l.t)}, l.args(more...)...)...)
	return l.job
}

// committed are the results files in the output: by partition, the first offset of
// each chunk. ok is false if they cannot be listed now.
func (l *live) committed() (starts []map[int64]bool, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fs, err := filesystem.New(ctx, l.out)
	if err != nil {
		return nil, false
	}
	defer fs.Close()
	files, err := fs.List(ctx, l.out+"/results/*/*/*.parquet")
	if err != nil {
		return nil, false
	}
	starts = make([]map[int64]bool, len(l.logs))
	for p := range starts {
		starts[p] = map[int64]bool{}
	}
	for _, f := range files {
		if strings.Contains(f, store.TempDir) {
			continue
		}
		name, err := chunkfolder.ParseName(strings.TrimSuffix(filepath.Base(f), filepath.Ext(f)))
		if err != nil {
			l.t.Fatal(err)
		}
		starts[name.Partition.ID][name.Start] = true
	}
	return starts, true
}

// holds reports whether every chunk that ends at or before the ends is committed.
func (l *live) holds(ends []int64) bool {
	starts, ok := l.committed()
	if !ok {
		return false
	}
	for p, end := range ends {
		for first := int64(0); first+chunkOffsets <= end; first += chunkOffsets {
			if !starts[p][first] {
				return false
			}
		}
	}
	return true
}

// beyond reports whether any chunk is committed that the log had not filled at the ends.
func (l *live) beyond(ends []int64) bool {
	starts, ok := l.committed()
	if !ok {
		return false
	}
	for p, end := range ends {
		for first := range starts[p] {
			if first+chunkOffsets > end {
				return true
			}
		}
	}
	return false
}

// flows waits until the job has caught up with the log as it was a moment ago.
func (l *live) flows() {
	l.t.Helper()
	l.grows(chunkOffsets)
	l.catchesUp()
}

// grows waits until n more records are in every partition.
func (l *live) grows(n int64) {
	l.t.Helper()
	before := l.published()
	eventually(l.t, "records are published", func() bool {
		for p, end := range l.published() {
			if end < before[p]+n {
				return false
			}
		}
		return true
	})
}

// catchesUp waits until all that is in the log now is committed.
func (l *live) catchesUp() {
	l.t.Helper()
	ends := l.published()
	eventually(l.t, "all complete chunks of the log are committed", func() bool {
		l.alive()
		return l.holds(ends)
	})
}

func (l *live) alive() { l.t.Helper(); l.job.alive() }

// measured is what came of a fault.
type measured struct {
	name     string
	at       []int64       // ends of the log when it happened
	recovery time.Duration // until a chunk was committed that was not full when it happened
	caughtUp time.Duration // until all was committed that was in the log at the recovery
}

// suffer injects a fault and waits until the job has recovered. inject returns
// when what it broke is whole again.
func (l *live) suffer(name string, inject func() error) {
	l.t.Helper()
	l.flows()
	m := &measured{name: name, at: l.published()}
	l.faults = append(l.faults, m)
	began := time.Now()
	healed := make(chan error, 1)
	go func() {
		err := errors.New("given up, as is said above") // by a Fatal, which ends this goroutine alone
		defer func() { healed <- err }()
		err = inject()
	}()
	eventually(l.t, name+": a result is committed after it", func() bool { return l.beyond(m.at) })
	m.recovery = time.Since(began)
	ends := l.published()
	eventually(l.t, name+": what was in the log is committed", func() bool { return l.holds(ends) })
	m.caughtUp = time.Since(began)
	if err := <-healed; err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	l.t.Logf("%s: recovery %.1f s, caught up %.1f s; %s", name, m.recovery.Seconds(), m.caughtUp.Seconds(), footprint(l.t))
}

// finish ends the publishing, waits for the job to write every complete chunk, ends
// it, completes the tail and compares with want, made by an undisturbed job.
func (l *live) finish(args ...string) {
	l.t.Helper()
	l.stop()
	// A record may have been appended although its sender was told otherwise.
	for p := range l.ends {
		end, err := endOf(context.Background(), client(), l.topic, p)
		if err != nil {
			l.t.Fatal(err)
		}
		l.ends[p] = end
	}
	l.catchesUp()
	if code := l.job.interrupt(); code != 0 {
		l.t.Errorf("exit code %d:\n%s", code, l.job.output())
	}
	run(l.t, "analyze", append([][]string{direct(l.t)}, l.args(append(args, "--until=now")...)...)...)
}

// compare fails unless the output is what want is, and prints a line per fault.
func (l *live) compare(want string) {
	l.t.Helper()
	tree := trial.Tree(l.t, l.out)
	trial.SameTree(l.t, "after all faults", trial.Tree(l.t, want), tree)
	lost, doubled := difference(trial.Rows(l.t, want), trial.Rows(l.t, l.out))
	of := func(rows []result.Frame, n int) (count int) {
		for _, r := range rows {
			last := 0
			for i, m := range l.faults {
				if r.Offset >= m.at[r.Partition] {
					last = i
				}
			}
			if last == n {
				count++
			}
		}
		return count
	}
	type line struct {
		times, lost, doubled int
		recovery, caughtUp   []string
	}
	var names []string
	lines := map[string]*line{}
	for i, m := range l.faults {
		s := lines[m.name]
		if s == nil {
			s = &line{}
			lines[m.name] = s
			names = append(names, m.name)
		}
		s.times++
		s.lost += of(lost, i)
		s.doubled += of(doubled, i)
		s.recovery = append(s.recovery, fmt.Sprintf("%.0f", m.recovery.Seconds()))
		s.caughtUp = append(s.caughtUp, fmt.Sprintf("%.0f", m.caughtUp.Seconds()))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d results in %d files\nfault | times tried | recovery s | caught up s | lost | doubled\n", len(trial.Rows(l.t, want)), len(tree))
	for _, name := range names {
		s := lines[name]
		fmt.Fprintf(&b, "%s | %d | %s | %s | %d | %d\n", name, s.times, strings.Join(s.recovery, ", "), strings.Join(s.caughtUp, ", "), s.lost, s.doubled)
		if s.lost+s.doubled > 0 {
			l.t.Errorf("%s: %d lost, %d doubled", name, s.lost, s.doubled)
		}
	}
	l.t.Logf("\n%s", &b)
}

// undisturbed analyses the whole topic with one job on the direct runner.
func (l *live) undisturbed() (out string) {
	l.t.Helper()
	out = filepath.Join(l.t.TempDir(), "undisturbed")
	run(l.t, "analyze", append([][]string{direct(l.t)}, l.args("--output="+out, "--until=now")...)...)
	return out
}

// difference returns the rows that are not in got, and those there more often than
// once or never wanted, by their place in the log.
func difference(want, got []result.Frame) (lost, doubled []result.Frame) {
	type place struct {
		partition int32
		offset    int64
	}
	count := map[place]int{}
	for _, r := range got {
		count[place{r.Partition, r.Offset}]++
		if count[place{r.Partition, r.Offset}] > 1 {
			doubled = append(doubled, r)
		}
	}
	for _, r := range want {
		if count[place{r.Partition, r.Offset}] == 0 {
			lost = append(lost, r)
		}
		delete(count, place{r.Partition, r.Offset})
	}
	for _, r := range got {
		if count[place{r.Partition, r.Offset}] > 0 {
			doubled = append(doubled, r)
		}
	}
	return lost, doubled
}

// worker is a Go process that a TaskManager has started.
type worker struct {
	pid int
	of  string // the TaskManager
}

// workers are all that run.
func workers() (all []worker) {
	for _, name := range stack.Names() {
		if !strings.HasPrefix(name, "taskmanager-") {
			continue
		}
		for _, pid := range stack.Children(name) {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err == nil && strings.Contains(string(line), "\x00--id=") {
				all = append(all, worker{pid, name})
			}
		}
	}
	return all
}

// footprint says what memory the parts of Flink take, in MB, and how large the
// jobs' checkpoints are.
func footprint(t *testing.T) string {
	var b strings.Builder
	for _, name := range []string{"jobmanager", "taskmanager-1", "taskmanager-2", "flink-job-server"} {
		fmt.Fprintf(&b, "%s %d MB, ", name, stack.Memory(name)>>20)
	}
	for _, w := range workers() {
		fmt.Fprintf(&b, "worker of %s %d MB, ", w.of, resident(w.pid)>>20)
	}
	for _, id := range runningJobs(t) {
		var c struct {
			Latest struct {
				Completed struct {
					ID       int   `json:"id"`
					Size     int64 `json:"state_size"`
					Duration int64 `json:"end_to_end_duration"`
				}
			}
			Counts struct{ Completed, Failed, Restored int }
		}
		if err := flinkGet("/jobs/"+id+"/checkpoints", &c); err == nil {
			fmt.Fprintf(&b, "checkpoint %d: %d bytes in %d ms (%d completed, %d failed, %d restored)",
				c.Latest.Completed.ID, c.Latest.Completed.Size, c.Latest.Completed.Duration, c.Counts.Completed, c.Counts.Failed, c.Counts.Restored)
		}
	}
	return b.String()
}

// resident is a process's memory in bytes.
func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// runningJobs are the ids of the jobs that have not ended.
func runningJobs(t *testing.T) (ids []string) {
	t.Helper()
	var all struct{ Jobs []struct{ ID, Status string } }
	if err := flinkGet("/jobs", &all); err != nil {
		t.Log(err)
	}
	for _, j := range all.Jobs {
		if !slices.Contains([]string{"FINISHED", "CANCELED", "FAILED"}, j.Status) {
			ids = append(ids, j.ID)
		}
	}
	return ids
}

// cancelAll cancels every job, whoever started it.
func cancelAll(t *testing.T) {
	t.Helper()
	eventually(t, "no job is left", func() bool {
		ids := runningJobs(t)
		for _, id := range ids {
			if err := flinkDo(http.MethodPatch, "/jobs/"+id+"?mode=cancel", nil); err != nil {
				t.Log(err)
			}
		}
		return len(ids) == 0
	})
}

func flinkGet(path string, v any) error { return flinkDo(http.MethodGet, path, v) }

func flinkDo(method, path string, v any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, stack.FlinkREST()+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(b, v)
}

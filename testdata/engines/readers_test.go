//go:build engines

package engines

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
)

// foreignRow is what the readers are asked for of a result.
type foreignRow struct {
	Partition  int32              `json:"partition"`
	Offset     int64              `json:"offset"`
	Timestamp  int64              `json:"timestamp"` // microseconds
	Camera     string             `json:"camera"`
	Epoch      string             `json:"epoch"`
	Sequence   int64              `json:"sequence"`
	Bytes      int64              `json:"bytes"`
	Status     string             `json:"status"`
	Reason     string             `json:"reason"`
	Quality    map[string]float64 `json:"quality"`
	Detections []foreignDetection `json:"detections"`
}

type foreignDetection struct {
	Analysis string  `json:"analysis"`
	Label    string  `json:"label"`
	X        int32   `json:"x"`
	Y        int32   `json:"y"`
	Width    int32   `json:"width"`
	Height   int32   `json:"height"`
	Area     float64 `json:"area"`
	Score    float64 `json:"score"`
}

func parseRows(t *testing.T, lines [][]byte) (rows []foreignRow) {
	t.Helper()
	for _, line := range lines {
		var r foreignRow
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b foreignRow) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return rows
}

func linesOf(b []byte) [][]byte { return bytes.Split(bytes.TrimSpace(b), []byte("\n")) }

// shown are the rows of an output as show prints them.
func shown(t *testing.T, root string) []foreignRow {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), framebeam, "show", "--output="+root, "--format=jsonl").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := linesOf(out)
	for i, line := range lines { // the time as the readers give it
		var all map[string]any
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&all); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, all["timestamp"].(string))
		if err != nil {
			t.Fatal(err)
		}
		all["timestamp"] = at.UnixMicro()
		if lines[i], err = json.Marshal(all); err != nil {
			t.Fatal(err)
		}
	}
	return parseRows(t, lines)
}

// flat are events as readers give them: what is not known is left out, times are
// microseconds.
func flat(t *testing.T, lines [][]byte) (events []map[string]any) {
	t.Helper()
	for _, line := range lines {
		e := map[string]any{}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for name, v := range e {
			if v == nil {
				delete(e, name)
			}
			if text, ok := v.(string); ok && (name == "captured" || name == "log_time") {
				at, err := time.Parse(time.RFC3339Nano, text)
				if err != nil {
					t.Fatal(err)
				}
				e[name] = float64(at.UnixMicro())
			}
		}
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(a["log_partition"].(float64), b["log_partition"].(float64)), cmp.Compare(a["log_offset"].(float64), b["log_offset"].(float64)),
			cmp.Compare(a["event_id"].(string), b["event_id"].(string)))
	})
	return events
}

// said are the lines that a script said of something.
func said(lines [][]byte, what string) (rest [][]byte) {
	for _, line := range lines {
		if r, ok := bytes.CutPrefix(line, []byte(what+" ")); ok {
			rest = append(rest, r)
		}
	}
	return rest
}

// python runs one of the scripts in readers/.
func python(t *testing.T, env []string, script string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", append([]string{filepath.Join("readers", script)}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, &said)
	}
	return out
}

// pythonPackages installs readers/requirements.txt once per user and returns the
// environment in which Python finds it.
func pythonPackages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Abs("readers/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "framebeam", fmt.Sprintf("readers-%.4x", sha256.Sum256(text)))
	if _, err := os.Stat(dir); err != nil {
		tmp := dir + fmt.Sprintf(".fetching-%d", os.Getpid())
		defer os.RemoveAll(tmp)
		if out, err := exec.CommandContext(t.Context(), "python3", "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", tmp, "--requirement", list).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := os.Rename(tmp, dir); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	return []string{"PYTHONPATH=" + dir}
}

// What the commands write on HDFS is read by programs that know nothing of Framebeam.
func TestProgramsThatAreNotOursReadOutputsAndArchives(t *testing.T) {
	const chunk = 32
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 45, Seed: 17, Odd: true}), 2)
	from := topic(t, len(logs))
	publishAll(t, from, logs)
	out, archived := newFolder(t, "out"), newFolder(t, "archive")
	until := []string{"--until=now", fmt.Sprintf("--chunk=%d", chunk)}
	run(t, "analyze", direct(t), fromKafka(from), until, []string{"--output=" + out})
	run(t, "archive", direct(t), fromKafka(from), until, []string{"--archive=" + archived})

	// The last chunk of each partition is partial, and no reader is to see it.
	complete := func(p int) int { return len(logs[p]) / chunk * chunk }
	all := shown(t, out)
	want := slices.DeleteFunc(slices.Clone(all), func(r foreignRow) bool { return int(r.Offset) >= complete(int(r.Partition)) })
	if len(want) == 0 || len(want) == len(all) {
		t.Fatalf("%d rows of %d are complete", len(want), len(all))
	}
	happened, err := exec.CommandContext(t.Context(), framebeam, "events", "--output="+out, "--format=jsonl").Output()
	if err != nil {
		t.Fatal(err)
	}
	events := flat(t, linesOf(happened))
	wholeEvents := slices.DeleteFunc(slices.Clone(events), func(e map[string]any) bool {
		return int(e["log_offset"].(float64)) >= complete(int(e["log_partition"].(float64)))
	})
	detections := func(rows []foreignRow) (n int) {
		for _, r := range rows {
			n += len(r.Detections)
		}
		return n
	}
	found := 0
	for _, r := range want {
		found += len(r.Detections)
	}
	if found == 0 {
		t.Fatal("nothing was detected")
	}
	same := func(t *testing.T, got []foreignRow) {
		t.Helper()
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("%d rows, want %d (-show +read):\n%s", len(got), len(want), d)
		}
	}

	t.Run("Hadoop's shell", func(t *testing.T) {
		listed, err := stack.Hadoop(t.Context(), "fs", "-ls", "-R", "-C", out)
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, name := range strings.Fields(string(listed)) {
			if path.Ext(name) == ".parquet" && !strings.Contains(name, "/_partial/") {
				files = append(files, name)
			}
		}
		if want := (complete(0) + complete(1)) / chunk; len(files) != want {
			t.Errorf("%d files of results, want %d:\n%s", len(files), want, listed)
		}
		theirs, err := stack.Hadoop(t.Context(), "fs", append([]string{"-cat"}, files...)...)
		if err != nil {
			t.Fatal(err)
		}
		f, err := filesystem.New(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var ours []byte
		for _, name := range files {
			b, err := filesystem.Read(t.Context(), f, name)
			if err != nil {
				t.Fatal(err)
			}
			ours = append(ours, b...)
		}
		if !bytes.Equal(ours, theirs) {
			t.Errorf("%d bytes read by the shell, %d by us, and not the same", len(theirs), len(ours))
		}
		sums, err := stack.Hadoop(t.Context(), "fs", append([]string{"-checksum"}, files...)...)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(linesOf(sums)); n != len(files) || bytes.Contains(sums, []byte("NONE")) {
			t.Errorf("checksums of %d files:\n%s", len(files), sums)
		}
	})

	local := filepath.Join(t.TempDir(), "out")
	if _, err := stack.Hadoop(t.Context(), "fs", "-get", out, "file://"+local); err != nil {
		t.Fatal(err)
	}
	packages := pythonPackages(t)
	t.Run("DuckDB", func(t *testing.T) { same(t, parseRows(t, linesOf(python(t, packages, "duckdb_rows.py", local)))) })
	t.Run("DuckDB, with what is partial", func(t *testing.T) {
		got := parseRows(t, linesOf(python(t, packages, "duckdb_rows.py", local, "../../docs/frames.sql")))
		if d := gocmp.Diff(all, got); d != "" {
			t.Errorf("%d rows, want %d (-show +read):\n%s", len(got), len(all), d)
		}
	})
	t.Run("DuckDB, events and detections", func(t *testing.T) {
		lines := linesOf(python(t, packages, "duckdb_events.py", local, "../../docs/frames.sql"))
		for _, names := range said(lines, "bad") {
			t.Errorf("columns have bad names: %s", names)
		}
		if d := gocmp.Diff(events, flat(t, said(lines, "events"))); d != "" {
			t.Errorf("events (-ours +read):\n%s", d)
		}
		if n := len(said(lines, "detections")); n != detections(all) {
			t.Errorf("%d detections, want %d", n, detections(all))
		}
	})
	t.Run("Arrow", func(t *testing.T) { same(t, parseRows(t, linesOf(python(t, packages, "pyarrow_rows.py", local)))) })

	t.Run("Spark", func(t *testing.T) {
		env, err := stack.PySpark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lines := linesOf(python(t, env, "spark_rows.py", out, archived))
		same(t, parseRows(t, said(lines, "row")))
		if d := gocmp.Diff(wholeEvents, flat(t, said(lines, "events"))); d != "" {
			t.Errorf("events (-ours +read):\n%s", d)
		}
		if n := len(said(lines, "detections")); n != detections(want) {
			t.Errorf("%d detections, want %d", n, detections(want))
		}
		var n, size, offsets, files int
		for p, log := range logs {
			for o, r := range log[:complete(p)] {
				n, size, offsets = n+1, size+len(r.Value), offsets+o
			}
			files += complete(p) / chunk
		}
		counts := string(bytes.Join(slices.Concat(said(lines, "whole"), said(lines, "archive")), []byte(" ")))
		if want := fmt.Sprintf("%d [%d, %d, %d, %d]", len(want), n, size, offsets, files); counts != want {
			t.Errorf("Spark counts %s, want %s", counts, want)
		}
	})
}

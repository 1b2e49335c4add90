//go:build engines

package engines

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
)

// An output on HDFS is kept as tables while it grows; Spark reads each row once, and of a
// camera and day only their files. DuckDB reads the files that the command names.
func TestTablesOnHDFSAreReadByPrograms(t *testing.T) {
	const chunk = 32
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 45, Seed: 17, Odd: true}), 2)
	from := topic(t, len(logs))
	out, tables := newFolder(t, "out"), newFolder(t, "tables")
	local := filepath.Join(t.TempDir(), "tables")
	update := func() {
		run(t, "table", []string{"update", "--output=" + out, "--tables=" + tables})
		run(t, "table", []string{"update", "--output=" + out, "--tables=" + local})
	}
	publishAll(t, from, [][]frame.Record{logs[0][:chunk+7], logs[1][:2*chunk+3]})
	analyze := func() {
		run(t, "analyze", direct(t), fromKafka(from), []string{"--until=now", fmt.Sprintf("--chunk=%d", chunk), "--output=" + out})
	}
	analyze()
	update()
	publishAll(t, from, [][]frame.Record{logs[0][chunk+7:], logs[1][2*chunk+3:]})
	analyze()
	update()

	want := slices.DeleteFunc(shown(t, out), func(r foreignRow) bool {
		return int(r.Offset) >= len(logs[r.Partition])/chunk*chunk
	})
	for i := range want {
		want[i].Sequence = max(want[i].Sequence, 0)
	}
	t.Run("Spark", func(t *testing.T) {
		env, err := stack.IcebergSpark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lines := linesOf(python(t, env, "table_rows.py", tables, film.Camera(0), film.Begin.Format(time.DateOnly)))
		rows := said(lines, "row")
		of := func(what string) string { return string(bytes.Join(said(lines, what), nil)) }
		if d := gocmp.Diff(want, parseRows(t, rows)); d != "" {
			t.Errorf("%d rows, want %d (-show +read):\n%s", len(rows), len(want), d)
		}
		if n := of("nested"); n == "0" || of("events") != n+" "+n {
			t.Errorf("frames have %s events, and as many are in their table: %s", n, of("events"))
		}
		// Each update that had rows of them has added a file.
		named, err := exec.CommandContext(t.Context(), framebeam, "table", "files", "--tables="+local, "--rows=frames",
			"--camera="+film.Camera(0), "--days="+film.Begin.Format(time.DateOnly)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := strconv.Itoa(len(strings.Fields(string(named)))); of("pruned") != want || want == of("all") {
			t.Errorf("of %s files Spark looks at %s for a camera and day, which has %s", of("all"), of("pruned"), want)
		}
		if n, err := strconv.Atoi(of("all")); err != nil || n < 4 {
			t.Errorf("all rows are in %s files", of("all"))
		}
		// What the metadata have decided is not looked at again.
		if plan := of("plan"); !strings.Contains(plan, "filters=camera IS NOT NULL, day IS NOT NULL, camera = '"+film.Camera(0)) || strings.Contains(plan, "Filter ") {
			t.Errorf("Spark's plan is %s", plan)
		}
	})
	t.Run("DuckDB", func(t *testing.T) {
		views, err := exec.CommandContext(t.Context(), framebeam, "table", "files", "--tables="+local, "--sql").Output()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "views.sql")
		if err := os.WriteFile(file, views, 0o644); err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(string(python(t, pythonPackages(t), "table_views.py", file)))
		if !strings.HasPrefix(got, fmt.Sprintf("%d %d ", len(want), len(want))) {
			t.Errorf("DuckDB counts %s, want %d", got, len(want))
		}
	})
}

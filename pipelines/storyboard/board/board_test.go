package board_test

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/storyboard/board"
	"github.com/framebeam/framebeam/testdata/browser"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/log"
)

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	launch.Quiet(slog.LevelError)
	os.Exit(m.Run())
}

// made is an output of a log with these analyses, and its archive.
func made(t *testing.T, analyses map[string]string) (out, arch string) {
	t.Helper()
	b := trial.Start(t, trial.Split(film.Records(film.Config{Cameras: 3, Frames: 70, Seed: 7, Odd: true}), 2)...)
	spec := log.Spec{Kind: "kafka", Brokers: b.Addrs()}
	start, until := trial.Whole(t)
	cfg := profiles.Default()
	for name, params := range analyses {
		cfg.Set(name, params)
	}
	out, arch = filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "archive")
	j := job.Job{Runner: launch.Direct, Log: spec, Topic: trial.Topic, Output: out, N: 32, Start: start, Until: until}
	var err error
	if j.Analyses, err = cfg.Stages(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := copying.Job{Runner: launch.Direct, Log: spec, Topic: trial.Topic, Archive: arch, N: 32, Start: start, Until: until}
	if _, err := a.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out, arch
}

var features = map[string]string{
	"perceptual_hash": "true", "histogram": "true", "cuts": "true", "motion": `{"min_area": 12}`, "tracking": `{"from": ["motion"]}`,
	"lines": `{"middle": {"points": [[0.5, 0], [0.5, 1]]}}`,
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAStoryboardOfAnOutput(t *testing.T) {
	out, arch := made(t, features)
	dir := t.TempDir()
	j := board.Job{
		Runner: launch.Direct, Output: out, Log: log.Spec{Kind: archive.Kind, Root: arch}, Every: 2 * time.Second, Pictures: 30,
		Page: filepath.Join(dir, "page.html"), Table: filepath.Join(dir, "table.csv"), Period: period.Period{Zone: time.UTC},
	}
	if err := j.Check(); err != nil {
		t.Fatal(err)
	}
	done, err := j.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	page, table := read(t, j.Page), read(t, j.Table)
	t.Run("shows pictures, scenes and times", func(t *testing.T) {
		if n := strings.Count(page, "<img "); n == 0 || n < done.Pictures || done.Pictures == 0 || done.Missed != 0 {
			t.Errorf("%d pictures, %+v", n, done)
		}
		for _, want := range []string{"cam-00", "cam-02", "08:00:0", "shots compared", `id="scene-1"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s is not on the page", want)
			}
		}
	})
	t.Run("has all nodes in its table, whose ranks are 1 together", func(t *testing.T) {
		rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var sum float64
		names := map[string]bool{}
		for _, r := range rows[1:] {
			names[r[0]] = true
			rank, err := strconv.ParseFloat(r[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += rank
		}
		for _, r := range rows[1:] {
			if !names[r[2]] {
				t.Errorf("component %s is no node", r[2])
			}
		}
		if int64(len(rows)-1) != done.Stats.Nodes || sum < 0.9999 || sum > 1.0001 {
			t.Errorf("%d rows of %d nodes, ranks of %f", len(rows)-1, done.Stats.Nodes, sum)
		}
	})
	t.Run("leaves nothing in the output", func(t *testing.T) {
		if left := under(t, filepath.Join(out, "_storyboard")); len(left) > 0 {
			t.Errorf("there is %v", left)
		}
	})
	t.Run("goes on where it was interrupted", func(t *testing.T) {
		again := j
		again.Work, again.Page, again.Table = filepath.Join(dir, "work"), filepath.Join(dir, "again.html"), filepath.Join(dir, "again.csv")
		for _, lost := range []string{"", "nodes/", "pagerank", "components", "edges/part+0002"} {
			for _, file := range under(t, again.Work) {
				if lost != "" && strings.Contains(file, lost) {
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := again.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if read(t, again.Table) != table || read(t, again.Page) != page {
				t.Errorf("without %q another storyboard was made", lost)
			}
		}
	})
	t.Run("has the same table as Parquet and JSON Lines", func(t *testing.T) {
		other := j
		other.Page = ""
		for _, file := range []string{"table.parquet", "table.jsonl"} {
			other.Table = filepath.Join(dir, file)
			if _, err := other.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var nodes []string
		for d := json.NewDecoder(strings.NewReader(read(t, filepath.Join(dir, "table.jsonl")))); d.More(); {
			var r struct{ Node, Begins string }
			if err := d.Decode(&r); err != nil || r.Begins == "" {
				t.Fatal(r, err)
			}
			nodes = append(nodes, r.Node)
		}
		rows, err := parquet.ReadFile[struct {
			Node string `parquet:"node"`
		}](filepath.Join(dir, "table.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, r := range rows {
			columns = append(columns, r.Node)
		}
		if diff := cmp.Diff(nodes, columns); diff != "" || int64(len(nodes)) != done.Stats.Nodes {
			t.Errorf("%d nodes: %s", len(nodes), diff)
		}
	})
	t.Run("says which pictures are gone", func(t *testing.T) {
		gone := j
		gone.Log.Root = filepath.Join(dir, "none")
		gone.Page, gone.Table = filepath.Join(dir, "gone.html"), ""
		if err := os.MkdirAll(gone.Log.Root, 0o755); err != nil {
			t.Fatal(err)
		}
		if missed, err := gone.Run(t.Context()); err == nil && (missed.Missed == 0 || !strings.Contains(read(t, gone.Page), "no longer")) {
			t.Errorf("%+v", missed)
		}
	})
	t.Run("can be read by everybody", func(t *testing.T) {
		for name, view := range map[string]browser.View{"desktop": browser.Desktop, "phone": {Width: 390, Height: 844, Dark: true}} {
			t.Run(name, func(t *testing.T) {
				p := browser.Open(t, j.Page, view)
				if n := p.Pictures(); n < done.Pictures {
					t.Errorf("%d pictures of %d", n, done.Pictures)
				}
				p.Fits()
				p.Accessible()
			})
		}
	})
}

// under are the files below a folder.
func under(t *testing.T, root string) (files []string) {
	t.Helper()
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return nil
	})
	slices.Sort(files)
	return files
}

func TestWhatAStoryboardNeedsIsSaid(t *testing.T) {
	out, arch := made(t, nil)
	j := board.Job{Runner: launch.Direct, Output: out, Log: log.Spec{Kind: archive.Kind, Root: arch}, Every: time.Second, Pictures: 9, Page: filepath.Join(t.TempDir(), "p.html")}
	_, err := j.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "perceptual_hash: true") {
		t.Errorf("it said %v", err)
	}
	j.Output, j.Log.Root = made(t, map[string]string{"motion": `{"min_area": 12}`, "tracking": `{"from": ["motion"]}`})
	if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "perceptual_hash: true") {
		t.Errorf("of tracks alone it said %v", err)
	}
	if left, _ := filepath.Glob(j.Output + "/_storyboard/*"); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	j.Work = t.TempDir()
	if _, err := j.Run(t.Context()); err == nil {
		t.Error("of tracks alone there is a page")
	}
	if made, _ := filepath.Glob(j.Work + "/*/nodes"); len(made) != 1 {
		t.Errorf("the graph is in %v", made)
	}
	if made, _ := filepath.Glob(j.Work + "/*/components*"); len(made) > 0 {
		t.Errorf("it computed %v before it said so", made)
	}
	j.Cameras = []string{"nobody"}
	if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("it said %v", err)
	}
}

func TestEverythingWrongIsListed(t *testing.T) {
	j := board.Job{Table: "x.xml", Pictures: 0}
	err := j.Check()
	for _, want := range []string{"--output is missing", "--table=x.xml", "--pictures=0", "--every=0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	j = board.Job{Output: "out"}
	if err := j.Check(); err == nil || !strings.Contains(err.Error(), "--page and --table are both missing") {
		t.Error(err)
	}
}

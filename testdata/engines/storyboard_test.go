//go:build engines

package engines

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
)

// A storyboard, its graph computed in supersteps, is the same bytes on every engine.
func TestAStoryboardIsTheSameOnEveryEngine(t *testing.T) {
	logs := trial.Split(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 31}), 2)
	from := topic(t, len(logs))
	publishAll(t, from, logs)
	out := newFolder(t, "out")
	run(t, "analyze", direct(t), fromKafka(from), []string{"--chunk=32", "--until=now", "--config=../golden/analyses.yaml", "--output=" + out})

	dir := t.TempDir()
	storyboard := func(t *testing.T, name string, on []string) (page, table string) {
		t.Helper()
		page, table = filepath.Join(dir, name+".html"), filepath.Join(dir, name+".csv")
		run(t, "storyboard", on, fromKafka(from)[:1], []string{"--output=" + out, "--every=1s", "--zone=UTC", "--page=" + page, "--table=" + table})
		read := func(file string) string {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		return read(page), read(table)
	}
	page, table := storyboard(t, "direct", direct(t))
	for name, on := range map[string]func(*testing.T) []string{"flink": onFlink, "spark": onSpark} {
		t.Run(name, func(t *testing.T) {
			gotPage, gotTable := storyboard(t, name, on(t))
			if gotTable != table {
				t.Errorf("the table is\n%s\nwant\n%s", gotTable, table)
			}
			if gotPage != page {
				t.Error("the page is another")
			}
		})
	}
}

//go:build engines

package engines

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// complete leaves out what a job that is still running has not finished.
func complete(tree map[string]string) map[string]string {
	whole := map[string]string{}
	for name, digest := range tree {
		if !strings.Contains(name, "_partial") && !strings.Contains(name, store.TempDir) {
			whole[name] = digest
		}
	}
	return whole
}

// isGolden compares a tree with the golden one, if this is the same OpenCV.
func isGolden(t *testing.T, tree map[string]string) {
	t.Helper()
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if lines[0] != "OpenCV "+pixels.Version() {
		t.Logf("not compared with the golden files: they are of %s, this is OpenCV %s", lines[0], pixels.Version())
		return
	}
	want := map[string]string{}
	for _, line := range lines[1:] {
		name, digest, _ := strings.Cut(line, " ")
		want[name] = digest
	}
	trial.SameTree(t, "golden files", want, tree)
}

// golden holds the digest of every file that the direct runner writes of the log
// below, as package job's tests have it too.
const golden = "../golden/sources.txt"

// One log, and the same bytes however it is analysed.
func TestEveryWayGivesTheSameBytes(t *testing.T) {
	logs := trial.Split(film.WithSources(film.Records(film.Config{Cameras: 4, Frames: 70, Seed: 1, Odd: true})), 2)
	from := trial.Topic
	topicNamed(t, from, len(logs))
	chunk := []string{"--chunk=32"}
	const config = "../golden/analyses.yaml"
	analysis := append(chunk, "--config="+config)
	live := newFolder(t, "live")
	following := start(t, "analyze", onFlink(t), fromKafka(from), analysis, []string{"--output=" + live})
	for i := range 20 {
		for p, log := range logs {
			if err := publish(t.Context(), from, p, log[len(log)*i/20:len(log)*(i+1)/20]); err != nil {
				t.Fatal(err)
			}
		}
	}
	until := []string{"--until=now"}

	want := newFolder(t, "direct")
	run(t, "analyze", direct(t), fromKafka(from), analysis, until, []string{"--output=" + want})
	tree := trial.Tree(t, want)
	isGolden(t, tree)
	archived := newFolder(t, "archive")
	run(t, "archive", direct(t), fromKafka(from), chunk, until, []string{"--archive=" + archived})

	same := func(t *testing.T, out string) {
		t.Helper()
		trial.SameTree(t, t.Name(), tree, trial.Tree(t, out))
	}
	for name, on := range map[string]func(*testing.T) []string{"flink": onFlink, "spark": onSpark} {
		t.Run(name, func(t *testing.T) {
			out := newFolder(t, "out")
			run(t, "analyze", on(t), fromKafka(from), analysis, until, []string{"--output=" + out})
			same(t, out)
		})
		t.Run("reprocessed on "+name, func(t *testing.T) {
			out := newFolder(t, "out")
			run(t, "reprocess", on(t), analysis, []string{"--archive=" + archived, "--topic=" + from, "--output=" + out})
			same(t, out)
		})
		t.Run("a range on "+name, func(t *testing.T) {
			out := newFolder(t, "out")
			run(t, "reprocess", on(t), []string{"--archive=" + archived, "--topic=" + from, "--output=" + out, "--seed=" + want, "--from=70"})
			part := map[string]string{} // of the whole, with the states that the range began with
			got := trial.Tree(t, out)
			for name, digest := range tree {
				file := strings.TrimSuffix(path.Base(name), path.Ext(name))
				at, ok := chunkfolder.ParseFile(file, "", "")
				if _, before := got[name]; !ok || at.Start >= 64 || before && strings.HasPrefix(name, "states/") {
					part[name] = digest
				}
			}
			trial.SameTree(t, t.Name(), part, got)
		})
		t.Run("archived on "+name, func(t *testing.T) {
			again := newFolder(t, "archive")
			run(t, "archive", on(t), fromKafka(from), chunk, until, []string{"--archive=" + again})
			trial.SameTree(t, "archive", trial.Tree(t, archived), trial.Tree(t, again))
		})
	}
	t.Run("live on flink", func(t *testing.T) {
		want := complete(tree)
		eventually(t, "the live job writes every complete chunk", func() bool { return len(complete(trial.Tree(t, live))) >= len(want) })
		if code := following.interrupt(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, following.output())
		}
		run(t, "analyze", onFlink(t), fromKafka(from), analysis, until, []string{"--output=" + live})
		same(t, live)
	})
}

//go:build engines

package engines

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/framebeam/framebeam/testdata/trial"
)

// A job on Flink shows what there is of chunks that are not full, and goes on with a changed
// file of analyses as a job that is cancelled, and another one.
func TestAFlinkJobShowsWhatItHasAndTakesChangedAnalyses(t *testing.T) {
	l := goLive(t, 4*time.Minute)
	dir := t.TempDir()
	said := []string{"motion: {threshold: 35}\n", "motion: {threshold: 50}\n"}
	config := func(name string, content string) string {
		return "--config=" + writeFile(t, filepath.Join(dir, name), content)
	}
	follows := config("analyses.yaml", said[0])
	l.follow(follows, "--partial-every=1s")
	seen := func() bool { // rows of a chunk that is not full
		l.alive()
		for name := range trial.Tree(t, l.out) {
			if strings.HasPrefix(name, "_partial/results/") && !strings.Contains(name, "_temporary") {
				return true
			}
		}
		return false
	}
	eventually(t, "what there is of a chunk is shown", seen)
	l.flows()
	config("analyses.yaml", said[1])
	eventually(t, "the changed analyses are a generation", func() bool { l.alive(); return len(generations(t, l.out)) == 2 })
	l.flows()
	eventually(t, "what there is of a chunk is shown again", seen)
	l.finish(follows)

	// The oracle: each configuration up to where the next began.
	want := filepath.Join(t.TempDir(), "undisturbed")
	gens := generations(t, l.out)
	if len(gens) != 2 {
		t.Fatalf("%d generations, want 2", len(gens))
	}
	for i, g := range gens {
		if i > 0 {
			cutAt(t, want, g)
		}
		run(t, "analyze", append([][]string{direct(t)}, l.args("--output="+want, "--until=now", config("oracle.yaml", said[i]))...)...)
	}
	l.compare(want)
}

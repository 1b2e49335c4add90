package job_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
)

// packs are the packs of pictures below a folder.
func packs(tree map[string]string, dir string) []string {
	names := slices.Sorted(maps.Keys(tree))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, dir) })
}

func TestWhatHappenedInAChunkThatIsNotFullHasItsPictures(t *testing.T) {
	b := trial.Start(t, trial.Split(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 7, Odd: true}), 2)...)
	out := t.TempDir()
	whole := jobOn(t, b, out, "now")
	whole.N, whole.Pictures = chunkfolder.DefaultN, picture.WithEvents
	run(t, whole)
	events := 0
	for _, r := range trial.Rows(t, out) {
		if slices.ContainsFunc(r.Events, result.OfAnalysis) {
			events++
		}
	}
	tree := trial.Tree(t, out)
	if got := packs(tree, "_partial/images/"); events == 0 || len(got) == 0 {
		t.Fatalf("%d frames have events, and there are packs %v", events, got)
	}
	for _, pack := range packs(tree, "_partial/images/") {
		results := strings.Replace(strings.Replace(pack, "/images/", "/results/", 1), ".zip", ".parquet", 1)
		if tree[results] == "" {
			t.Errorf("%s is of no results", pack)
		}
	}
	run(t, whole)
	trial.SameTree(t, "again", tree, trial.Tree(t, out))

	// They grow with the chunk, and go when it is full.
	once, piecewise := t.TempDir(), t.TempDir()
	for _, c := range []struct {
		out    string
		untils []string
	}{{once, []string{"now"}}, {piecewise, []string{"40", "50", "60", "75", "now"}}} {
		for _, until := range c.untils {
			j := jobOn(t, b, c.out, until)
			j.Pictures = picture.WithEvents
			run(t, j)
		}
	}
	trial.SameTree(t, "piecewise", trial.Tree(t, once), trial.Tree(t, piecewise))
}

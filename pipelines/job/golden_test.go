package job_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew; look at what changed and why")

// The golden files hold the digest of every file that the analysis of one log gives, on
// every engine and every machine of the same OpenCV and architecture: of frames alone, and
// of the same with what collectors said of the cameras' sources.
func TestTheOutputIsTheGoldenOne(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 4, Frames: 70, Seed: 1, Odd: true})
	t.Run("frames", func(t *testing.T) { isGolden(t, "film.txt", recs) })
	t.Run("sources", func(t *testing.T) { isGolden(t, "sources.txt", film.WithSources(recs)) })
}

func isGolden(t *testing.T, name string, recs []frame.Record) {
	t.Helper()
	golden := filepath.Join("../../testdata/golden", name)
	b := trial.Start(t, trial.Split(recs, 2)...)
	out := t.TempDir()
	j := jobOn(t, b, out, "now")
	j.Pictures = picture.WithEvents
	run(t, j)
	files := trial.Tree(t, out)
	var lines strings.Builder
	fmt.Fprintf(&lines, "OpenCV %s\n", pixels.Version())
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&lines, "%s %s\n", name, files[name])
	}
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(want), "\n"); first != "OpenCV "+pixels.Version() {
		t.Skipf("the golden files are of %s, this is OpenCV %s: bytes are promised for one build only", first, pixels.Version())
	}
	if d := cmp.Diff(string(want), lines.String()); d != "" {
		t.Errorf("the output is not the golden one (-want +got); if it is meant to change, run with -rewrite:\n%s", d)
	}
}

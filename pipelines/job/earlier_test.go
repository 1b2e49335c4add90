package job_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// earlier holds an archive and an output that an earlier program wrote; see the README there.
const (
	earlier         = "../../testdata/earlier"
	earlierN        = 8
	earlierArchived = 20
	earlierAnalysed = 13
)

// copied is a copy of one of its folders, that a job may go on from.
func copied(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(earlier, name))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// records are all that a log holds of the topic's first partition.
func records(t *testing.T, spec log.Spec) (recs []frame.Record) {
	t.Helper()
	l, err := log.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pos, end, err := l.Bounds(t.Context(), chunk.Partition{Topic: trial.Topic})
	if err != nil {
		t.Fatal(err)
	}
	for pos < end {
		part, next, err := l.Read(t.Context(), chunk.Partition{Topic: trial.Topic}, pos, end, 1<<20, 0)
		if err != nil {
			t.Fatal(err)
		}
		recs, pos = append(recs, part...), next
	}
	return recs
}

func TestWhatAnEarlierProgramWroteIsReadAndContinued(t *testing.T) {
	recs := records(t, log.Spec{Kind: archive.Kind, Root: filepath.Join(earlier, "archive")})
	if len(recs) != earlierArchived {
		t.Fatalf("the archive gives %d records", len(recs))
	}
	if rows := trial.Rows(t, filepath.Join(earlier, "output")); len(rows) != earlierAnalysed {
		t.Fatalf("the output has %d rows", len(rows))
	}
	// The log has gone on since.
	b := trial.Start(t, recs, film.Records(film.Config{Cameras: 2, Frames: 3, Width: 48, Height: 36, Seed: 6}))
	trial.Add(t, b, 0, film.Records(film.Config{Cameras: 2, Frames: 15, Width: 48, Height: 36, Seed: 5})[earlierArchived:])

	t.Run("archive", func(t *testing.T) {
		fresh, continued := t.TempDir(), copied(t, "archive")
		for _, root := range []string{fresh, continued} {
			start, until := trial.Whole(t)
			j := copying.Job{
				Runner: launch.Direct, Log: log.Spec{Kind: "kafka", Brokers: b.Addrs()}, Topic: trial.Topic,
				Archive: root, Start: start, Until: until,
			}
			if root == fresh {
				j.N = earlierN
			}
			tasks, err := j.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if root == continued && (len(tasks) != 2 || tasks[0].From != earlierArchived) {
				t.Errorf("it went on with %+v", tasks)
			}
		}
		trial.SameTree(t, "continued", trial.Tree(t, fresh), trial.Tree(t, continued))
	})
	t.Run("output", func(t *testing.T) {
		fresh, continued := t.TempDir(), copied(t, "output")
		j := jobOn(t, b, fresh, "now")
		cfg := profiles.Default()
		cfg.StateLimit = 256 << 10 // as it was by default then
		j.N, j.Analyses = earlierN, stages(t, cfg)
		run(t, j)
		j.Output, j.N, j.Remembered = continued, 0, true
		parts, err := j.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(parts) != 2 || parts[0].From != earlierN {
			t.Errorf("it went on with %+v", parts)
		}
		if got, want := trial.Rows(t, continued), trial.Rows(t, fresh); len(got) != len(want) {
			t.Errorf("%d rows, not %d", len(got), len(want))
		}
		gens := generations(t, continued)
		if gens[0].ConfigDigest != j.Analyses.Digest {
			t.Skipf("another build of OpenCV (%s, now %s), architecture or version of an analysis: bytes are promised for one only", gens[0].OpenCV, pixels.Version())
		}
		if len(gens) != 1 {
			t.Errorf("there are %d generations", len(gens))
		}
		current(t, continued)
		trial.SameTree(t, "continued", trial.Tree(t, fresh), trial.Tree(t, continued))
	})
}

// current rewrites an output's results files as they would be written today.
func current(t *testing.T, root string) {
	err := filepath.WalkDir(filepath.Join(root, "results"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".parquet" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if b, err = result.CurrentParquet(b); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

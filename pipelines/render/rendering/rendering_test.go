package rendering_test

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/archive/copying"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/pipelines/render/rendering"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/archive"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/picture"
)

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	launch.Quiet(slog.LevelError)
	os.Exit(m.Run())
}

func kafka(b *broker.Broker) log.Spec {
	return log.Spec{Kind: "kafka", Brokers: b.Addrs()}
}

// analysed is an output folder of the whole log; pictures are kept while analysing if asked for.
func analysed(t *testing.T, b *broker.Broker, pictures string) string {
	t.Helper()
	out := t.TempDir()
	j := job.Job{Runner: launch.Direct, Log: kafka(b), Topic: trial.Topic, Output: out, N: 32, Pictures: pictures}
	analyses := profiles.Default()
	analyses.Set("motion", `{"min_area": 12}`)
	var err error
	if j.Analyses, err = analyses.Stages(); err != nil {
		t.Fatal(err)
	}
	j.Start, j.Until = trial.Whole(t)
	if _, err := j.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return out
}

// archived is an archive of the whole log, with chunks of another size than the output's.
func archived(t *testing.T, b *broker.Broker) log.Spec {
	t.Helper()
	root := t.TempDir()
	j := copying.Job{Runner: launch.Direct, Log: kafka(b), Topic: trial.Topic, Archive: root, N: 48}
	j.Start, j.Until = trial.Whole(t)
	if _, err := j.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return log.Spec{Kind: archive.Kind, Root: root}
}

func render(t *testing.T, j rendering.Job) rendering.Done {
	t.Helper()
	j.Runner = launch.Direct
	done, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// pictures are the files of pictures in an output, with their digests.
func pictures(t *testing.T, out string) map[string]string {
	t.Helper()
	files := trial.Tree(t, out)
	for name := range files {
		if !strings.HasPrefix(name, "images/") && !strings.HasPrefix(name, "_partial/images/") && !strings.HasPrefix(name, "sheets/") {
			delete(files, name)
		}
	}
	return files
}

// packs are those of complete chunks.
func packs(files map[string]string) map[string]string {
	some := map[string]string{}
	for name, digest := range files {
		if strings.HasPrefix(name, "images/") {
			some[name] = digest
		}
	}
	return some
}

func TestPicturesAreTheSameWheneverAndOfWhateverTheyAreMade(t *testing.T) {
	b := trial.Start(t, trial.Split(film.Records(film.Config{Cameras: 4, Frames: 60, Seed: 7, Odd: true}), 2)...)
	arch := archived(t, b)
	for _, which := range []string{picture.WithDetections, picture.AllFrames} {
		t.Run(which, func(t *testing.T) {
			whileAnalysing := analysed(t, b, which)
			want := packs(pictures(t, whileAnalysing))

			fromKafka := analysed(t, b, "")
			done := render(t, rendering.Job{Log: kafka(b), Output: fromKafka, Which: which, Sheets: true})
			trial.SameTree(t, "rendered from Kafka", want, packs(pictures(t, fromKafka)))
			all := pictures(t, fromKafka)
			if len(done.Sheets) != 4 || done.Packs != len(all)-4 || done.Packs == len(want) {
				t.Errorf("%d files with 4 sheets and %d complete packs; the job says %+v", len(all), len(want), done)
			}
			if done.Missing != 0 || done.Kept != 0 || done.Pictures < done.Packs {
				t.Errorf("the job says %+v", done)
			}

			fromArchive := analysed(t, b, "")
			render(t, rendering.Job{Log: arch, Output: fromArchive, Which: which, Sheets: true})
			trial.SameTree(t, "rendered from the archive", all, pictures(t, fromArchive))

			render(t, rendering.Job{Log: arch, Output: fromArchive, Which: which, Sheets: true})
			trial.SameTree(t, "rendered again", all, pictures(t, fromArchive))

			render(t, rendering.Job{Log: arch, Output: whileAnalysing, Which: which})
			trial.SameTree(t, "rendered over those made while analysing", want, packs(pictures(t, whileAnalysing)))
		})
	}
}

func TestFramesThatTheLogHasLostAreCountedAndTheirPicturesKept(t *testing.T) {
	recs := film.Records(film.Config{Cameras: 1, Frames: 80, Seed: 3})
	b := trial.Start(t, recs)
	out := analysed(t, b, "")
	render(t, rendering.Job{Log: kafka(b), Output: out, Which: picture.AllFrames})
	before := pictures(t, out)
	if err := b.DeleteRecords(trial.Topic, 0, 20); err != nil {
		t.Fatal(err)
	}
	done := render(t, rendering.Job{Log: kafka(b), Output: out, Which: picture.AllFrames})
	if want := (picture.Rendered{Packs: 2, Partial: 1, Pictures: 48, Missing: 20, Kept: 1}); done.Rendered != want {
		t.Error(cmp.Diff(want, done.Rendered))
	}
	trial.SameTree(t, "after frames were deleted", before, pictures(t, out))
}

func TestAFolderThatIsNoOutputIsSaidToBeNone(t *testing.T) {
	b := trial.Start(t, nil)
	root := filepath.Join(t.TempDir(), "nothing")
	j := rendering.Job{Runner: launch.Direct, Log: kafka(b), Output: root}
	if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), root+" is no output folder") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("the folder was created")
	}
}

func TestAnOutputWithoutResultsHasNoPictures(t *testing.T) {
	b := trial.Start(t, nil)
	out := analysed(t, b, "")
	if done := render(t, rendering.Job{Log: kafka(b), Output: out, Sheets: true}); done.Packs != 0 || len(done.Sheets) != 0 {
		t.Errorf("%+v", done)
	}
}

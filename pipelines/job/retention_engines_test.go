//go:build engines

package job_test

import (
	"testing"
	"time"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/pipelines/repair"
	"github.com/framebeam/framebeam/pipelines/verify"
	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/retention"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// retainThereAndHere makes sure that old files go on HDFS as they do in a local folder,
// that a damaged file is made again, and that a job goes on with what is left.
func retainThereAndHere(t *testing.T, b *broker.Broker, there, here string) {
	t.Helper()
	roots := []string{there, here}
	rows := trial.Rows(t, here)
	newest := time.UnixMilli(rows[len(rows)-1].Timestamp)
	for _, root := range roots {
		r, err := retention.Open(t.Context(), root, "")
		if err != nil {
			t.Fatal(err)
		}
		r.Rules, r.Now, r.Behind = retention.All(time.Minute, 0), newest.Add(time.Hour), -1
		p, err := r.Plan(t.Context())
		if err == nil {
			err = p.Do(t.Context())
		}
		if files, _ := p.Goes(); err != nil || files == 0 {
			t.Fatalf("%s: %d files go, %v", root, files, err)
		}
	}
	want := trial.Tree(t, here)
	trial.SameTree(t, "retained", want, trial.Tree(t, there))

	trial.Add(t, b, 0, film.Records(film.Config{Cameras: 1, Frames: 150, Seed: 43}))
	for _, root := range roots {
		run(t, jobOn(t, b, root, "now"))
	}
	want = trial.Tree(t, here)
	trial.SameTree(t, "gone on with", want, trial.Tree(t, there))

	folder, err := store.Open(t.Context(), there)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.OpenExisting(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	files, err := out.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteAtomic(t.Context(), files[1].Name, []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	v := verify.Run{Output: out}
	report, err := v.Verify(t.Context())
	if err != nil || len(report.Findings) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	topic := jobOn(t, b, there, "now").Log
	mend := repair.Run{Output: out, Topic: &topic}
	if failed, err := mend.Repair(t.Context(), report.Findings); err != nil || len(failed) > 0 {
		t.Fatal(failed, err)
	}
	trial.SameTree(t, "repaired", want, trial.Tree(t, there))
}

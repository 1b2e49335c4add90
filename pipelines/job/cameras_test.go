package job

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestPatternsAreHeldAgainstTheCamerasThatTheOutputKnows(t *testing.T) {
	const n = 2
	folder, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(t.Context(), folder, output.OpenConfig{N: n, ConfigDigest: "digest"})
	if err != nil {
		t.Fatal(err)
	}
	j := &Job{Topic: "frames"}
	j.Analyses.Patterns = []string{"gate-*", "gtae"}
	parts := []plan.Stretch{{Partition: chunk.Partition{Topic: "frames"}}}
	c := cameraPatterns{job: j, out: out}
	known := func(want ...string) {
		t.Helper()
		got, err := c.known(t.Context(), parts)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	if _, err := out.Begin(t.Context(), chunk.Partition{Topic: "frames"}, 0); err != nil {
		t.Fatal(err)
	}
	known()
	if c.tell(t.Context(), parts); c.told {
		t.Error("of an output without cameras nothing can be told")
	}
	w, err := output.OpenWriter(t.Context(), out.Spec())
	if err != nil {
		t.Fatal(err)
	}
	row := func(offset int64, camera string) result.Frame {
		return result.Frame{Topic: "frames", Offset: offset, Camera: camera, Sequence: -1, Status: result.OK}
	}
	id := chunk.ID{Partition: chunk.Partition{Topic: "frames"}}
	if _, err := w.CommitPartial(t.Context(), chunk.End{ID: id, N: n, Partial: true, UpTo: 1, Offsets: chunk.Span(0, 1)}, []result.Frame{row(0, "gate-1")}, nil); err != nil {
		t.Fatal(err)
	}
	known("gate-1")
	states := []element.State{{Camera: "gate-1", Position: chunk.EndPosition(0, n)}, {Camera: "yard", Position: chunk.EndPosition(0, n)}}
	end := chunk.End{ID: id, N: n, Offsets: chunk.Span(0, n), Owed: []string{"gate-1", "yard"},
		Cameras: []chunk.CameraOffset{{Camera: "gate-1", Last: 0}, {Camera: "yard", Last: 1}}}
	if _, err := w.Commit(t.Context(), end, []result.Frame{row(0, "gate-1"), row(1, "yard")}, states, nil); err != nil {
		t.Fatal(err)
	}
	known("gate-1", "yard")
	if c.tell(t.Context(), parts); !c.told {
		t.Error("it was not told")
	}
	if diff := cmp.Diff([]string{"gtae"}, j.Analyses.Unmatched([]string{"gate-1", "yard"})); diff != "" {
		t.Error(diff)
	}
}

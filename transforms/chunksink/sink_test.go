package chunksink_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/chunksink"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

func init() {
	beam.RegisterFunction(keyed)
	output.RegisterPictures("list", func(context.Context, []byte) (output.Pictures, error) { return list{}, nil })
}

func TestMain(m *testing.M) {
	flag.Parse()
	// Without it prism loses keyed state when it splits a stateful bundle.
	if err := flag.Set("experiments", "prism_disable_sdf_split"); err != nil {
		panic(err)
	}
	beam.Init()
	os.Exit(m.Run())
}

// list stands for real pictures: it names the offsets of the chunk.
type list struct{}

func (list) Pack(_ context.Context, w io.Writer, end chunk.End, rows []result.Frame) (int, error) {
	_, err := fmt.Fprintf(w, "%v %d", end.Offsets, len(rows))
	return len(rows), err
}

func keyed(p element.Part) (string, element.Part) { return p.Key(), p }

const n = 8

// theLog is chunks 0 to 5 of two partitions, chunk by chunk, as parts.
func theLog() (parts []element.Part, ends []chunk.End) {
	for partition := range int32(2) {
		for k := range int64(6) {
			id := chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: partition}, Index: k}
			end := chunk.End{ID: id, N: n, Owed: []string{"a", "b"}}
			for o := k * n; o < (k+1)*n; o++ {
				if o%7 == 3 {
					continue // a gap
				}
				end.Offsets.Add(o)
				row := result.Frame{Topic: "frames", Partition: partition, Offset: o, Camera: string(rune('a' + o%2)), Status: result.OK}
				parts = append(parts, element.Part{ID: id, Results: []result.Frame{row}})
			}
			for _, camera := range end.Owed {
				parts = append(parts, element.Part{ID: id, State: &element.State{
					Camera: camera, Position: chunk.EndPosition(k, n), Bytes: fmt.Appendf(nil, "%s at %d", camera, k)}})
			}
			parts = append(parts, element.Part{ID: id, End: &end})
			ends = append(ends, end)
		}
	}
	return parts, ends
}

func open(t *testing.T, root, config string) (*store.Folder, *output.Output) {
	t.Helper()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(t.Context(), folder, output.OpenConfig{N: n, ConfigDigest: config})
	if err != nil {
		t.Fatal(err)
	}
	for partition := range int32(2) {
		if _, err := out.Begin(t.Context(), chunk.Partition{Topic: "frames", ID: partition}, 0); err != nil {
			t.Fatal(err)
		}
	}
	return folder, out
}

func run(t *testing.T, out *output.Output, parts []element.Part) error {
	t.Helper()
	p, s := beam.NewPipelineWithRoot()
	col := beam.ParDo(s, keyed, beam.Reshuffle(s, beam.CreateList(s, parts)))
	cfg := chunksink.Config{Output: out.Spec(), Pictures: output.PicturesSpec{Kind: "list"}}
	chunksink.Finish(s, chunksink.Write(s, cfg, col))
	_, err := prism.Execute(t.Context(), p)
	return err
}

func TestShuffledPartsGiveTheSameFilesOnPrism(t *testing.T) {
	parts, ends := theLog()
	want, wantOut := open(t, t.TempDir(), "config")
	w, err := output.OpenWriter(t.Context(), wantOut.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range ends { // a bare loop as the reference
		var rows []result.Frame
		var states []element.State
		for _, p := range parts {
			if p.ID == end.ID {
				rows = append(rows, p.Results...)
				if p.State != nil {
					states = append(states, *p.State)
				}
			}
		}
		if _, err := w.Commit(t.Context(), end, rows, states, list{}); err != nil {
			t.Fatal(err)
		}
	}

	for seed := range int64(3) {
		rnd := rand.New(rand.NewSource(seed))
		shuffled := append(parts[:len(parts):len(parts)], parts[:len(parts)/2]...)
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got, gotOut := open(t, t.TempDir(), "config")
		if err := run(t, gotOut, shuffled); err != nil {
			t.Fatal(err)
		}
		if err := run(t, gotOut, shuffled[:len(shuffled)/2]); err != nil {
			t.Fatalf("late repeats: %v", err)
		}
		report, err := output.Compare(t.Context(), want, got)
		if err != nil {
			t.Fatal(err)
		}
		if !report.Equal() {
			t.Errorf("seed %d:\n%v", seed, report)
		}
		for partition := range int32(2) {
			if err := gotOut.Verify(t.Context(), chunk.Partition{Topic: "frames", ID: partition}, 0, 6*n); err != nil {
				t.Error(err)
			}
		}
		left, err := got.List(t.Context(), "results/frames+0/0000000000000000000/_temporary/*")
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v %v", left, err)
		}
	}
}

func TestAPartialEndPublishesTheExactPrefixOnPrism(t *testing.T) {
	parts, ends := theLog()
	_, out := open(t, t.TempDir(), "config")
	end := ends[1]
	wish := chunk.End{ID: end.ID, N: n, Partial: true, UpTo: n + 5, Offsets: end.Offsets.Below(n + 5)}
	var sent []element.Part
	for _, p := range parts {
		if p.ID == end.ID && p.Results != nil && p.Results[0].Offset < n+6 {
			sent = append(sent, p)
		}
	}
	sent = append(sent, element.Part{ID: end.ID, End: &wish})
	if err := run(t, out, sent); err != nil {
		t.Fatal(err)
	}
	var names []string
	err := out.Each(t.Context(), func(name string, rows []result.Frame, partial bool) error {
		names = append(names, name)
		if !partial || int64(len(rows)) != wish.Offsets.Len() {
			t.Errorf("%s: partial %v, %d rows", name, partial, len(rows))
		}
		return nil
	})
	if err != nil || len(names) != 1 {
		t.Fatalf("%v %v", names, err)
	}
	if err := out.Verify(t.Context(), chunk.Partition{Topic: "frames"}, n, n+5); err != nil {
		t.Error(err)
	}
	if err := out.Verify(t.Context(), chunk.Partition{Topic: "frames"}, n, n+6); err == nil {
		t.Error("offset n+5 is missing and was not missed")
	}
}

func TestABrokenPromiseFailsTheJob(t *testing.T) {
	parts, _ := theLog()
	_, out := open(t, t.TempDir(), "config")
	other := parts[0]
	other.Results = []result.Frame{other.Results[0]}
	other.Results[0].Detail = "other"
	err := run(t, out, []element.Part{parts[0], other})
	// The error crosses the engine as text.
	if err == nil || !strings.Contains(err.Error(), output.ErrPromiseBroken.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestASupersededJobFails(t *testing.T) {
	parts, _ := theLog()
	folder, old := open(t, t.TempDir(), "config")
	if _, err := output.Open(t.Context(), folder, output.OpenConfig{N: n, ConfigDigest: "changed"}); err != nil {
		t.Fatal(err)
	}
	err := run(t, old, parts)
	if err == nil || !strings.Contains(err.Error(), output.ErrSuperseded.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestWriteRefusesABadConfigurationAtConstruction(t *testing.T) {
	for name, cfg := range map[string]chunksink.Config{
		"no output":        {},
		"unknown pictures": {Output: output.Spec{Root: "/x", N: 1, Generation: 1}, Pictures: output.PicturesSpec{Kind: "none such"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was accepted")
				}
			}()
			_, s := beam.NewPipelineWithRoot()
			chunksink.Write(s, cfg, beam.Create(s, 1))
		})
	}
}

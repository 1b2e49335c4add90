package output

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestATopicThatReadersWouldPassOverHasNamesThatTheyRead(t *testing.T) {
	for _, topic := range []string{"_frames", ".frames", "__x", "_1.2"} {
		for _, plain := range []bool{false, true} {
			f := testFolder(t)
			if plain { // begun by an earlier program
				overwrite(t, f, layoutFile, []byte(`{"format":2,"n":4,"block":4096}`))
			}
			o := testOpen(t, f, "A")
			if _, err := o.Begin(t.Context(), chunk.Partition{Topic: topic}, 0); err != nil {
				t.Fatal(err)
			}
			w := testWriter(t, o)
			for k := range int64(2) {
				end := testEnd(chunk.ID{Partition: chunk.Partition{Topic: topic}, Index: k}, 0)
				if _, err := w.Commit(t.Context(), end, testRows(end, "x"), testStates(end), testPictures{}); err != nil {
					t.Fatal(err)
				}
			}
			part := chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: topic}, Index: 2}, N: testN, Partial: true, UpTo: 10, Offsets: chunk.Span(8, 10)}
			if _, err := w.CommitPartial(t.Context(), part, testRows(part, "x"), testPictures{}); err != nil {
				t.Fatal(err)
			}
			o = testOpen(t, f, "A")
			if err := o.SweepPartials(t.Context(), chunk.Partition{Topic: topic}); err != nil {
				t.Fatal(err)
			}
			if p, err := o.Resume(t.Context(), chunk.Partition{Topic: topic}); err != nil || p.Chunk != 2 || p.LastOffset != 7 {
				t.Errorf("%s, plain %v: it goes on at %+v, %v", topic, plain, p, err)
			}
			rows := 0
			if err := o.Each(t.Context(), func(_ string, r []result.Frame, _ bool) error { rows += len(r); return nil }); err != nil || rows != 10 {
				t.Errorf("%s, plain %v: %d rows, %v", topic, plain, rows, err)
			}
			hidden := 0
			if err := filepath.WalkDir(f.Root(), func(path string, d fs.DirEntry, err error) error {
				if d.IsDir() && (d.Name() == "_framebeam" || d.Name() == "_temporary") {
					return filepath.SkipDir
				}
				if name := d.Name(); name != "_partial" && (strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".")) {
					hidden++
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if (hidden > 0) != plain {
				t.Errorf("%s, plain %v: %d names are passed over", topic, plain, hidden)
			}
			if r, err := Compare(t.Context(), f, testFolder(t)); err != nil || len(r.Partitions[topic+"+0"].Lost) == 0 {
				t.Errorf("%s, plain %v: the comparison finds %v, %v", topic, plain, r, err)
			}
		}
	}
}

func TestATopicWhoseFilesWouldHaveNamesThatAreTooLongIsRefusedAtTheStart(t *testing.T) {
	f := testFolder(t)
	o, err := Plan(t.Context(), f, OpenConfig{ConfigDigest: "A"})
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for n := 1; n <= 249; n++ {
		topic := strings.Repeat("x", n)
		if _, err := o.Resume(t.Context(), chunk.Partition{Topic: topic, ID: 11}); err == nil {
			longest = n
		} else if !strings.Contains(err.Error(), "the topic's name is too long by") {
			t.Fatal(err)
		}
	}
	// What is not refused can be written.
	end := testEnd(chunk.ID{Partition: chunk.Partition{Topic: strings.Repeat("x", longest), ID: 11}}, 0)
	o = testOpen(t, f, "A")
	if _, err := testWriter(t, o).Commit(t.Context(), end, testRows(end, "x"), testStates(end), nil); err != nil || longest < 180 {
		t.Errorf("%d characters: %v", longest, err)
	}
	name, err := chunkfolder.NameOf(end.ID, testN)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := f.Take(t.Context(), o.layout.results(name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Path(taken.Name())); err != nil {
		t.Error(err)
	}
}

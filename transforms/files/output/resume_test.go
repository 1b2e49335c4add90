package output

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// testBlock is small, so that histories of some chunks have many blocks.
const testBlock = 3

// smallBlocks is a folder of an output whose blocks have few chunks.
func smallBlocks(t testing.TB) *store.Folder {
	t.Helper()
	f := fakeFolder(t)
	if _, err := createLayout(t.Context(), f, chunkfolder.Layout{N: testN, Block: testBlock}); err != nil {
		t.Fatal(err)
	}
	return f
}

// endByLooking is the contiguous end as it shows when every chunk from the base
// is looked at.
func endByLooking(t testing.TB, o *Output) int64 {
	t.Helper()
	base, err := readBase(t.Context(), o.folder, chunk.Partition{Topic: "frames"})
	if err != nil {
		t.Fatal(err)
	}
	for k := chunk.Of(base, testN); ; k++ {
		n := testName(t, k)
		states, err := o.folder.Exists(t.Context(), o.layout.states(n))
		if err != nil {
			t.Fatal(err)
		}
		lineage, err := readLineage(t.Context(), o.folder, o.layout.results(n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err != nil || !states || lineage != governing(o.gens, "frames+0", k).lineage {
			return k
		}
	}
}

// TestResumeFindsTheEndThatLookingAtEveryChunkFinds runs random histories:
// chunks out of order and half written, changed configurations and jobs that
// were superseded and go on, lost files and folders, retention and damaged marks.
// What is lost in a block before that of the mark is found only when the mark
// goes as well, or the folder.
func TestResumeFindsTheEndThatLookingAtEveryChunkFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := smallBlocks(t)
		start := rapid.Int64Range(0, 5*testN).Draw(rt, "base")
		jobs := []*Output{testOpen(t, f, "A")}
		testBegin(t, jobs[0], start)
		newest := func() *Output { return jobs[len(jobs)-1] }
		var history []string
		note := func(format string, args ...any) { history = append(history, fmt.Sprintf(format, args...)) }
		first := func() int64 {
			now, err := readBase(t.Context(), f, chunk.Partition{Topic: "frames"})
			if err != nil {
				rt.Fatal(err)
			}
			return chunk.Of(now, testN)
		}
		near := func(name string) int64 { // a chunk about where work is done
			return max(first(), endByLooking(t, newest())+rapid.Int64Range(-2, 2*testBlock+1).Draw(rt, name))
		}
		write := func(o *Output, k int64, crash string) {
			w := testWriter(t, o)
			end := testEnd(testID(k), start)
			note("%s writes chunk %d %s", o.gens[len(o.gens)-1].ConfigDigest, k, crash)
			_, err := w.Commit(t.Context(), end, testRows(end, "x"), testStates(end), nil)
			if err != nil && !errors.Is(err, ErrSuperseded) {
				rt.Fatalf("%v\n%s", err, strings.Join(history, "\n"))
			}
			if crash == "and is killed before the results" && err == nil {
				if err := f.Remove(t.Context(), o.layout.results(testName(t, k))); err != nil {
					rt.Fatal(err)
				}
				if err := f.Remove(t.Context(), markFile("frames+0")); err != nil {
					rt.Fatal(err)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"go on for some chunks": func(rt *rapid.T) {
				k := endByLooking(t, newest())
				for i := range rapid.Int64Range(1, 2*testBlock).Draw(rt, "chunks") {
					write(newest(), k+i, "")
				}
			},
			"write out of order": func(rt *rapid.T) { write(newest(), near("chunk"), "") },
			"be killed":          func(rt *rapid.T) { write(newest(), near("chunk"), "and is killed before the results") },
			"an earlier job goes on": func(rt *rapid.T) {
				o := rapid.SampledFrom(jobs).Draw(rt, "job")
				write(o, near("chunk"), "")
				if rapid.Bool().Draw(rt, "advances its mark") {
					note("and advances its mark")
					if err := testWriter(t, o).advance(t.Context(), testID(0)); err != nil {
						rt.Fatal(err)
					}
				}
			},
			"change the configuration": func(rt *rapid.T) {
				jobs = append(jobs, testOpen(t, f, rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "configuration")))
				note("%s is opened: %v", newest().gens[len(newest().gens)-1].ConfigDigest, newest().gens[len(newest().gens)-1].Began)
			},
			"lose a file and the mark": func(rt *rapid.T) {
				n := testName(t, near("chunk"))
				file := rapid.SampledFrom([]string{newest().layout.results(n), newest().layout.states(n)}).Draw(rt, "file")
				note("lost: %s, and the mark", file)
				if err := errors.Join(f.Remove(t.Context(), file), f.Remove(t.Context(), markFile("frames+0"))); err != nil {
					rt.Fatal(err)
				}
			},
			"lose a file of the mark's block or later": func(rt *rapid.T) {
				o := newest()
				from := first()
				if m := o.mark(t.Context(), "frames+0"); m.Chunk > from {
					from = max(from, o.layout.BlockOf(m.Chunk-1)*testBlock)
				}
				n := testName(t, from+rapid.Int64Range(0, 2*testBlock).Draw(rt, "chunk"))
				file := rapid.SampledFrom([]string{o.layout.results(n), o.layout.states(n)}).Draw(rt, "file")
				note("lost: %s", file)
				if err := f.Remove(t.Context(), file); err != nil {
					rt.Fatal(err)
				}
			},
			"lose a block's folder": func(rt *rapid.T) {
				n := testName(t, first()+rapid.Int64Range(0, 4*testBlock).Draw(rt, "chunk"))
				dir := rapid.SampledFrom([]string{resultsDir, statesDir}).Draw(rt, "kind") + newest().layout.Folder(n)
				note("lost: %s", dir)
				removeFolder(t, f, dir)
			},
			"retain": func(rt *rapid.T) {
				o := newest()
				to := o.layout.BlockOf(max(0, endByLooking(t, o)-1)) * testBlock
				if to <= first() {
					return
				}
				note("retained from chunk %d", to)
				b, err := journal.Marshal(chunkfolder.Base{Format: journalFormat, Topic: "frames", Start: to * testN})
				if err != nil {
					rt.Fatal(err)
				}
				overwrite(t, f, fmt.Sprintf("%sretained+%019d.json", partitionDir("frames+0"), to*testN), b)
				for k := to - testBlock; k >= 0; k -= testBlock {
					if rapid.Bool().Draw(rt, "killed before all is deleted") {
						break
					}
					for _, dir := range []string{resultsDir, statesDir} {
						removeFolder(t, f, dir+o.layout.Folder(testName(t, k)))
					}
				}
			},
			"damage the mark": func(*rapid.T) { note("damaged mark"); overwrite(t, f, markFile("frames+0"), []byte("{")) },
			"": func(rt *rapid.T) {
				o := newest()
				want := endByLooking(t, o)
				p := resume(t, o)
				if p.Chunk != want {
					rt.Fatalf("it goes on at chunk %d, not %d\n%s", p.Chunk, want, strings.Join(history, "\n"))
				}
				note("resumed at %d", want)
			},
		})
	})
}

// removeFolder removes a block's folder with all that is in it.
func removeFolder(t testing.TB, f *store.Folder, dir string) {
	t.Helper()
	for _, sub := range []string{dir + store.TempDir + "/", dir} {
		files, err := f.List(t.Context(), sub+"*")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range append(files, strings.TrimSuffix(sub, "/")) {
			if err := f.Remove(t.Context(), file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestALossBeforeTheMarksBlockIsFoundWhenTheMarkGoesOrTheFolder(t *testing.T) {
	for name, test := range map[string]struct {
		lose []string
		want int64
	}{
		"a file":              {[]string{"file"}, 8},
		"a file and the mark": {[]string{"file", "mark"}, 1},
		"the folder":          {[]string{"folder"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := smallBlocks(t)
			o := testOpen(t, f, "A")
			testBegin(t, o, 0)
			commit(t, o, 0, "x", 0, 1, 2, 3, 4, 5, 6, 7)
			resume(t, o)
			if slices.Contains(test.lose, "file") {
				remove(t, f, o.layout.states(testName(t, 1)))
			}
			if slices.Contains(test.lose, "mark") {
				remove(t, f, markFile("frames+0"))
			}
			if slices.Contains(test.lose, "folder") {
				removeFolder(t, f, resultsDir+o.layout.Folder(testName(t, 1)))
			}
			if p := resume(t, o); p.Chunk != test.want {
				t.Errorf("it goes on at chunk %d, not %d", p.Chunk, test.want)
			}
		})
	}
}

func TestAMarkThatASupersededJobLeavesIsNotLookedAt(t *testing.T) {
	f := smallBlocks(t)
	a := testOpen(t, f, "A")
	testBegin(t, a, 0)
	commit(t, a, 0, "by A", 0)
	commit(t, testOpen(t, f, "B"), 0, "by B", 2)
	again := testOpen(t, f, "A")
	commit(t, again, 0, "by A", 1)
	// The first job had seen its own chunks 1 and 2, and is slow to say so.
	late, err := journal.Marshal(chunkfolder.Mark{Format: journalFormat, Generation: 1, Chunk: 3})
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, f, markFile("frames+0"), late)
	if p := resume(t, again); p.Chunk != 2 {
		t.Errorf("it goes on at chunk %d: B's chunk 2 counts", p.Chunk)
	}
}

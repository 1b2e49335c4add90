package output

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestARepeatedCommitFindsItsFilesInPlace(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	w := testWriter(t, o)
	end := testEnd(testID(0), 0)
	first, err := w.Commit(t.Context(), end, testRows(end, "x"), testStates(end), testPictures{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Rows != testN || first.Name != testLayout.results(testName(t, 0)) || len(first.Digest) != 64 {
		t.Errorf("published %+v", first)
	}
	for _, missing := range []string{"", testLayout.results(testName(t, 0)), testLayout.states(testName(t, 0)), testLayout.images(testName(t, 0))} {
		if missing != "" {
			remove(t, f, missing)
		}
		if done, err := w.Done(t.Context(), end.ID); err != nil || done == (missing == testLayout.results(testName(t, 0)) || missing == testLayout.states(testName(t, 0))) {
			t.Errorf("without %q: done %v, %v", missing, done, err)
		}
		again, err := w.Commit(t.Context(), end, testRows(end, "x"), testStates(end), testPictures{})
		if err != nil || again != first {
			t.Errorf("without %q: %+v, %v", missing, again, err)
		}
		if missing != "" && missing != testLayout.images(testName(t, 0)) { // which are a view, and made by render
			read(t, f, missing)
		}
	}
}

func TestStatesOfACommitThatDidNotComeToItsResultsAreReplaced(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	commit(t, o, 0, "x", 0)
	remove(t, f, testLayout.results(testName(t, 0)))
	end := testEnd(testID(0), 0)
	states := testStates(end)
	states[1].Bytes = []byte("a program's other answer")
	w := testWriter(t, o)
	if _, err := w.Commit(t.Context(), end, testRows(end, "other"), states, testPictures{}); err != nil {
		t.Fatal(err)
	}
	if done, err := w.Done(t.Context(), end.ID); !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	all, err := OpenStates(t.Context(), o.Spec())
	if err != nil {
		t.Fatal(err)
	}
	if got, _, _, err := all.Load(t.Context(), chunk.Partition{Topic: "frames"}, 0, "b"); string(got) != "a program's other answer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got := string(read(t, f, testLayout.images(testName(t, 0)))); !strings.Contains(got, "other") {
		t.Errorf("the pictures are %q", got)
	}
}

func TestFilesOfAProgramThatKnewNoDigestsCount(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	testBegin(t, o, 0)
	end := testEnd(testID(0), 0)
	lineage := governing(o.gens, "frames+0", 0).lineage
	results, err := encodeResults(lineage, "", testRows(end, "x"))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, f, testLayout.results(testName(t, 0)), results)
	states, err := encodeStatesWith(testName(t, 0), lineage, "", &end, testStates(end))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, f, testLayout.states(testName(t, 0)), states)
	if p := resume(t, o); p.Chunk != 1 {
		t.Errorf("it goes on at chunk %d", p.Chunk)
	}
	commit(t, o, 0, "x", 0) // a late repeat finds the same, though it writes it in another way
	if string(read(t, f, testLayout.results(testName(t, 0)))) != string(results) || string(read(t, f, testLayout.states(testName(t, 0)))) != string(states) {
		t.Error("the files were changed")
	}
	if _, err := testWriter(t, o).Commit(t.Context(), end, testRows(end, "y"), testStates(end), nil); !errors.Is(err, ErrPromiseBroken) {
		t.Errorf("other results: %v", err)
	}
}

func TestNoFileIsKeptForAChunkWithoutPictures(t *testing.T) {
	f := testFolder(t)
	commit(t, testOpen(t, f, "A"), 0, "x", 0, 1)
	images, err := f.List(t.Context(), testDir("images/", 0)+"*")
	if err != nil || len(images) != 1 || images[0] != testLayout.images(testName(t, 0)) {
		t.Errorf("%v, %v", images, err)
	}
}

func TestPicturesMayChangeUntilTheirChunkIsCompleteAndThenStay(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	commit(t, o, 0, "x", 0)
	end := testEnd(testID(0), 0)
	pictures := string(read(t, f, testLayout.images(testName(t, 0))))
	commitWith := func(pics Pictures) {
		t.Helper()
		if _, err := testWriter(t, o).Commit(t.Context(), end, testRows(end, "x"), testStates(end), pics); err != nil {
			t.Fatal(err)
		}
	}
	commitWith(otherPictures{})
	if got := string(read(t, f, testLayout.images(testName(t, 0)))); got != pictures {
		t.Errorf("the chunk is complete and its pictures are %q now", got)
	}
	// A repeat does not even look for its frames in the log, which may have lost them.
	commitWith(noPictures{})
	remove(t, f, testLayout.results(testName(t, 0)))
	commitWith(otherPictures{})
	if got := string(read(t, f, testLayout.images(testName(t, 0)))); got != "other" {
		t.Errorf("the pictures are %q", got)
	}
}

type noPictures struct{}

func (noPictures) Pack(context.Context, io.Writer, chunk.End, []result.Frame) (int, error) {
	return 0, errors.New("the log has lost them")
}

type otherPictures struct{}

func (otherPictures) Pack(_ context.Context, w io.Writer, _ chunk.End, _ []result.Frame) (int, error) {
	_, err := io.WriteString(w, "other")
	return 1, err
}

var digests = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

func TestOtherContentUnderTheSameConfigurationStopsTheJob(t *testing.T) {
	for name, change := range map[string]func(*chunk.End, *[]element.State) string{
		"other results":  func(*chunk.End, *[]element.State) string { return "other" },
		"other states":   func(_ *chunk.End, s *[]element.State) string { (*s)[1].Bytes = []byte("other"); return "x" },
		"another digest": func(e *chunk.End, _ *[]element.State) string { e.LastDigest++; return "x" },
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			o := testOpen(t, f, "A")
			commit(t, o, 0, "x", 0)
			end := testEnd(testID(0), 0)
			states := testStates(end)
			content := change(&end, &states)
			_, err := testWriter(t, o).Commit(t.Context(), end, testRows(end, content), states, nil)
			if !errors.Is(err, ErrPromiseBroken) || !strings.Contains(err.Error(), f.Root()) || len(digests.FindAllString(err.Error(), -1)) != 2 {
				t.Errorf("got %v", err)
			}
			want := testFolder(t)
			commit(t, testOpen(t, want, "A"), 0, "x", 0)
			same(t, want, f)
		})
	}
}

func TestACommitThatContradictsItsEndIsRefused(t *testing.T) {
	o := testOpen(t, testFolder(t), "A")
	w := testWriter(t, o)
	for name, change := range map[string]func(*chunk.End, *[]element.State) (rows chunk.End){
		"a row too few":   func(e *chunk.End, _ *[]element.State) chunk.End { r := *e; r.Offsets = chunk.Span(0, 3); return r },
		"a row too many":  func(e *chunk.End, _ *[]element.State) chunk.End { r := *e; e.Offsets = chunk.Span(0, 3); return r },
		"a state too few": func(e *chunk.End, s *[]element.State) chunk.End { *s = (*s)[:1]; return *e },
		"another state":   func(e *chunk.End, s *[]element.State) chunk.End { (*s)[1].Camera = "c"; return *e },
		"states at another position": func(e *chunk.End, s *[]element.State) chunk.End {
			(*s)[0].Position--
			return *e
		},
		"another chunk size": func(e *chunk.End, _ *[]element.State) chunk.End { e.N = 8; return *e },
		"offsets outside the chunk": func(e *chunk.End, _ *[]element.State) chunk.End {
			e.Offsets = chunk.Span(0, 5)
			return *e
		},
		"a partial end":  func(e *chunk.End, s *[]element.State) chunk.End { e.Partial, e.UpTo = true, 4; return *e },
		"a topic's path": func(e *chunk.End, _ *[]element.State) chunk.End { e.Topic = "../x"; return *e },
	} {
		t.Run(name, func(t *testing.T) {
			end := testEnd(testID(0), 0)
			states := testStates(end)
			rows := testRows(change(&end, &states), "x")
			if _, err := w.Commit(t.Context(), end, rows, states, nil); err == nil {
				t.Error("it was accepted")
			}
			if files, err := o.folder.List(t.Context(), testDir("states/", 0)+"*"); err != nil || len(files) > 0 {
				t.Errorf("%v, %v", files, err)
			}
		})
	}
}

func TestASupersededWriterStops(t *testing.T) {
	f := testFolder(t)
	a := testOpen(t, f, "A")
	testBegin(t, a, 0)
	old := testWriter(t, a)
	commit(t, a, 0, "by A", 0, 1)
	testOpen(t, f, "B") // begins at chunk 2
	end := testEnd(testID(2), 0)
	if _, err := old.Commit(t.Context(), end, testRows(end, "by A"), testStates(end), nil); !errors.Is(err, ErrSuperseded) {
		t.Errorf("chunk 2: %v", err)
	}
	part := chunk.End{ID: testID(2), N: testN, Partial: true, UpTo: 9, Offsets: chunk.Span(8, 9)}
	if _, err := old.CommitPartial(t.Context(), part, testRows(part, "by A"), nil); !errors.Is(err, ErrSuperseded) {
		t.Errorf("partial of chunk 2: %v", err)
	}
	// What the newer generation keeps, the old one may still repeat.
	commit(t, a, 0, "by A", 1)
	for _, dir := range []string{"states/", "results/"} {
		if files, err := f.List(t.Context(), testDir(dir, 0)+"*"); err != nil || len(files) != 2 {
			t.Errorf("%v, %v", files, err)
		}
	}
}

func TestFilesOfAnOlderGenerationAreReplacedWhole(t *testing.T) {
	for name, left := range map[string][]string{
		"all":            {},
		"no results":     {"results"},
		"only states":    {"results", "images"},
		"only results":   {"images", "states"},
		"nothing at all": {"results", "images", "states"},
	} {
		t.Run(name, func(t *testing.T) {
			f := testFolder(t)
			a := testOpen(t, f, "A")
			testBegin(t, a, 0)
			commit(t, a, 0, "by A", 2)
			n := testName(t, 2)
			for _, kind := range left {
				remove(t, f, map[string]string{"results": testLayout.results(n), "images": testLayout.images(n), "states": testLayout.states(n)}[kind])
			}
			b := testOpen(t, f, "B")
			if done, err := testWriter(t, b).Done(t.Context(), testID(2)); done || err != nil {
				t.Errorf("A's chunk is done for B: %v, %v", done, err)
			}
			commit(t, b, 0, "by B", 2)

			want := testFolder(t)
			o := testOpen(t, want, "B")
			testBegin(t, o, 0)
			commit(t, o, 0, "by B", 2)
			same(t, want, f)
		})
	}
}

func TestRowsThatTheLogNoLongerHasAreNotReplaced(t *testing.T) {
	for _, config := range []string{"A", "B"} {
		f := testFolder(t)
		a := testOpen(t, f, "A")
		testBegin(t, a, 0)
		commit(t, a, 0, "x", 2)
		before := read(t, f, testLayout.results(testName(t, 2)))
		end := testEnd(testID(2), 10) // offsets 8 and 9 are gone
		_, err := testWriter(t, testOpen(t, f, config)).Commit(t.Context(), end, testRows(end, "x"), testStates(end), nil)
		if !errors.Is(err, ErrRowsLost) || !strings.Contains(err.Error(), "[{8 10}]") {
			t.Errorf("configuration %s: %v", config, err)
		}
		if string(read(t, f, testLayout.results(testName(t, 2)))) != string(before) {
			t.Errorf("configuration %s: the file was changed", config)
		}
	}
}

func TestPartialFilesGrowAndGoWhenTheChunkIsComplete(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	testBegin(t, o, 0)
	w := testWriter(t, o)
	list := func() string {
		names, err := f.List(t.Context(), "_partial/results/frames+0/*.parquet")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, " ")
	}
	publish := func(upTo int64) Published {
		t.Helper()
		part := chunk.End{ID: testID(1), N: testN, Partial: true, UpTo: upTo, Offsets: chunk.Span(5, upTo)}
		p, err := w.CommitPartial(t.Context(), part, testRows(part, "x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	upTo := func(end int64) string {
		return testLayout.partial(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 4, End: end})
	}
	for _, step := range []struct{ upTo, end int64 }{{5, 4}, {7, 6}, {6, 6}, {7, 6}} {
		p := publish(step.upTo)
		if got := list(); got != upTo(step.end) {
			t.Errorf("up to %d: there is %s", step.upTo, got)
		}
		if shorter := step.upTo-1 < step.end; shorter != (p.Name == "") {
			t.Errorf("up to %d: published %+v", step.upTo, p)
		}
	}
	for _, test := range []struct {
		to int64
		ok bool
	}{{7, true}, {5, true}, {8, false}} {
		if err := o.Verify(t.Context(), chunk.Partition{Topic: "frames"}, 4, test.to); (err == nil) != test.ok {
			t.Errorf("verify up to %d: %v", test.to, err)
		}
	}
	commit(t, o, 0, "x", 1)
	if got := list(); got != "" {
		t.Errorf("the chunk is complete and there is %s", got)
	}
	overwrite(t, f, upTo(5), []byte("left by a job that was killed"))
	if p := publish(7); p.Name != "" || list() != "" {
		t.Errorf("after completion: %+v, %s", p, list())
	}
	for _, bad := range []int64{4, 8, 9} {
		part := chunk.End{ID: testID(1), N: testN, Partial: true, UpTo: bad, Offsets: chunk.Span(4, bad)}
		if _, err := w.CommitPartial(t.Context(), part, testRows(part, "x"), nil); err == nil {
			t.Errorf("a partial file up to %d was accepted", bad)
		}
	}
}

func TestTwoJobsOnOneOutputWriteTheSame(t *testing.T) {
	want := testFolder(t)
	o := testOpen(t, want, "A")
	testBegin(t, o, 0)
	commit(t, o, 0, "x", 0, 1, 2, 3, 4, 5)

	f := testFolder(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			o, err := Open(t.Context(), f, OpenConfig{N: testN, ConfigDigest: "A"})
			if err == nil {
				err = o.Sweep(t.Context())
			}
			if err == nil {
				_, err = o.Begin(t.Context(), chunk.Partition{Topic: "frames"}, 0)
			}
			if err != nil {
				t.Error(err)
				return
			}
			w, err := OpenWriter(t.Context(), o.Spec())
			if err != nil {
				t.Error(err)
				return
			}
			for k := range int64(6) {
				end := testEnd(testID(k), 0)
				if _, err := w.Commit(t.Context(), end, testRows(end, "x"), testStates(end), testPictures{}); err != nil {
					t.Error(err)
				}
				// as a job that starts now
				if err := errors.Join(o.Sweep(t.Context()), o.SweepPartials(t.Context(), chunk.Partition{Topic: "frames"})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	same(t, want, f)
}

func TestAPartialFileThatVanishesMeanwhileStopsNobody(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	testBegin(t, o, 0)
	// Listed, and gone when it is opened.
	longer := f.Path(testLayout.partial(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 0, End: 2}))
	if err := os.MkdirAll(filepath.Dir(longer), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", longer); err != nil {
		t.Fatal(err)
	}
	end := testEnd(testID(0), 0)
	end.Partial, end.UpTo, end.Offsets = true, 2, chunk.Span(0, 2)
	if _, err := testWriter(t, o).CommitPartial(t.Context(), end, testRows(end, "x"), nil); err != nil {
		t.Fatal(err)
	}
	read(t, f, testLayout.partial(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 0, End: 1}))
}

// notePictures are pictures that note where they are made.
type notePictures struct{ pack func() }

func (p notePictures) Pack(ctx context.Context, w io.Writer, end chunk.End, rows []result.Frame) (int, error) {
	p.pack()
	return testPictures{}.Pack(ctx, w, end, rows)
}

func TestRowsOfAChunkThatIsNotFullHaveTheirPicturesWhenTheyAreSeen(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	testBegin(t, o, 0)
	w := testWriter(t, o)
	pack := testLayout.partialImages(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 0, End: 1})
	end := chunk.End{ID: testID(0), N: testN, Partial: true, UpTo: 2, Offsets: chunk.Span(0, 2)}
	packed := 0
	pics := notePictures{func() {
		// On Flink a job is ended as soon as its end is seen in the output.
		if err := o.Verify(t.Context(), chunk.Partition{Topic: "frames"}, 0, 2); packed == 0 && !errors.Is(err, ErrIncomplete) {
			t.Errorf("pictures are made, and the rows are seen before: %v", err)
		}
		packed++
	}}
	swept := false
	w.hook = func(point string) {
		if point == "sink-between-partials" && !swept { // another job starts
			swept = true
			if err := testOpen(t, f, "A").SweepPartials(t.Context(), chunk.Partition{Topic: "frames"}); err != nil {
				t.Error(err)
			}
		}
	}
	commit := func() {
		t.Helper()
		if _, err := w.CommitPartial(t.Context(), end, testRows(end, "x"), pics); err != nil {
			t.Fatal(err)
		}
	}
	commit()
	if got := string(read(t, f, pack)); got != "0 x\n1 x\n" || packed != 2 {
		t.Errorf("pictures, made %d times: %s", packed, got)
	}
	overwrite(t, f, pack, []byte("more, by render"))
	pics.pack = func() { t.Error("pictures that are there are made again") }
	commit()
	if got := string(read(t, f, pack)); got != "more, by render" {
		t.Errorf("the same rows again: pictures are %s", got)
	}
}

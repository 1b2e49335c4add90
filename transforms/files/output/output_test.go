package output

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

// hintless compares positions but for what is no more than a hint.
var hintless = cmpopts.IgnoreFields(Position{}, "Before")

func TestAJobGoesOnWhereTheContiguousChunksEnd(t *testing.T) {
	at := func(base, k int64) Position {
		p := Position{Base: base, From: max(base, k*testN), Chunk: k, LastOffset: chunk.None}
		if k > chunk.Of(base, testN) {
			end := testEnd(testID(k-1), base)
			p.Cameras, p.LastDigest, p.LastOffset = end.Cameras, end.LastDigest, k*testN-1
		}
		return p
	}
	for name, test := range map[string]struct {
		base    int64
		chunks  []int64
		disturb func(*testing.T, *Output)
		want    int64 // chunk
	}{
		"nothing yet":                      {want: 0},
		"nothing yet, base inside a chunk": {base: 6, want: 1},
		"complete chunks":                  {chunks: []int64{0, 1, 2}, want: 3},
		"base inside a complete chunk":     {base: 6, chunks: []int64{1, 2}, want: 3},
		"a gap":                            {chunks: []int64{0, 1, 3, 4}, want: 2},
		"results missing": {chunks: []int64{0, 1, 2}, want: 1, disturb: func(t *testing.T, o *Output) {
			remove(t, o.folder, testLayout.results(testName(t, 1)))
		}},
		"states missing": {chunks: []int64{0, 1, 2}, want: 1, disturb: func(t *testing.T, o *Output) {
			remove(t, o.folder, testLayout.states(testName(t, 1)))
		}},
		"foreign files": {chunks: []int64{0}, want: 1, disturb: func(t *testing.T, o *Output) {
			for _, name := range []string{"x.parquet", "frames+0+4+7.parquet", ".DS_Store", "frames+0+x+y.parquet", testName(t, 1).String() + ".parquet.bak"} {
				for _, dir := range []string{"results/", "results/frames+0/", testDir("results/", 0), testDir("states/", 0), testDir("results/", 1)} {
					overwrite(t, o.folder, dir+name, []byte("x"))
				}
			}
		}},
		"other partitions": {chunks: []int64{0}, want: 1, disturb: func(t *testing.T, o *Output) {
			n := testName(t, 1)
			n.Partition.ID = 1
			overwrite(t, o.folder, testLayout.results(n), read(t, o.folder, testLayout.results(testName(t, 0))))
			overwrite(t, o.folder, testLayout.states(n), read(t, o.folder, testLayout.states(testName(t, 0))))
		}},
		"small files merged into a larger one, some of them left": {chunks: []int64{0, 1, 2}, want: 3, disturb: func(t *testing.T, o *Output) {
			var rows []result.Frame
			for k := range int64(2) {
				rows = append(rows, testRows(testEnd(testID(k), 0), "x")...)
			}
			b, err := encodeResults(governing(o.gens, "frames+0", 0).lineage, "", rows)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, o.folder, testLayout.results(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 0, End: 2*testN - 1}), b)
			remove(t, o.folder, testLayout.results(testName(t, 1)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOpen(t, testFolder(t), "A")
			testBegin(t, o, test.base)
			commit(t, o, test.base, "x", test.chunks...)
			if test.disturb != nil {
				test.disturb(t, o)
			}
			for range 2 { // the second time with what the first has verified
				if d := cmp.Diff(at(test.base, test.want), resume(t, o), hintless); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestAPartitionThatNoJobHasBegunIsFresh(t *testing.T) {
	o := testOpen(t, testFolder(t), "A")
	want := Position{Fresh: true, Base: chunk.None, From: chunk.None, Chunk: chunk.None, LastOffset: chunk.None}
	if d := cmp.Diff(want, resume(t, o), hintless); d != "" {
		t.Error(d)
	}
}

func TestARestartReadsOnlyMetadataNotVerifiedBefore(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	testBegin(t, o, 0)
	commit(t, o, 0, "x", 0, 1, 2)
	resume(t, o)
	for k := range int64(3) {
		overwrite(t, f, testLayout.results(testName(t, k)), []byte("cannot be read"))
	}
	commit(t, o, 0, "x", 3)
	if p := resume(t, testOpen(t, f, "A")); p.Chunk != 4 {
		t.Errorf("it goes on at chunk %d", p.Chunk)
	}
	remove(t, f, markFile("frames+0"))
	if _, err := o.Resume(t.Context(), chunk.Partition{Topic: "frames"}); err == nil || !strings.Contains(err.Error(), testLayout.results(testName(t, 0))) {
		t.Errorf("without the mark: %v", err)
	}
}

func TestAChangedConfigurationBeginsAtTheContiguousEnd(t *testing.T) {
	f := testFolder(t)
	a := testOpen(t, f, "A")
	testBegin(t, a, 0)
	if _, err := a.Begin(t.Context(), chunk.Partition{Topic: "frames", ID: 1}, 0); err != nil {
		t.Fatal(err)
	}
	commit(t, a, 0, "by A", 0, 1, 3)
	b := testOpen(t, f, "B")
	if d := cmp.Diff(map[string]int64{"frames+0": 2}, b.Generations()[1].Began); d != "" {
		t.Error(d)
	}
	if p := resume(t, b); p.Chunk != 2 || p.LastOffset != 2*testN-1 {
		t.Errorf("B goes on at %+v", p)
	}
	commit(t, b, 0, "by B", 2)
	if p := resume(t, b); p.Chunk != 3 {
		t.Errorf("a chunk of A counts: B goes on at chunk %d", p.Chunk)
	}
	commit(t, b, 0, "by B", 3) // where A's chunk 3 lies
	if p := resume(t, b); p.Chunk != 4 {
		t.Errorf("B goes on at chunk %d", p.Chunk)
	}
	var got []string
	if err := b.Each(t.Context(), func(name string, rows []result.Frame, _ bool) error {
		got = append(got, rows[0].Detail)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"by A", "by A", "by B", "by B"}, got); d != "" {
		t.Error(d)
	}
}

func TestWhatWasVerifiedForAnotherConfigurationIsVerifiedAgain(t *testing.T) {
	f := testFolder(t)
	a := testOpen(t, f, "A")
	testBegin(t, a, 0)
	commit(t, a, 0, "by A", 0, 1, 2, 3)
	resume(t, a)
	remove(t, f, testLayout.results(testName(t, 1)))
	b := testOpen(t, f, "B")
	commit(t, b, 0, "by B", 1)
	if p := resume(t, b); p.Chunk != 2 {
		t.Errorf("B goes on at chunk %d: A's chunks count", p.Chunk)
	}
}

func TestAConfigurationThatWroteNothingLeavesNoTrace(t *testing.T) {
	want := testFolder(t)
	o := testOpen(t, want, "A")
	testBegin(t, o, 0)
	commit(t, o, 0, "x", 0, 1, 2)

	got := testFolder(t)
	o = testOpen(t, got, "A")
	testBegin(t, o, 0)
	commit(t, o, 0, "x", 0, 2)
	testOpen(t, got, "B")
	o = testOpen(t, got, "A")
	commit(t, o, 0, "x", 1, 2)
	if p := resume(t, o); p.Chunk != 3 || o.Spec().Generation != 3 {
		t.Errorf("generation %d goes on at chunk %d", o.Spec().Generation, p.Chunk)
	}
	same(t, want, got)
}

func TestReadersSeeWhatCountsInOrder(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	w := testWriter(t, o)
	for _, partition := range []int32{10, 2, 0} {
		if _, err := o.Begin(t.Context(), chunk.Partition{Topic: "frames", ID: partition}, 0); err != nil {
			t.Fatal(err)
		}
		for _, k := range []int64{1, 0} {
			end := testEnd(chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: partition}, Index: k}, 0)
			if _, err := w.Commit(t.Context(), end, testRows(end, "x"), testStates(end), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, k := range []int64{2, 4} {
		end := testEnd(chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: 2}, Index: k}, 0)
		part := chunk.End{ID: end.ID, N: testN, Partial: true, UpTo: k*testN + 2, Offsets: end.Offsets.Below(k*testN + 2)}
		if _, err := w.CommitPartial(t.Context(), part, testRows(part, "x"), nil); err != nil {
			t.Fatal(err)
		}
	}
	o, err := OpenExisting(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := o.Each(t.Context(), func(name string, rows []result.Frame, partial bool) error {
		got = append(got, fmt.Sprint(rows[0].Partition, rows[0].Offset, len(rows), partial))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"0 0 4 false", "0 4 4 false", "2 0 4 false", "2 4 4 false", "2 8 2 true", "2 16 2 true", "10 0 4 false", "10 4 4 false"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheEndOfAJobMissesWhatIsNotThere(t *testing.T) {
	o := testOpen(t, testFolder(t), "A")
	testBegin(t, o, 1)
	commit(t, o, 1, "x", 0, 1, 4, 6)
	for _, test := range []struct {
		from, to int64
		want     string // "" for success
	}{
		{1, 8, ""}, {1, 1, ""}, {9, 9, ""}, {16, 20, ""}, {24, 26, ""},
		{1, 9, "the beginning of chunk 2 (offsets 8 to 8)"},
		{1, 12, "chunk 2 (offsets 8 to 11)"},
		{1, 20, "chunks 2 to 3 (offsets 8 to 15)"},
		{1, 28, "chunks 2 to 3 (offsets 8 to 15), chunk 5 (offsets 20 to 23)"},
	} {
		err := o.Verify(t.Context(), chunk.Partition{Topic: "frames"}, test.from, test.to)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), "lacks "+test.want)) {
			t.Errorf("[%d, %d): got %v, want %q", test.from, test.to, err, test.want)
		}
	}
}

func TestSweepRemovesTemporariesAndAPartitionsPartials(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "A")
	testBegin(t, o, 0)
	commit(t, o, 0, "x", 0)
	keep := []string{testLayout.results(testName(t, 0)), testLayout.states(testName(t, 0)), testLayout.images(testName(t, 0)), layoutFile}
	for _, dir := range []string{testDir("results/", 0), testDir("states/", 0), testDir("images/", 0), "_partial/results/frames+0/", "_framebeam/", "_framebeam/frames+0/"} {
		overwrite(t, f, dir+"_temporary/x.0123", []byte("x"))
	}
	overwrite(t, f, testLayout.partial(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 4, End: 6}), []byte("x"))
	if err := o.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	read(t, f, testLayout.partial(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 4, End: 6}))
	other := testLayout.partial(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames", ID: 10}, Start: 4, End: 6})
	overwrite(t, f, other, []byte("x"))
	if err := o.SweepPartials(t.Context(), chunk.Partition{Topic: "frames"}); err != nil {
		t.Fatal(err)
	}
	read(t, f, other)
	remove(t, f, other)
	for _, dir := range []string{testDir("results/", 0), testDir("states/", 0), testDir("images/", 0), "_partial/results/frames+0/", "_framebeam/", "_framebeam/frames+0/"} {
		left, err := f.List(t.Context(), dir+"_temporary/*")
		if dir == "_partial/results/frames+0/" {
			partials, perr := f.List(t.Context(), dir+"*")
			left, err = append(left, partials...), errors.Join(err, perr)
		}
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
	for _, name := range keep {
		read(t, f, name)
	}
}

package output

import (
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func TestAWriterKeepsWhatFootersSayForWhoAsks(t *testing.T) {
	f := fakeFolder(t)
	o := testOpen(t, f, "a")
	testBegin(t, o, 0)
	w := testWriter(t, o)
	for k := range int64(markEvery) {
		end := testEnd(testID(k), 0)
		if _, err := w.Commit(t.Context(), end, testRows(end, "x"), testStates(end), nil); err != nil {
			t.Fatal(err)
		}
	}
	again, err := OpenExisting(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	fake.reads = 0
	var rows int64
	if err := again.Catalog().Files(t.Context(), chunk.Partition{Topic: "frames"}, 0, func(e Entry) error {
		rows += e.Statistics.Rows
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if rows != markEvery*testN || fake.reads > 5 {
		t.Errorf("%d rows, %d files read", rows, fake.reads)
	}
	// Without what is kept, only footers of files are read that are asked for.
	remove(t, f, statisticsFile(o.layout, chunk.Partition{Topic: "frames"}, 0))
	fake.reads = 0
	if err := again.Catalog().Files(t.Context(), chunk.Partition{Topic: "frames"}, (markEvery-3)*testN, func(Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if fake.reads > 8 {
		t.Errorf("%d files read for three", fake.reads)
	}
}

func TestACatalogBeginsWhereItIsAskedTo(t *testing.T) {
	f := testFolder(t)
	o := testOpen(t, f, "a")
	testBegin(t, o, 0)
	commit(t, o, 0, "x", 0, 1, 2, 4)
	for from, want := range map[int64]int{0: 4, 3: 4, 4: 3, 11: 2, 12: 1, 20: 0} {
		n := 0
		if err := o.Catalog().Files(t.Context(), chunk.Partition{Topic: "frames"}, from, func(e Entry) error {
			if e.Span.End < from {
				t.Errorf("from %d: %v", from, e.Span)
			}
			n++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n != want {
			t.Errorf("from %d: %d files, want %d", from, n, want)
		}
	}
}

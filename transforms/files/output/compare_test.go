package output

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestPlantedFaultsAreFound(t *testing.T) {
	rewrite := func(t *testing.T, f *store.Folder, k int64, change func([]result.Frame) []result.Frame) {
		rows, lineage, err := readResults(t.Context(), f, testLayout.results(testName(t, k)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := encodeResults(lineage, "", change(rows))
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, f, testLayout.results(testName(t, k)), b)
	}
	flip := func(t *testing.T, f *store.Folder, name string, at int) {
		b := read(t, f, name)
		b[at] ^= 1
		overwrite(t, f, name, b)
	}
	frames := func(f Frames) map[string]*Frames { return map[string]*Frames{"frames+0": &f} }
	for name, test := range map[string]struct {
		plant func(*testing.T, *store.Folder)
		want  Report
	}{
		"nothing": {plant: func(*testing.T, *store.Folder) {}},
		"a dropped results file": {
			plant: func(t *testing.T, f *store.Folder) { remove(t, f, testLayout.results(testName(t, 1))) },
			want:  Report{Missing: []string{testLayout.results(testName(t, 1))}, Partitions: frames(Frames{Lost: chunk.Span(4, 8)})},
		},
		"a dropped states file": {
			plant: func(t *testing.T, f *store.Folder) { remove(t, f, testLayout.states(testName(t, 1))) },
			want:  Report{Missing: []string{testLayout.states(testName(t, 1))}},
		},
		"a dropped images file": {
			plant: func(t *testing.T, f *store.Folder) { remove(t, f, testLayout.images(testName(t, 0))) },
			want:  Report{Missing: []string{testLayout.images(testName(t, 0))}},
		},
		"a dropped frame": {
			plant: func(t *testing.T, f *store.Folder) {
				rewrite(t, f, 1, func(r []result.Frame) []result.Frame { return append(r[:1], r[2:]...) })
			},
			want: Report{Flipped: []string{testLayout.results(testName(t, 1))}, Partitions: frames(Frames{Lost: chunk.Span(5, 6)})},
		},
		"a doubled frame": {
			plant: func(t *testing.T, f *store.Folder) {
				rewrite(t, f, 1, func(r []result.Frame) []result.Frame { return append(r, r[2]) })
			},
			want: Report{Flipped: []string{testLayout.results(testName(t, 1))}, Partitions: frames(Frames{Doubled: chunk.Span(6, 7)})},
		},
		"a changed frame": {
			plant: func(t *testing.T, f *store.Folder) {
				rewrite(t, f, 1, func(r []result.Frame) []result.Frame { r[3].Detail = "y"; return r })
			},
			want: Report{Flipped: []string{testLayout.results(testName(t, 1))}, Partitions: frames(Frames{Changed: chunk.Span(7, 8)})},
		},
		"a file twice under two names": {
			plant: func(t *testing.T, f *store.Folder) {
				overwrite(t, f, testLayout.results(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 4, End: 6}), read(t, f, testLayout.results(testName(t, 1))))
			},
			want: Report{Extra: []string{testLayout.results(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 4, End: 6})}, Partitions: frames(Frames{Doubled: chunk.Span(4, 8)})},
		},
		"an extra chunk": {
			plant: func(t *testing.T, f *store.Folder) { commit(t, testOpen(t, f, "A"), 0, "x", 3) },
			want: Report{
				Extra:      []string{testLayout.results(testName(t, 3)), testLayout.states(testName(t, 3))},
				Partitions: frames(Frames{Extra: chunk.Span(12, 16)}),
			},
		},
		"a flipped byte in the results": {
			plant: func(t *testing.T, f *store.Folder) { flip(t, f, testLayout.results(testName(t, 2)), 0) },
			want:  Report{Flipped: []string{testLayout.results(testName(t, 2))}, Partitions: frames(Frames{Lost: chunk.Span(8, 12)})},
		},
		"a flipped byte in the states": {
			plant: func(t *testing.T, f *store.Folder) { flip(t, f, testLayout.states(testName(t, 2)), 300) },
			want:  Report{Flipped: []string{testLayout.states(testName(t, 2))}},
		},
		"a flipped byte in the images": {
			plant: func(t *testing.T, f *store.Folder) { flip(t, f, testLayout.images(testName(t, 2)), 1) },
			want:  Report{Flipped: []string{testLayout.images(testName(t, 2))}},
		},
		"another journal, partial and temporary files": {
			plant: func(t *testing.T, f *store.Folder) {
				overwrite(t, f, layoutFile, []byte("x"))
				overwrite(t, f, testLayout.partial(chunkfolder.Name{Partition: chunk.Partition{Topic: "frames"}, Start: 12, End: 13}), []byte("x"))
				overwrite(t, f, "results/_temporary/x.parquet", []byte("x"))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var folders [2]*store.Folder
			for i := range folders {
				folders[i] = testFolder(t)
				commit(t, testOpen(t, folders[i], "A"), 0, "x", 0, 1, 2)
			}
			test.plant(t, folders[1])
			got, err := Compare(t.Context(), folders[0], folders[1])
			if err != nil {
				t.Fatal(err)
			}
			if test.want.Partitions == nil {
				test.want.Partitions = map[string]*Frames{}
			}
			if d := cmp.Diff(&test.want, got); d != "" {
				t.Error(d)
			}
			if got.Equal() != (name == "nothing" || name == "another journal, partial and temporary files") || (got.String() == "equal") != got.Equal() {
				t.Errorf("it says: %v", got)
			}
		})
	}
}

func TestAnOutputOfAnEarlierProgramIsEqualToOneOfThis(t *testing.T) {
	var folders [2]*store.Folder
	for i := range folders {
		folders[i] = testFolder(t)
		commit(t, testOpen(t, folders[i], "A"), 0, "x", 0, 1)
	}
	was := folders[0]
	for k := range int64(2) { // results did not name their states
		rows, lineage, err := readResults(t.Context(), was, testLayout.results(testName(t, k)))
		if err != nil {
			t.Fatal(err)
		}
		results, err := encodeResults(lineage, "", rows)
		if err != nil {
			t.Fatal(err)
		}
		end := testEnd(testID(k), 0)
		states, err := encodeStatesWith(testName(t, k), lineage, "", &end, testStates(end))
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, was, testLayout.results(testName(t, k)), results)
		overwrite(t, was, testLayout.states(testName(t, k)), states)
	}
	same(t, was, folders[1])
	same(t, folders[1], was)
}

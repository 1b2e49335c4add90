package chunkfolder

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/store"
)

func TestNotesGoWithTheBlockThatTheyAreOf(t *testing.T) {
	folder, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := Shelf{
		Partition: chunk.Partition{Topic: "frames"}, Files: folder, Layout: Layout{N: 4, Block: 10}, Dir: "results/", Ext: ".parquet",
		Notes: []string{"journal/statistics+*", "journal/*.bin"},
	}
	name := func(kind string, offset int64, ext string) string {
		return fmt.Sprintf("journal/%s+%0*d%s", kind, OffsetDigits, offset, ext)
	}
	kept := []string{
		"journal/hashes+40.bin", // of another length: not ours
		name("hashes", 0, ".bin"), name("hashes", 80, ".bin"),
		"journal/hashes.bin",
		name("head", 40, ".parquet"), name("retained", 40, ".json"), name("statistics", 0, ".json"), name("statistics", 80, ".json"),
	}
	gone := []string{name("hashes", 40, ".bin"), name("hashes", 76, ".bin"), name("statistics", 40, ".json")}
	for _, file := range append(gone, kept...) {
		if err := folder.WriteAtomic(t.Context(), file, []byte("notes")); err != nil {
			t.Fatal(err)
		}
	}
	s.RemoveBlock(t.Context(), 1)
	left, err := folder.List(t.Context(), "journal/*")
	if err != nil {
		t.Fatal(err)
	}
	left = slices.DeleteFunc(left, func(f string) bool { return f == "journal/"+store.TempDir })
	slices.Sort(kept)
	slices.Sort(left)
	if d := cmp.Diff(kept, left); d != "" {
		t.Error(d)
	}
}

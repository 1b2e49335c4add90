package output

import (
	"slices"
	"testing"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

func TestFilesInsideLargerOnesAreIgnored(t *testing.T) {
	n := func(start, end int64) chunkfolder.Name {
		return chunkfolder.Name{Partition: chunk.Partition{Topic: "t"}, Start: start, End: end}
	}
	got := outermost([]chunkfolder.Name{n(4, 7), n(0, 15), n(0, 3), n(16, 19), n(12, 15)})
	if want := []chunkfolder.Name{n(0, 15), n(16, 19)}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

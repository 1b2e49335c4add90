package chunkfolder

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func TestANameIsReadOnlyAsItIsWritten(t *testing.T) {
	l, plain := Layout{N: 4, Block: BlockChunks}, Layout{N: 4, Block: BlockChunks, Plain: true}
	const place = "+0+0000000000000000000+0000000000000000003.parquet"
	for _, c := range []struct {
		file          string
		shown, before bool
	}{
		{"frames" + place, true, true}, {"+frames" + place, false, false},
		{"_frames" + place, false, true}, {"+_frames" + place, true, false}, {"++_frames" + place, false, false},
		{".x" + place, false, true}, {"+.x" + place, true, false}, {"+.." + place, false, false},
	} {
		if n, ok := l.Parse("d/"+c.file, "d/", ".parquet"); ok != c.shown {
			t.Errorf("%s is read as %+v, %v", c.file, n, ok)
		}
		if n, ok := plain.Parse("d/"+c.file, "d/", ".parquet"); ok != c.before {
			t.Errorf("before, %s is read as %+v, %v", c.file, n, ok)
		}
	}
}

// Where to begin to look is the last known chunk's block, unless a folder before it is gone.
func TestWhatWasFoundCompleteIsNotLookedAtAgainWhileItsFoldersAreThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Layout{N: 4, Block: rapid.Int64Range(1, 4).Draw(t, "block")}
		first := rapid.Int64Range(0, 9).Draw(t, "first")
		known := first + rapid.Int64Range(-3, 20).Draw(t, "known")
		var kinds [][]int64
		whole := true
		for range rapid.IntRange(1, 2).Draw(t, "kinds") {
			var have []int64
			for b := int64(0); b <= l.BlockOf(max(known, 0))+1; b++ {
				if rapid.IntRange(0, 9).Draw(t, "there") > 0 {
					have = append(have, b)
				} else if known > first && b >= l.BlockOf(first) && b < l.BlockOf(known-1) {
					whole = false
				}
			}
			kinds = append(kinds, have)
		}
		want := first
		for whole && l.BlockOf(want) < l.BlockOf(max(known, 1)-1) {
			want = (l.BlockOf(want) + 1) * l.Block
		}
		if got := l.LookFrom(first, known, kinds...); got != want {
			t.Fatalf("chunks %d to %d, blocks %v of %d: it looks from %d, not %d", first, known, kinds, l.Block, got, want)
		}
	})
}

func TestOfOneStartTheLongestComesFirst(t *testing.T) {
	n := func(start, end int64) Name {
		return Name{Partition: chunk.Partition{Topic: "t"}, Start: start, End: end}
	}
	got := []Name{n(4, 5), n(0, 1), n(4, 6), n(0, 2)}
	slices.SortFunc(got, LongestFirst)
	if want := []Name{n(0, 2), n(0, 1), n(4, 6), n(4, 5)}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

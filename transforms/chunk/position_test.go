package chunk_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// Frames in the order of their offsets, and after the frames of each chunk its
// end: the positions of all of them ascend strictly.
func TestPositions_ascendStrictly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 9).Draw(t, "n")
		first := rapid.Int64Range(0, 1<<40).Draw(t, "first chunk")
		last := int64(-1)
		ascends := func(position int64, what string, at int64) {
			if position <= last {
				t.Fatalf("%s %d has position %d after %d", what, at, position, last)
			}
			last = position
		}
		for k := first; k < first+4; k++ {
			for o := k * n; o < (k+1)*n; o++ {
				if chunk.Of(o, n) != k {
					t.Fatalf("offset %d is in chunk %d, want %d", o, chunk.Of(o, n), k)
				}
				ascends(chunk.FramePosition(o), "frame", o)
			}
			ascends(chunk.EndPosition(k, n), "the end of chunk", k)
		}
	})
}

// A camera's links, each found from the frame before alone, are a chain: every
// frame, and one end for every chunk in which the camera was seen, in order and
// without a branch.
func TestLinkBefore_isAChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 9).Draw(t, "n")
		seen := rapid.SliceOfNDistinct(rapid.Int64Range(0, 60), 1, 20, rapid.ID[int64]).Draw(t, "offsets")
		var offsets chunk.Offsets
		for _, o := range seen {
			offsets.Add(o)
		}
		position := chunk.Fresh // of the last link, as the sequence stage has it
		last := chunk.None      // the camera's last offset, as the source has it
		for o := range offsets.All {
			k := chunk.Of(o, n)
			if last != chunk.None && chunk.Of(last, n) != k {
				// The chunk of the frame before has ended, with a save run.
				ended := chunk.Of(last, n)
				if prev := chunk.LinkBefore(last, ended, n); prev != position {
					t.Fatalf("the end of chunk %d follows %d, want %d", ended, prev, position)
				}
				position = chunk.EndPosition(ended, n)
			}
			if prev := chunk.LinkBefore(last, k, n); prev != position {
				t.Fatalf("the frame at %d follows %d, want %d", o, prev, position)
			}
			position, last = chunk.FramePosition(o), o
		}
	})
}

func TestID_Key_isParsedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := chunk.ID{
			Partition: chunk.Partition{Topic: rapid.StringMatching(`[A-Za-z0-9._-]{1,20}`).Draw(t, "topic"), ID: rapid.Int32Min(0).Draw(t, "partition")},
			Index:     rapid.Int64Min(0).Draw(t, "index"),
		}
		got, err := chunk.ParseKey(id.Key())
		if err != nil || got != id {
			t.Fatalf("%q gives %v, %v", id.Key(), got, err)
		}
	})
}

func TestParseKey_refuses(t *testing.T) {
	for _, key := range []string{
		"", "t", "t+0", "t+0+0+0", "+0+0", "t++0", "t+0+", "t+x+0", "t+0+x", "t+-1+0", "t+0+-1",
		"t+2147483648+0", "t+0+9223372036854775808", "t+00+0", "t+0+01", "t+ 0+0",
	} {
		if id, err := chunk.ParseKey(key); err == nil {
			t.Errorf("%q is parsed as %v", key, id)
		}
	}
}

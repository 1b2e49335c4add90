package chunkfolder

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func TestNamesRoundTripAndSortAsOffsetsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topic := rapid.StringMatching(`[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,20}`).Draw(t, "topic")
		n := rapid.Int64Range(1, 1<<20).Draw(t, "n")
		part := rapid.Int32Range(0, math.MaxInt32).Draw(t, "partition")
		k := rapid.Int64Range(0, math.MaxInt64/n-1).Draw(t, "k")
		name, err := NameOf(chunk.ID{Partition: chunk.Partition{Topic: topic, ID: part}, Index: k}, n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseName(name.String())
		if err != nil || got != name {
			t.Fatalf("%v became %v, %v", name, got, err)
		}
		if chunk.Of(name.Start, n) != k || chunk.Of(name.End, n) != k || name.End-name.Start != n-1 {
			t.Fatalf("%v is not chunk %d", name, k)
		}
		other, err := NameOf(chunk.ID{Partition: chunk.Partition{Topic: topic, ID: part}, Index: rapid.Int64Range(0, math.MaxInt64/n-1).Draw(t, "other")}, n)
		if err != nil {
			t.Fatal(err)
		}
		if (name.Start < other.Start) != (name.String() < other.String()) {
			t.Fatalf("%v and %v sort wrongly", name, other)
		}
	})
}

func TestOnlyNamesAsTheyAreWrittenAreRead(t *testing.T) {
	const ok = "frames+0+0000000000000000004+0000000000000000007"
	if _, err := ParseName(ok); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"", "frames", "frames+0+4+7", "+0+0000000000000000004+0000000000000000007",
		"frames+00+0000000000000000004+0000000000000000007", "frames+-1+0000000000000000004+0000000000000000007",
		"frames++0000000000000000004+0000000000000000007", "..+0+0000000000000000004+0000000000000000007",
		"a/b+0+0000000000000000004+0000000000000000007", ok + "+1", ok + " ", "frames+0+0000000000000000008+0000000000000000007",
		"frames+0+-000000000000000004+0000000000000000007", "frames+0+0000000000000000004+9999999999999999999",
		"frames+2147483648+0000000000000000004+0000000000000000007",
	} {
		if n, err := ParseName(s); err == nil {
			t.Errorf("%q was read as %+v", s, n)
		}
	}
}

func TestOnlyAChunkHasAName(t *testing.T) {
	for _, id := range []chunk.ID{{Partition: chunk.Partition{Topic: "a/b"}}, {Partition: chunk.Partition{Topic: "a", ID: -1}}, {Partition: chunk.Partition{Topic: "a"}, Index: -1}, {Partition: chunk.Partition{Topic: "a"}, Index: math.MaxInt64 / 2}} {
		if n, err := NameOf(id, 4); err == nil {
			t.Errorf("%v has the name %v", id, n)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("frames+0+0000000000000000004+0000000000000000007")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseName(s); err == nil && n.String() != s {
			t.Errorf("%q was read as %v", s, n)
		}
	})
}

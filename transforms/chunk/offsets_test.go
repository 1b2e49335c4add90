package chunk_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/wire"
)

// oracle is a set of offsets as simple as can be.
type oracle map[int64]bool

func (o oracle) sorted() []int64 { return slices.Sorted(maps.Keys(o)) }

// draw draws a set of small offsets, added in any order and some of them twice.
func draw(t *rapid.T, label string) (chunk.Offsets, oracle) {
	var s chunk.Offsets
	want := oracle{}
	for _, o := range rapid.SliceOfN(rapid.Int64Range(0, 30), 0, 40).Draw(t, label) {
		if s.Add(o) == want[o] {
			t.Fatalf("Add(%d) to %v says the wrong thing", o, s)
		}
		want[o] = true
		checkForm(t, s)
	}
	return s, want
}

// checkForm checks that there is one way only to write each set.
func checkForm(t interface{ Fatalf(string, ...any) }, s chunk.Offsets) {
	for i, r := range s {
		if r.From >= r.To || i > 0 && r.From <= s[i-1].To {
			t.Fatalf("%v is not sorted, disjoint and non-adjacent", s)
		}
	}
}

func TestOffsets_isASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, want := draw(t, "s")
		if got := slices.Collect(s.All); !slices.Equal(got, want.sorted()) {
			t.Fatalf("All gives %v, want %v", got, want.sorted())
		}
		if s.Len() != int64(len(want)) {
			t.Fatalf("Len is %d, want %d", s.Len(), len(want))
		}
		for o := int64(-1); o <= 32; o++ {
			if s.Contains(o) != want[o] {
				t.Fatalf("%v.Contains(%d) is %t", s, o, !want[o])
			}
		}

		other, wantOther := draw(t, "other")
		if s.Equal(other) != maps.Equal(want, wantOther) {
			t.Fatalf("%v.Equal(%v) is wrong", s, other)
		}
		covers := true
		for o := range wantOther {
			covers = covers && want[o]
		}
		if s.Covers(other) != covers {
			t.Fatalf("%v.Covers(%v) is %t", s, other, !covers)
		}

		limit := rapid.Int64Range(-1, 32).Draw(t, "limit")
		below := oracle{}
		for o := range want {
			if o < limit {
				below[o] = true
			}
		}
		got := s.Below(limit)
		checkForm(t, got)
		if !slices.Equal(slices.Collect(got.All), below.sorted()) {
			t.Fatalf("%v.Below(%d) is %v", s, limit, got)
		}
		if !s.Covers(got) {
			t.Fatalf("%v does not cover its part %v", s, got)
		}
	})
}

func TestOffsets_Clone_sharesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, want := draw(t, "s")
		c := s.Clone()
		for _, o := range rapid.SliceOf(rapid.Int64Range(0, 30)).Draw(t, "added") {
			s.Add(o)
		}
		if !slices.Equal(slices.Collect(c.All), want.sorted()) {
			t.Fatalf("the clone became %v", c)
		}
	})
}

func TestOffsets_isReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := draw(t, "s")
		base := rapid.Int64Range(0, 1<<60).Draw(t, "base")
		for i := range s {
			s[i].From += base
			s[i].To += base
		}
		r := wire.NewReader(s.Append(nil))
		got := chunk.ReadOffsets(r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestReadOffsets_refuses(t *testing.T) {
	for _, c := range []struct {
		name string
		s    chunk.Offsets
	}{
		{"an empty range", chunk.Offsets{{5, 5}}},
		{"a range that ends before it begins", chunk.Offsets{{5, 4}}},
		{"adjacent ranges", chunk.Offsets{{1, 2}, {2, 3}}},
		{"overlapping ranges", chunk.Offsets{{1, 3}, {2, 4}}},
		{"ranges that are not sorted", chunk.Offsets{{5, 6}, {1, 2}}},
		{"negative offsets", chunk.Offsets{{-2, 1}}},
		{"an end beyond 64 bits", chunk.Offsets{{1 << 62, -1 << 62}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := wire.NewReader(c.s.Append(nil))
			if got := chunk.ReadOffsets(r); r.Err() == nil {
				t.Fatalf("read %v", got)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	if s := chunk.Span(3, 6); !slices.Equal(slices.Collect(s.All), []int64{3, 4, 5}) {
		t.Errorf("got %v", s)
	}
	for _, s := range []chunk.Offsets{chunk.Span(3, 3), chunk.Span(4, 3)} {
		if s != nil {
			t.Errorf("got %v, want the empty set", s)
		}
	}
}

// FuzzReadOffsets: whatever the bytes, what is read without error has the one
// form that its set has, and is the same again when it is written and read.
func FuzzReadOffsets(f *testing.F) {
	for _, s := range []chunk.Offsets{nil, {{0, 1}}, {{5, 9}, {11, 12}}, {{1 << 40, 1<<40 + 2048}}} {
		f.Add(s.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := wire.NewReader(b)
		s := chunk.ReadOffsets(r)
		if r.Err() != nil {
			return
		}
		checkForm(t, s)
		out := s.Append(nil)
		r = wire.NewReader(out)
		if again := chunk.ReadOffsets(r); r.Close() != nil || !again.Equal(s) {
			t.Fatalf("%v became %v", s, again)
		}
		if len(out) > len(b) || len(out) == len(b) && !bytes.Equal(out, b) {
			t.Fatalf("% x was read, % x is written", b, out)
		}
	})
}

package chunk

import (
	"slices"

	"github.com/framebeam/framebeam/transforms/wire"
)

// Range is the offsets [From, To).
type Range struct{ From, To int64 }

// Offsets is an exact set of offsets as sorted, disjoint, non-adjacent ranges.
// The zero value is the empty set. Methods that change it may reuse its memory:
// use [Offsets.Clone] before sharing.
type Offsets []Range

// Span is the set of all offsets in [from, to).
func Span(from, to int64) Offsets {
	if from >= to {
		return nil
	}
	return Offsets{{from, to}}
}

// Clone returns a copy that shares no memory.
func (s Offsets) Clone() Offsets { return slices.Clone(s) }

// Add puts the offset o into the set and reports whether it was new.
func (s *Offsets) Add(o int64) bool {
	r := *s
	// The offset nearly always continues the last range.
	if n := len(r); n == 0 || o > r[n-1].To {
		*s = append(r, Range{o, o + 1})
		return true
	} else if o == r[n-1].To {
		r[n-1].To++
		return true
	}
	i, _ := slices.BinarySearchFunc(r, o, func(r Range, o int64) int {
		if r.To < o {
			return -1
		}
		return 1
	})
	// r[i] is the first range with To >= o.
	switch {
	case o >= r[i].From && o < r[i].To:
		return false
	case o == r[i].To:
		r[i].To++
		if i+1 < len(r) && r[i+1].From == r[i].To {
			r[i].To = r[i+1].To
			r = slices.Delete(r, i+1, i+2)
		}
	case o == r[i].From-1:
		r[i].From--
	default:
		r = slices.Insert(r, i, Range{o, o + 1})
	}
	*s = r
	return true
}

// Contains reports whether o is in the set.
func (s Offsets) Contains(o int64) bool {
	_, ok := slices.BinarySearchFunc(s, o, func(r Range, o int64) int {
		switch {
		case r.To <= o:
			return -1
		case r.From > o:
			return 1
		}
		return 0
	})
	return ok
}

// Len is the number of offsets in the set.
func (s Offsets) Len() int64 {
	var n int64
	for _, r := range s {
		n += r.To - r.From
	}
	return n
}

// Equal reports whether both sets hold the same offsets.
func (s Offsets) Equal(t Offsets) bool { return slices.Equal(s, t) }

// Covers reports whether every offset of t is in s.
func (s Offsets) Covers(t Offsets) bool {
	i := 0
	for _, r := range t {
		for i < len(s) && s[i].To < r.To {
			i++
		}
		if i == len(s) || s[i].From > r.From {
			return false
		}
	}
	return true
}

// Below returns the offsets of s that are less than limit.
func (s Offsets) Below(limit int64) Offsets {
	var t Offsets
	for _, r := range s {
		if r.From >= limit {
			break
		}
		t = append(t, Range{r.From, min(r.To, limit)})
	}
	return t
}

// All calls yield for every offset in ascending order.
func (s Offsets) All(yield func(int64) bool) {
	for _, r := range s {
		for o := r.From; o < r.To; o++ {
			if !yield(o) {
				return
			}
		}
	}
}

// Append appends the set's encoding to b.
func (s Offsets) Append(b []byte) []byte {
	b = wire.Uint(b, uint64(len(s)))
	var last int64
	for _, r := range s {
		b = wire.Int(b, r.From-last)
		b = wire.Int(b, r.To-r.From)
		last = r.To
	}
	return b
}

// ReadOffsets reads what [Offsets.Append] wrote; ranges that are not sorted,
// disjoint and non-adjacent, or hold negative offsets, make the reader fail.
func ReadOffsets(r *wire.Reader) Offsets {
	n := r.Count()
	if n == 0 {
		return nil
	}
	s := make(Offsets, 0, n)
	var last int64
	for i := range n {
		from := last + r.Int()
		to := from + r.Int()
		if from < last || from == last && i > 0 || to <= from {
			r.Fail()
			return nil
		}
		s = append(s, Range{from, to})
		last = to
	}
	return s
}

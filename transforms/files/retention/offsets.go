package retention

import (
	"cmp"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
)

// union is the offsets of both.
func union(a, b chunk.Offsets) chunk.Offsets {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y chunk.Range) int { return cmp.Compare(x.From, y.From) })
	var u chunk.Offsets
	for _, r := range all {
		if n := len(u); n > 0 && r.From <= u[n-1].To {
			u[n-1].To = max(u[n-1].To, r.To)
			continue
		}
		u = append(u, r)
	}
	return u
}

// touches reports whether any of the offsets lies in [from, to).
func touches(offsets chunk.Offsets, from, to int64) bool {
	i, _ := slices.BinarySearchFunc(offsets, from, func(r chunk.Range, from int64) int {
		if r.To <= from {
			return -1
		}
		return 1
	})
	return i < len(offsets) && offsets[i].From < to
}

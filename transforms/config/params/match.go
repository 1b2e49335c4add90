package params

import (
	"path"
	"slices"

	"github.com/framebeam/framebeam/transforms/frame"
)

// Select is the index of the first pattern that matches the camera's id; -1: none.
func Select(camera string, patterns func(i int) string, n int) int {
	for i := range n {
		if Matches(patterns(i), camera) {
			return i
		}
	}
	return -1
}

// Matches reports whether a pattern is for a camera: it matches its id, or the one by
// which the original system knows it (frame.OriginalCamera).
func Matches(pattern, camera string) bool {
	match := func(id string) bool { ok, err := path.Match(pattern, id); return err == nil && ok }
	return pattern == "" || match(camera) || match(frame.OriginalCamera(camera))
}

// Selects reports whether patterns select a camera: one matches it, or there are none.
func Selects(patterns []string, camera string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return Matches(p, camera) })
}

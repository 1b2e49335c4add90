package rule

import (
	"path"
	"slices"
)

// matchesType: an event's type has slashes, and a * stands for none of them, so that
// FieldDetector/* are those of a detector. A * alone is every type.
func matchesType(patterns []string, kind string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, kind)
		return p == "*" || err == nil && ok
	})
}

package strictyaml

import (
	"fmt"
	"slices"
	"strings"
)

// DidYouMean is `; did you mean "name"?` if one of the names is so near to what was
// written that it is probably meant, else "".
func DidYouMean(written string, names []string) string {
	letters := len([]rune(written))
	best, least := "", min(max(1, letters/3), letters-1)+1
	if len(written) > longestWord {
		return ""
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if name == written || len(name) > longestWord {
			continue
		}
		d := edits([]rune(strings.ToLower(written)), []rune(strings.ToLower(name)))
		if d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// longestWord in bytes is compared: no field has a longer name.
const longestWord = 200

// edits is how many letters must be put in, taken out, replaced, or swapped with the
// next to make b of a (Damerau and Levenshtein's distance, no place edited twice).
func edits(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

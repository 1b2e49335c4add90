package config

import (
	"cmp"
	"strings"
)

// natural compares names as people count: numbers in them by their value, so that
// frame2 comes before frame10, all else byte by byte. Numbers that are equal but for
// leading zeros are told apart only where nothing else differs, the shorter first.
func natural(a, b string) int {
	zeros := 0
	for x, y := a, b; ; {
		if x == "" || y == "" {
			return cmp.Or(cmp.Compare(len(x), len(y)), zeros)
		}
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q)); c != 0 {
			return c
		}
		zeros = cmp.Or(zeros, cmp.Compare(m, n))
		x, y = x[m:], y[n:]
	}
}

// digits is how many digits s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// hidden are the names that file systems and programs use for what is not meant to
// be seen; macOS writes ._clip1.mp4 beside clip1.mp4.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// Package property checks properties that take long each time.
package property

import (
	"flag"
	"testing"

	"pgregory.net/rapid"
)

// Few is rapid.Check, of a property that writes many files or takes a second each time, with
// fewer checks unless their number is said.
func Few(t *testing.T, checks int, property func(*rapid.T)) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n <= checks || f.Value.String() != f.DefValue {
			property(rt)
		}
	})
}

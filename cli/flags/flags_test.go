package flags

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLists(t *testing.T) {
	for in, want := range map[string][]string{"": nil, " , ": nil, "a:1": {"a:1"}, " a:1, b:2 ,": {"a:1", "b:2"}} {
		if diff := cmp.Diff(want, List(in)); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFoldersAreListedWithoutTheFilesBesideThem(t *testing.T) {
	for kind, f := range folders(t) {
		t.Run(kind, func(t *testing.T) {
			for _, name := range []string{"results/b/1", "results/b/2", "results/a/x/3", "results/file", "resultsnot/c/4"} {
				if err := f.WriteAtomic(t.Context(), name, []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			for dir, want := range map[string][]string{
				"results/": {"a", "b"}, "": {"results", "resultsnot"}, "results/a/x/": nil, "nowhere/": nil,
			} {
				got, err := f.Folders(t.Context(), dir)
				got = withoutTemporary(got)
				if err != nil || !cmp.Equal(want, got) {
					t.Errorf("in %q: %q, %v", dir, got, err)
				}
			}
		})
	}
}

// withoutTemporary drops the folder in which files were written.
func withoutTemporary(names []string) (kept []string) {
	for _, n := range names {
		if n != "_temporary" {
			kept = append(kept, n)
		}
	}
	return kept
}

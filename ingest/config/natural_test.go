package config

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNamesAreInTheOrderInWhichPeopleCount(t *testing.T) {
	want := []string{
		"1.png", "01.png", "2.png", "10.png", "a", "a/2/b", "a/10/a", "cam-1-frame2", "cam-1-frame10", "cam-2-frame1",
		"frame", "frame.png", "frame1.png", "frame2.png", "frame002.png", "frame010.png", "frame99999999999999999998", "frame99999999999999999999", "frame100000000000000000000", "frames", "x1y2", "x01y2", "x1y10",
	}
	got := slices.Clone(want)
	rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, natural)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNaturalOrderIsAnOrder(t *testing.T) {
	name := rapid.StringMatching(`[ab/.0-3]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		if natural(a, b) != -natural(b, a) || (natural(a, b) == 0) != (a == b) {
			t.Fatal("not antisymmetric, or different names are equal")
		}
		if natural(a, b) < 0 && natural(b, c) < 0 && natural(a, c) >= 0 {
			t.Fatal("not transitive")
		}
	})
}

func TestHiddenFilesArePassedOverAndTheOthersSortNaturally(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"clip10.avi", "clip2.avi", "clip1.avi", "._clip1.avi", ".hidden.avi"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "clip1.avi"), filepath.Join(dir, "clip2.avi"), filepath.Join(dir, "clip10.avi")}
	for _, text := range []string{dir, filepath.Join(dir, "*.avi"), filepath.Join(dir, "*clip*")} {
		s, err := ParseSource(text, "", os.LookupEnv)
		if err == nil {
			err = s.resolve()
		}
		if d := cmp.Diff(want, s.Files); err != nil || d != "" {
			t.Error(text, err, d)
		}
	}
	s := Source{Kind: Path, Files: []string{filepath.Join(dir, ".hidden.avi")}} // named, so meant
	if err := s.resolve(); err != nil || len(s.Files) != 1 {
		t.Error(s, err)
	}
}

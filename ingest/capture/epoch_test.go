package capture

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestItIsSaidWhileALargeFileIsIdentifiedThatItGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film")
	if err := os.WriteFile(path, make([]byte, 2*digestStep+1), 0o644); err != nil {
		t.Fatal(err)
	}
	said := 0
	whole, err := digest([]string{path, path}, func() error { said++; return nil })
	if err != nil || said != 4 {
		t.Errorf("said %d times, %v", said, err)
	}
	if again, err := digest([]string{path, path}, func() error { return nil }); again != whole || err != nil {
		t.Errorf("%s, then %s, %v", whole, again, err)
	}
	gone := errors.New("gone")
	if _, err := digest([]string{path}, func() error { return gone }); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

package clip

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileThatCouldNotBeClosedDoesNotTakeItsName(t *testing.T) {
	to := filepath.Join(t.TempDir(), "a.jpg")
	f, err := newTemporary(to)
	if err != nil {
		t.Fatal(err)
	}
	f.file.Close() // publish cannot do it any more
	if err := f.publish(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := f.discard(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(to)); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

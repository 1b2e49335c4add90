package draw

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileIsReplacedWholeAndKeepsWhatItIs(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real", "analyses.yaml"), filepath.Join(dir, "analyses.yaml")
	if err := os.Mkdir(filepath.Dir(real), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(real, []byte("a: 1\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	f := file{path: link}
	was, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.write([]byte("a: 2\n"), was.tag); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != real {
		t.Errorf("the link leads to %s, %v", to, err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if now, err := f.read(); err != nil || string(now.data) != "a: 2\n" {
		t.Errorf("%q, %v", now.data, err)
	}
	// Whoever comes with what was there before is told so, and nothing is left of the attempt.
	if err := f.write([]byte("a: 3\n"), was.tag); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that was changed is written over: %v", err)
	}
	if list, err := os.ReadDir(filepath.Dir(real)); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if err := os.Remove(real); err != nil {
		t.Fatal(err)
	}
	if err := f.write([]byte("a: 3\n"), was.tag); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}

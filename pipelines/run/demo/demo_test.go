package demo

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder makes a folder with these files, each holding its own name.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "out")
	for _, name := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// left are the files in a folder.
func left(t *testing.T, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhatAnEarlierRunLeftIsRemoved(t *testing.T) {
	for name, root := range map[string]string{
		"a folder that is not there": folder(t),
		"an earlier run's":           folder(t, "cameras.yaml", "analysis/results/a.parquet", "analysis/_framebeam/layout.json", "archive/frames/a.avro"),
		"what is left of one":        folder(t, "archive/frames/a.avro"),
	} {
		if err := clear(root); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if names := left(t, root); len(names) > 0 {
			t.Errorf("%s: %q is left", name, names)
		}
	}
}

func TestAForeignFolderIsRefusedAndLeftAlone(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   []string
		foreign string
	}{
		{"somebody's files", []string{"letters/one.txt", "two.txt"}, "letters"},
		{"a file beside an earlier run's", []string{"archive/frames/a.avro", "cameras.yaml", "notes.txt", "analysis/a"}, "notes.txt"},
		{"a hidden file", []string{".profile", "analysis/a"}, ".profile"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := folder(t, c.files...)
			before := left(t, root)
			if err := clear(root); err == nil || !strings.Contains(err.Error(), root) || !strings.Contains(err.Error(), c.foreign) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(before, left(t, root)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFileInPlaceOfTheFolderIsRefused(t *testing.T) {
	path := filepath.Join(folder(t, "taken"), "taken")
	if err := clear(path); err == nil {
		t.Error("no error")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "taken" {
		t.Errorf("%q, %v", b, err)
	}
}

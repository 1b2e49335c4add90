package models

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheCatalogueIsWhole(t *testing.T) {
	for _, m := range Known() {
		if err := CheckName(m.Name); err != nil {
			t.Error(err)
		}
		if len(m.SHA256) != 64 || len(m.Package.SHA256) != 64 || m.Size <= 0 || m.Package.Size <= 0 || m.License == "" || m.Terms == "" || len(m.Labels) == 0 {
			t.Errorf("%s has no digest, size, license, terms or labels", m.Name)
		}
		if got, ok := Get(m.Name); !ok || got.SHA256 != m.SHA256 {
			t.Errorf("%s is not found", m.Name)
		}
	}
	sorted := slices.Sorted(slices.Values(coco))
	if len(coco) != 80 || len(slices.Compact(sorted)) != 80 {
		t.Errorf("%d classes of COCO", len(coco))
	}
	if _, ok := Get("nothing"); ok {
		t.Error("there is a model nothing")
	}
}

func TestNamesOfModelsAreNoPaths(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "yard-2.1": true, strings.Repeat("a", 64): true,
		"": false, ".": false, "..": false, "../a": false, "A": false, "a/b": false, "a ": false, "-a": false, "a.": false, strings.Repeat("a", 65): false,
	} {
		if got := CheckName(name) == nil; got != want {
			t.Errorf("%q is a name: %v", name, got)
		}
	}
}

func TestAModelIsLookedForInTheUsersFolderAndThenInTheSystems(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(Env, "")
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "home"))
	t.Setenv("XDG_DATA_DIRS", filepath.Join(dir, "local")+":relative:"+filepath.Join(dir, "system"))
	put := func(folder string) string {
		path := filepath.Join(dir, folder, "framebeam", "models", "a.onnx")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, err := Find("a")
	missing, ok := errors.AsType[*Missing](err)
	if !ok || len(missing.Folders) != 3 || !strings.Contains(err.Error(), "models add") {
		t.Fatalf("nowhere: %v", err)
	}
	if _, err := Find(Faces); err == nil || !strings.Contains(err.Error(), "framebeam models fetch "+Faces) {
		t.Errorf("one of the catalogue: %v", err)
	}
	for _, folder := range []string{"system", "local", "home"} {
		want := put(folder)
		if got, err := Find("a"); got != want || err != nil {
			t.Errorf("found %s, not %s: %v", got, want, err)
		}
	}
	t.Setenv(Env, filepath.Join(dir, "only"))
	if _, err := Find("a"); err == nil {
		t.Error("another folder is looked at than the one that is named")
	}
	if got, err := Find("./b.onnx"); got != "./b.onnx" || err != nil {
		t.Errorf("a path is %s, %v", got, err)
	}
	if _, err := Find("B"); err == nil {
		t.Error("B is a name")
	}
}

func TestADescriptionIsTheLastOfAWholeFile(t *testing.T) {
	plain := []byte{8, 6} // ir_version: 6
	if _, err := Description(plain); !errors.Is(err, ErrNotDescribed) {
		t.Errorf("without: %v", err)
	}
	once := Describe(plain, "one")
	if got, err := Description(once); got != "one" || err != nil {
		t.Errorf("one is %q, %v", got, err)
	}
	if got, err := Description(Describe(once, "two")); got != "two" || err != nil {
		t.Errorf("two is %q, %v", got, err)
	}
	for i := range once {
		damaged := slices.Clone(once)
		damaged[i] ^= 1
		if _, err := Description(damaged); err == nil {
			t.Errorf("damaged in byte %d, and nobody notices", i)
		}
		if _, err := Description(once[:i]); err == nil {
			t.Errorf("cut at byte %d, and nobody notices", i)
		}
	}
	if _, err := Description(append(slices.Clone(once), plain...)); err == nil {
		t.Error("continued, and nobody notices")
	}
}

// A file has a description only if it is one that Describe wrote.
func FuzzDescription(f *testing.F) {
	f.Add([]byte{8, 6}, "a")
	f.Add(Describe([]byte{8, 6}, "a"), "b")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		if got, err := Description(file); err == nil && !strings.Contains(string(file), got) {
			t.Errorf("%q is not in the file", got)
		}
		_, err := Description(file)
		if err != nil && !errors.Is(err, ErrNotDescribed) && !strings.Contains(err.Error(), "is not as it was written") {
			return // not of protobuf's encoding
		}
		if got, err := Description(Describe(file, text)); got != text || err != nil {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	})
}

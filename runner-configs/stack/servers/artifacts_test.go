package servers

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryRecipeIsCompleteAndValid(t *testing.T) {
	for service, artifacts := range needs {
		for _, a := range artifacts {
			if recipe := a.recipe(); strings.Contains(recipe, "$") {
				t.Errorf("%s, %s: a version is missing in\n%s", service, a.name, recipe)
			}
			if a.pom == "" {
				continue
			}
			var pom struct {
				XMLName xml.Name `xml:"project"`
			}
			if err := xml.Unmarshal([]byte(preset(a.pom)), &pom); err != nil {
				t.Errorf("%s: %v", a.pom, err)
			}
		}
	}
}

func TestUnpackingKeepsOnlyTheFoldersAskedForAndNothingOutside(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, members ...string) string {
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(f)
		w := tar.NewWriter(z)
		for _, m := range members {
			if err := w.WriteHeader(&tar.Header{Name: m, Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		return path
	}

	out := filepath.Join(dir, "out")
	good := write("good.tar.gz", "p-1/setup.py", "p-1/deps/lib/a.jar", "p-1/deps/lib/b/c.jar", "p-1/deps/opt/d.jar")
	if err := unpack(good, out, []string{"deps/lib/"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := fs.WalkDir(os.DirFS(out), ".", func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			got = append(got, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"deps/lib/a.jar", "deps/lib/b/c.jar"}, got); diff != "" {
		t.Error(diff)
	}

	bad := write("bad.tar.gz", "p-1/deps/lib/../../../escaped")
	if err := unpack(bad, filepath.Join(dir, "bad"), []string{"deps/lib/"}); err == nil {
		t.Error("a member outside the folder was unpacked")
	}
	if _, err := os.Stat(filepath.Join(dir, "escaped")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}

	cut := filepath.Join(dir, "cut.tar.gz")
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, b[:len(b)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unpack(cut, filepath.Join(dir, "cut"), []string{"deps/lib/"}); err == nil {
		t.Error("a truncated archive was unpacked")
	}
}

func TestJarsThatMustNotBeThereAreDeleted(t *testing.T) {
	as := artifacts{dir: t.TempDir()}
	dist := &artifact{name: "dist", pip: "dist==1"}
	jars := &artifact{name: "jars", pip: "jars==1", without: []string{"old-*.jar"}, provided: dist}
	for _, path := range []string{
		filepath.Join(as.path(dist), "deps", "jars", "both.jar"),
		filepath.Join(as.path(jars), "both.jar"),
		filepath.Join(as.path(jars), "old-1.jar"),
		filepath.Join(as.path(jars), "own.jar"),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := jars.prune(as.path(jars), as); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(as.jars(jars))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(as.path(jars), "own.jar")}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

func TestAFailedFetchLeavesNothingAndIsNotTakenForComplete(t *testing.T) {
	as := artifacts{dir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as if interrupted while the tool runs
	if err := as.fetch(ctx, kafkaJars); err == nil || !strings.Contains(err.Error(), "fetching kafka") {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(as.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

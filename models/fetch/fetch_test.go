package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/framebeam/framebeam/transforms/vision/models"
	"github.com/framebeam/framebeam/transforms/vision/models/modelstest"
)

// program puts a program of that name, a shell script, where nothing else is found.
func program(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func TestAPackageComesByTheRegistrysOwnClient(t *testing.T) {
	p := models.Package{Registry: "npm", Name: "a", Version: "1.2", Size: 8, SHA256: models.SHA256([]byte("contents"))}
	for _, c := range []struct{ name, program, script, want string }{
		{"npm", "npm", `[ "$*" = "pack --silent --ignore-scripts a@1.2" ] && printf contents >a-1.2.tgz`, ""},
		{"another content", "npm", `printf contentz >a-1.2.tgz`, "has the SHA-256"},
		{"a longer one", "npm", `printf contents2 >a-1.2.tgz`, "does not have the 8 bytes"},
		{"no file", "npm", `true`, "wrote 0 files, not one"},
		{"two files", "npm", `printf contents >a; printf contents >b`, "wrote 2 files, not one"},
		{"a client that fails", "npm", `echo "no such
version" >&2; exit 3`, "exit status 3: no such version (where that cannot be, get a 1.2 of npm elsewhere and name its file with --package)"},
		{"no client", "pnpm", `true`, `"npm": executable file not found in $PATH: Debian's npm brings it; where that cannot be`},
	} {
		t.Run(c.name, func(t *testing.T) {
			program(t, c.program, c.script)
			b, err := content(t.Context(), p, "")
			if c.want == "" && (err != nil || string(b) != "contents") {
				t.Errorf("%q, %v", b, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	p.Registry = "PyPI"
	program(t, "python3", `[ "$*" = "-m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: a==1.2" ] && printf contents >a.whl`)
	if _, err := content(t.Context(), p, ""); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "of.another.name")
	if err := os.WriteFile(file, []byte("contents"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := content(t.Context(), p, file); err != nil || string(b) != "contents" {
		t.Errorf("of a file: %q, %v", b, err)
	}
}

type entry struct {
	name, content string
	mode          fs.FileMode
}

func tarOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o644, Typeflag: tar.TypeReg}
		if e.mode&fs.ModeSymlink != 0 {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, e.content, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(0o644 | e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOnlyNamedFilesOfAnArchiveAreTaken(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries []entry
		want    string
	}{
		{"beside others", []entry{{"../p/a", "no", 0}, {"p/a", "yes", 0}, {"/p/b", "no", 0}, {"p/b", "too", 0}}, ""},
		{"one is missing", []entry{{"p/a", "yes", 0}}, "the archive has no p/b"},
		{"one is there twice", []entry{{"p/a", "yes", 0}, {"p/a", "no", 0}, {"p/b", "too", 0}}, "the archive has p/a twice"},
		{"one is a link", []entry{{"p/a", "yes", 0}, {"p/b", "p/a", fs.ModeSymlink}}, "the archive has no p/b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for kind, unpack := range map[string]func() (map[string][]byte, error){
				"tar": func() (map[string][]byte, error) { return tarball(tarOf(t, c.entries...), "p/a", "p/b") },
				"zip": func() (map[string][]byte, error) { return zipped(zipOf(t, c.entries...), "p/a", "p/b") },
			} {
				found, err := unpack()
				if c.want == "" && (err != nil || len(found) != 2 || string(found["p/a"]) != "yes" || string(found["p/b"]) != "too") {
					t.Errorf("%s: %q, %v", kind, found, err)
				}
				if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: error %v, want %q", kind, err, c.want)
				}
			}
		})
	}
	large := strings.Repeat("a", mostFile+1)
	for kind, err := range map[string]error{
		"tar":    second(tarball(tarOf(t, entry{"p/a", large, 0}), "p/a")),
		"zip":    second(zipped(zipOf(t, entry{"p/a", large, 0}), "p/a")),
		"no tar": second(tarball([]byte("a"), "p/a")),
		"no zip": second(zipped([]byte("a"), "p/a")),
	} {
		if err == nil {
			t.Errorf("%s is taken", kind)
		}
	}
}

func second(_ map[string][]byte, err error) error { return err }

// What scripts/deps.sh has fetched was made by this package; here it is whole still, and of the
// catalogue.
func TestFetchedModelsAreThoseOfTheCatalogue(t *testing.T) {
	for _, m := range models.Known() {
		path := modelstest.Path(t, m.Name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(b)) != m.Size || models.SHA256(b) != m.SHA256 {
			t.Errorf("%s has %d bytes and the SHA-256 %s", path, len(b), models.SHA256(b))
		}
		if _, ok := recipes[m.Name]; !ok {
			t.Errorf("nobody knows how %s is made", m.Name)
		}
	}
}

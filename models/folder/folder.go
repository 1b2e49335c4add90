// Package folder keeps the files of neural networks in a models folder: what is there, whether it
// is whole, and what is put there.
package folder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/vision/models"
)

// Put writes a model's file as a whole, and makes the folder.
func Put(dir, name string, content []byte) (path string, err error) {
	if err := models.CheckName(name); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(dir, name+models.Extension)
	return path, store.WriteLocal(path, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(content))
		return err
	})
}

// Entry is a model that is known or that lies in a folder.
type Entry struct {
	Name string `json:"name"`
	Path string `json:"path,omitempty"` // "": it is not there
	Size int64  `json:"size"`           // bytes of the file, or those that it will have
	// SHA256 is that of the file, or that which it must have.
	SHA256 string `json:"sha256"`
	// Wrong is what is wrong with the file; "" if it is whole, or not there.
	Wrong   string   `json:"wrong,omitempty"`
	License string   `json:"license,omitempty"` // of one of the catalogue
	Terms   string   `json:"terms,omitempty"`
	Package string   `json:"package,omitempty"`
	Finds   string   `json:"finds,omitempty"`
	Labels  []string `json:"labels,omitempty"`
}

// List is the catalogue, and then the others that lie in the folders, by name. Of a name that is
// in several folders only the first counts, as for analyses.
func List(dirs []string) ([]Entry, error) {
	var all []Entry
	seen := map[string]bool{}
	for _, m := range models.Known() {
		seen[m.Name] = true
		e := Entry{Name: m.Name, Size: m.Size, SHA256: m.SHA256, License: m.License, Terms: m.Terms, Package: m.Package.String(), Finds: m.Finds, Labels: m.Labels}
		for _, dir := range dirs {
			path := filepath.Join(dir, m.Name+models.Extension)
			b, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			e.Path, e.Size, e.SHA256 = path, int64(len(b)), models.SHA256(b)
			if e.SHA256 != m.SHA256 {
				e.Wrong = "its SHA-256 is not that of the catalogue, " + m.SHA256
			}
			break
		}
		all = append(all, e)
	}
	var own []Entry
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(escaped(dir), "*"+models.Extension))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			name := strings.TrimSuffix(filepath.Base(path), models.Extension)
			if seen[name] || models.CheckName(name) != nil {
				continue
			}
			seen[name] = true
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			e := Entry{Name: name, Path: path, Size: int64(len(b)), SHA256: models.SHA256(b)}
			if _, err := models.Description(b); err != nil {
				e.Wrong = err.Error()
			}
			own = append(own, e)
		}
	}
	slices.SortFunc(own, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return append(all, own...), nil
}

// Has reports whether the folder has the model's file, whole.
func Has(dir string, m models.Model) bool {
	b, err := os.ReadFile(filepath.Join(dir, m.Name+models.Extension))
	return err == nil && models.SHA256(b) == m.SHA256
}

var escape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// escaped is a path as a pattern that means only it.
func escaped(path string) string { return escape.Replace(path) }

// Text writes entries for people.
func Text(w io.Writer, all []Entry) error {
	for i, e := range all {
		state := "not there"
		switch {
		case e.Wrong != "":
			state = "DAMAGED: " + e.Wrong
		case e.Path != "":
			state = "whole"
		}
		var b strings.Builder
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s\n", e.Name, state)
		line := func(name, text string) {
			if text != "" {
				fmt.Fprintf(&b, "  %-8s  %s\n", name, text)
			}
		}
		line("finds", e.Finds)
		line("file", e.Path)
		line("size", fmt.Sprintf("%.1f MB", float64(e.Size)/1e6))
		line("SHA-256", e.SHA256)
		line("license", e.License)
		line("terms", e.Terms)
		line("package", e.Package)
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// JSON writes entries for programs, one a line.
func JSON(w io.Writer, all []Entry) error {
	e := json.NewEncoder(w)
	for _, entry := range all {
		if err := e.Encode(entry); err != nil {
			return err
		}
	}
	return nil
}

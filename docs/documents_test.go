// Package docs holds no code: its tests keep true what the documents say.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is what the documents speak of.
type repository struct {
	paths    []string                   // of files and folders, from the root, with slashes
	folders  map[string]bool            // the names of those at the top, and of those with code
	names    map[string]map[string]bool // by package name, what its files declare at the top
	comments map[string]bool            // by folder of a package, whether it has a comment
}

// made are folders that are in no commit.
var made = []string{".git", ".samples", ".bench", ".browser", ".prometheus", "bin", "out"}

func read(t *testing.T) *repository {
	t.Helper()
	r := &repository{folders: map[string]bool{}, names: map[string]map[string]bool{}, comments: map[string]bool{}}
	err := filepath.WalkDir("..", func(file string, e fs.DirEntry, err error) error {
		if err != nil || file == ".." {
			return err
		}
		p := strings.TrimPrefix(filepath.ToSlash(file), "../")
		if e.IsDir() && slices.Contains(made, p) {
			return filepath.SkipDir
		}
		r.paths = append(r.paths, p)
		if e.IsDir() {
			r.folders[p] = true
			return nil
		}
		if path.Ext(p) != ".go" {
			return nil
		}
		for _, name := range strings.Split(path.Dir(p), "/") {
			r.folders[name] = true
		}
		return r.parse(file, path.Dir(p))
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *repository) parse(file, folder string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	r.comments[folder] = r.comments[folder] || f.Doc != nil
	if strings.HasSuffix(file, "_test.go") {
		return nil
	}
	names := r.names[f.Name.Name]
	if names == nil {
		names = map[string]bool{}
		r.names[f.Name.Name] = names
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names[d.Name.Name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					names[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, n := range s.Names {
						names[n.Name] = true
					}
				}
			}
		}
	}
	return nil
}

// ends reports whether a path of the repository is p, or ends with it.
func (r *repository) ends(p string) bool {
	return slices.ContainsFunc(r.paths, func(have string) bool { return have == p || strings.HasSuffix(have, "/"+p) })
}

var (
	quoted = regexp.MustCompile("`([^`\n]+)`")
	// A path: what other programs write has …, + or * in it.
	pathLike = regexp.MustCompile(`^\.?[\w-]+(?:[./][\w-]+)*/?$`)
	// A name that a package exports, and of it perhaps a field or method.
	nameLike = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)(?:\.\w+)?(?:\(.*\))?$`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fence    = regexp.MustCompile("(?ms)^[ ]*```.*?^[ ]*```")
)

// missing says what a document names in backquotes that is not there. A file may be
// named by the end of its path. What is no path of the repository's kind (a field, a
// file of the user's, a folder of an output) is passed over.
func (r *repository) missing(text string) (all []string) {
	for _, m := range quoted.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		word := m[1]
		if n := nameLike.FindStringSubmatch(word); n != nil {
			if names, ours := r.names[n[1]]; ours && !names[n[2]] {
				all = append(all, word)
			}
			continue
		}
		if !pathLike.MatchString(word) {
			continue
		}
		first, rest, deep := strings.Cut(word, "/")
		// What begins so is a counter, an image or a folder of a user's.
		if first == "framebeam" {
			continue
		}
		ours := deep && r.folders[first] && rest != "" || path.Ext(word) == ".go" || path.Ext(word) == ".md"
		if ours && !r.ends(strings.TrimSuffix(word, "/")) {
			all = append(all, word)
		}
	}
	return all
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func TestWhatDocumentsNameIsThere(t *testing.T) {
	r := read(t)
	for _, p := range r.paths {
		if path.Ext(p) != ".md" || strings.HasPrefix(p, "testdata/") || p == "CHANGELOG.md" { // which tells of what was
			continue
		}
		b, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.missing(string(b)) {
			t.Errorf("%s names `%s`, which is not there", p, m)
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to, at, _ := strings.Cut(m[1], "#")
			target := p
			if to != "" {
				target = path.Join(path.Dir(p), to)
			}
			if !slices.Contains(r.paths, target) {
				t.Errorf("%s links to %s, which is not there", p, m[1])
				continue
			}
			if at == "" {
				continue
			}
			b, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(target)))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(heading.FindAllStringSubmatch(string(b), -1), func(h []string) bool { return anchor(h[1]) == at }) {
				t.Errorf("%s links to %s, and there is no such heading", p, m[1])
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for folder, has := range read(t).comments {
		if !has {
			t.Errorf("no file of %s begins with a comment on the package", folder)
		}
	}
}

func TestWhatIsNotThereIsFound(t *testing.T) {
	r := &repository{
		paths:   []string{"transforms/sequence", "transforms/sequence/order.go", "docs/pipe.md"},
		folders: map[string]bool{"transforms": true, "sequence": true, "docs": true},
		names:   map[string]map[string]bool{"sequence": {"Analyze": true}},
	}
	text := "`transforms/sequence` `sequence/order.go` `order.go` `docs/pipe.md` `sequence.Analyze` `sequence.Analyze(x)`" +
		" `results/x` `cameras.yaml` `result.Frame` `ssl.Key` `docs/…zip`\n```\n`docs/fenced`\n```\n" +
		"`transforms/gone` `sequence/gone.go` `gone.go` `gone.md` `sequence.Gone`"
	want := []string{"transforms/gone", "sequence/gone.go", "gone.go", "gone.md", "sequence.Gone"}
	if got := r.missing(text); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

package profiles

import (
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/framebeam/framebeam/strictyaml"
)

// broken are the JSON pointers of values that something is wrong with. They are cut out
// of the document, so that all that is left is looked at in the same run, and nothing is
// said of what follows from them.
type broken map[string]bool

// holds reports whether the value at the pointer is broken, or lies in one that is.
func (b broken) holds(pointer string) bool {
	for p := pointer; ; {
		if b[p] {
			return true
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return false
		}
		p = p[:i]
	}
}

// in reports whether there is a broken value in the one at the pointer, or it is broken.
func (b broken) in(pointer string) bool {
	if b.holds(pointer) {
		return true
	}
	for p := range b {
		if strings.HasPrefix(p, pointer+"/") {
			return true
		}
	}
	return false
}

// cut takes the value at a path out of the document, or the nearest around it that can
// be taken out of a mapping. The entries of the lists schedules and cameras are made
// such that nothing is wrong with them.
func (b broken) cut(tree any, path []string) {
	b[strictyaml.Pointer(path...)] = true
	if len(path) == 0 {
		return
	}
	if list := entries(tree, path[0]); len(path) == 2 && list != nil {
		if i, err := strconv.Atoi(path[1]); err == nil && i < len(list) {
			list[i] = map[string]any{}
			for _, name := range required[path[0]] {
				b.fill(list[i], path, name)
			}
		}
		return
	}
	for ; len(path) > 0; path = path[:len(path)-1] {
		if m, ok := at(tree, path[:len(path)-1]).(map[string]any); ok {
			b[strictyaml.Pointer(path...)] = true
			delete(m, path[len(path)-1])
			return
		}
	}
}

// required are the fields that the entries of lists need, and fillers what is put there.
var (
	required = map[string][]string{"schedules": {"name", "from", "to"}, "cameras": {"match"}}
	fillers  = map[string]string{"name": "", "from": "00:00", "to": "12:00", "match": "*"}
)

// lacks does the same where a required field is missing. It returns those of which
// that is news.
func (b broken) lacks(tree any, path []string, missing *kind.Required) (news []string) {
	for _, name := range missing.Missing {
		if !b[strictyaml.Pointer(append(slices.Clone(path), name)...)] {
			news = append(news, name)
		}
		if _, ok := fillers[name]; ok && len(path) == 2 {
			b.fill(at(tree, path), path, name)
		} else {
			b.cut(tree, path)
		}
	}
	return news
}

func (b broken) fill(entry any, path []string, name string) {
	b[strictyaml.Pointer(append(slices.Clone(path), name)...)] = true
	if m, ok := entry.(map[string]any); ok {
		m[name] = fillers[name]
	}
}

// entries is one of the document's lists of mappings.
func entries(tree any, name string) []any {
	if _, ok := required[name]; !ok {
		return nil
	}
	list, _ := at(tree, []string{name}).([]any)
	return list
}

// at is the value at a path; nil if there is none.
func at(tree any, path []string) any {
	for _, name := range path {
		switch t := tree.(type) {
		case map[string]any:
			tree = t[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(t) {
				return nil
			}
			tree = t[i]
		default:
			return nil
		}
	}
	return tree
}

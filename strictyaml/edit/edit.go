// Package edit changes values of a YAML document and leaves every other byte as it is:
// comments, order, quoting, blank lines and line ends.
//
//	d, err := edit.Parse("analyses.yaml", text)
//	err = d.Set([]string{"lines", "gate", "points"}, []any{[]any{0.5, 0.2}, []any{0.5, 1}})
//	text = d.Bytes()
//
// A path has the keys of mappings and, of lists, indexes. After each change the text is read
// again and compared with what the change should give: what would come out otherwise, since
// the document is written in a way that is not understood here, is refused, and the document
// stays as it was.
package edit

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/framebeam/framebeam/strictyaml"
)

// MaxBytes is the largest document: it is read several times for a change.
const MaxBytes = 4 << 20

// ErrNotThere says that a document has no value at a path.
var ErrNotThere = errors.New("there is no such value")

// Map is a mapping to be written, in its order.
type Map []Entry

// Entry is a key with its value: a string, a bool, nil, a float64, an int, a []any or a [Map].
type Entry struct {
	Key   string
	Value any
}

// Document is a YAML document that is being edited.
type Document struct {
	file string
	text []byte
	root ast.Node // nil: the document is empty
	tree any      // as [strictyaml.Violations.Tree] has it
	at   map[*token.Token]int
	// tokens are the document's, in order, with where they lie in text, without white space.
	tokens []span
}

type span struct {
	*token.Token
	from, to int
}

// Parse reads a document. The error is a *[strictyaml.Error] with all that cannot be read.
func Parse(file string, text []byte) (*Document, error) {
	d := &Document{file: file, text: bytes.Clone(text)}
	return d, d.read()
}

// Bytes is the document as it is now.
func (d *Document) Bytes() []byte { return bytes.Clone(d.text) }

// Tree is what the document says now: see [strictyaml.Violations.Tree].
func (d *Document) Tree() any { return d.tree }

func (d *Document) read() error {
	if len(d.text) > MaxBytes {
		return fmt.Errorf("%s: %d bytes are too many to be edited here: at most %d", d.file, len(d.text), MaxBytes)
	}
	var bad strictyaml.Violations
	// For what is wrong with it, each with its line.
	root := bad.Parse(d.text)
	d.tree, _, _ = bad.Tree(root)
	if err := bad.Err(d.file); err != nil {
		return err
	}
	list := lexer.Tokenize(string(bytes.ReplaceAll(bytes.TrimPrefix(d.text, mark), []byte("\r\n"), []byte("\n"))))
	if err := d.place(list); err != nil {
		return err
	}
	file, err := parser.Parse(list, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	d.root = nil
	if len(file.Docs) > 0 && !strictyaml.IsNull(file.Docs[0].Body) {
		d.root = file.Docs[0].Body
	}
	return nil
}

// mark is how editors on Windows begin a file.
var mark = []byte("\xef\xbb\xbf")

const white = " \t\r\n"

// place finds every token in the text. The tokens' own positions count neither bytes nor
// always right; their text is that of the document, in its order, but for white space.
func (d *Document) place(list token.Tokens) error {
	d.at, d.tokens = make(map[*token.Token]int, len(list)), d.tokens[:0]
	pos := 0
	if bytes.HasPrefix(d.text, mark) {
		pos = len(mark)
	}
	for _, t := range list {
		for pos < len(d.text) && strings.IndexByte(white, d.text[pos]) >= 0 {
			pos++
		}
		s := span{Token: t, from: pos}
		for _, c := range []byte(strings.Trim(t.Origin, white)) {
			if c == '\r' {
				continue
			}
			for pos < len(d.text) && d.text[pos] == '\r' {
				pos++
			}
			if pos == len(d.text) || d.text[pos] != c {
				return fmt.Errorf("%s:%d: what is written here is not understood well enough to be edited", d.file, t.Position.Line)
			}
			pos++
		}
		s.to = pos
		d.at[t] = len(d.tokens)
		d.tokens = append(d.tokens, s)
	}
	return nil
}

// Set makes the value at a path the given one. What of it is as it was, is not touched;
// mappings on the way to it that are missing, or are no mappings, are made.
func (d *Document) Set(path []string, value any) error {
	return d.change(path, func(old any) any { return put(old, path, plain(value)) }, func() error { return d.set(path, value) })
}

// Delete takes an entry out of a mapping, or an item out of a list, with the comment on its
// last line; those on lines before it stay. An error is [ErrNotThere] if there is none.
func (d *Document) Delete(path []string) error {
	return d.change(path, func(old any) any { return cut(old, path) }, func() error { return d.delete(path) })
}

// Rename gives an entry of a mapping another key.
func (d *Document) Rename(path []string, key string) error {
	return d.change(path, func(old any) any {
		v, _ := get(old, path)
		return put(cut(old, path), append(slices.Clone(path[:len(path)-1]), key), v)
	}, func() error {
		e, err := d.entry(path)
		if err != nil {
			return err
		}
		if _, err := d.entry(append(slices.Clone(path[:len(path)-1]), key)); err == nil {
			return fmt.Errorf("%s: there is one named %q already", where(path), key)
		}
		return d.replace(edits{{e.key.from, e.key.to, scalar(key)}})
	})
}

// Insert puts a value into a list, before the item of that index, at most the list's length.
func (d *Document) Insert(path []string, index int, value any) error {
	return d.change(path, func(old any) any {
		v, _ := get(old, path)
		list, _ := v.([]any)
		if index < 0 || index > len(list) {
			return old
		}
		return put(old, path, slices.Insert(slices.Clone(list), index, plain(value)))
	}, func() error { return d.insert(path, index, value) })
}

// change does a change of the text, and undoes it unless it gives what it should.
func (d *Document) change(path []string, oracle func(any) any, do func() error) error {
	before := *d
	if len(path) == 0 {
		return errors.New("the whole document cannot be changed at once")
	}
	want := oracle(plain(d.tree))
	err := do()
	if err == nil && !reflect.DeepEqual(plain(d.tree), want) {
		err = fmt.Errorf("%s: line %d is not written in a way that can be edited here", where(path), before.line(path))
	}
	if err != nil {
		text := before.text
		*d = Document{file: d.file, text: text}
		return errors.Join(err, d.read())
	}
	return nil
}

func where(path []string) string { return strings.Join(path, ": ") }

// line is about where a path lies.
func (d *Document) line(path []string) int {
	var v strictyaml.Violations
	_, lines, _ := v.Tree(d.root)
	return lines.At(strictyaml.Pointer(path...))
}

// text edits, ascending, none of which overlap.
type edits []textEdit

type textEdit struct {
	from, to int
	text     string
}

// replace changes the text and reads it again.
func (d *Document) replace(all edits) error {
	slices.SortStableFunc(all, func(a, b textEdit) int { return a.from - b.from })
	var b bytes.Buffer
	pos := 0
	for _, e := range all {
		if e.from < pos || e.to < e.from {
			return errors.New("two changes at one place")
		}
		b.Write(d.text[pos:e.from])
		b.WriteString(e.text)
		pos = e.to
	}
	b.Write(d.text[pos:])
	d.text = bytes.Clone(b.Bytes())
	return d.read()
}

// plain is a value as JSON has it, with every number as a float64.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case Map:
		m := map[string]any{}
		for _, e := range v {
			m[e.Key] = plain(e.Value)
		}
		return m
	case map[string]any:
		m := map[string]any{}
		for k := range v {
			m[k] = plain(v[k])
		}
		return m
	}
	return v
}

// get, put and cut are what changes do, of a document's values.
func get(tree any, path []string) (any, bool) {
	if len(path) == 0 {
		return tree, true
	}
	switch t := tree.(type) {
	case map[string]any:
		v, ok := t[path[0]]
		if !ok {
			return nil, false
		}
		return get(v, path[1:])
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(t) {
			return nil, false
		}
		return get(t[i], path[1:])
	}
	return nil, false
}

func put(tree any, path []string, v any) any {
	if len(path) == 0 {
		return v
	}
	if list, ok := tree.([]any); ok {
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(list) {
			list = slices.Clone(list)
			list[i] = put(list[i], path[1:], v)
			return list
		}
	}
	m := map[string]any{}
	if old, ok := tree.(map[string]any); ok {
		for k := range old {
			m[k] = old[k]
		}
	}
	m[path[0]] = put(m[path[0]], path[1:], v)
	return m
}

func cut(tree any, path []string) any {
	last := len(path) - 1
	v, _ := get(tree, path[:last])
	switch t := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k := range t {
			if k != path[last] {
				m[k] = t[k]
			}
		}
		v = m
	case []any:
		if i, err := strconv.Atoi(path[last]); err == nil && i >= 0 && i < len(t) {
			v = slices.Delete(slices.Clone(t), i, i+1)
		}
	}
	return put(tree, path[:last], v)
}

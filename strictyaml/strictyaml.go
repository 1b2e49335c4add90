// Package strictyaml reads YAML configuration field by field, so that everything
// that is wrong with a file is said at once, each with its line.
//
// Anchors, aliases, merges, tags and several documents are refused: a
// configuration that decides results should read the same to everybody.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxFile is the largest file in bytes: room for tens of thousands of cameras.
const MaxFile = 16 << 20

// Violation is one thing that is wrong with a file.
type Violation struct {
	Line int // from 1
	Text string
}

// Violations collects what is wrong with one file, in any order.
type Violations struct{ list []Violation }

// Add notes a violation.
func (v *Violations) Add(line int, format string, args ...any) {
	v.list = append(v.list, Violation{line, fmt.Sprintf(format, args...)})
}

// List returns the violations by line.
func (v *Violations) List() []Violation {
	slices.SortStableFunc(v.list, func(a, b Violation) int { return a.Line - b.Line })
	return v.list
}

// Err is nil if nothing is wrong, else an *[Error].
func (v *Violations) Err(file string) error {
	if len(v.list) == 0 {
		return nil
	}
	return &Error{File: file, List: v.List()}
}

// Error is everything that is wrong with a file.
type Error struct {
	File string
	List []Violation // by line
}

// Error has a line "file:line: text" for each violation.
func (e *Error) Error() string {
	lines := make([]string, len(e.List))
	for i, v := range e.List {
		lines[i] = fmt.Sprintf("%s:%d: %s", e.File, v.Line, v.Text)
	}
	return strings.Join(lines, "\n")
}

// Parse returns the file's one document; nil, after noting why, if there is none to read.
func (v *Violations) Parse(data []byte) ast.Node {
	if len(data) > MaxFile {
		v.Add(1, "the file has %d bytes, more than %d", len(data), MaxFile)
		return nil
	}
	// Editors on Windows begin a file with a byte order mark.
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	// Of their line ends the parser counts those after a comment twice.
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, msg := 1, err.Error()
		var syntax yaml.Error
		if errors.As(err, &syntax) {
			msg = syntax.GetMessage()
			if t := syntax.GetToken(); t != nil && t.Position != nil {
				line = t.Position.Line
			}
		}
		v.Add(line, "not YAML: %s", msg)
		return nil
	}
	if len(file.Docs) > 1 {
		v.Add(Line(file.Docs[1].Body), "more than one YAML document")
	}
	if len(file.Docs) == 0 {
		return nil
	}
	return file.Docs[0].Body
}

// Mapping calls do for each entry of a mapping whose key is a string and not a repeat.
func (v *Violations) Mapping(where string, node ast.Node, do func(name string, line int, value ast.Node)) {
	m, ok := node.(ast.MapNode)
	if !ok {
		v.Add(Line(node), "%s is not a mapping of fields to values", where)
		return
	}
	seen := make(map[string]int)
	for it := m.MapRange(); it.Next(); {
		key, line := it.Key(), Line(it.Key())
		str, ok := key.(*ast.StringNode)
		if !ok {
			v.Add(line, "%s: %s is not the name of a field (anchors, aliases and merges are not read)", where, strings.TrimSpace(key.String()))
			continue
		}
		if first, twice := seen[str.Value]; twice {
			v.Add(line, "%s: %s is already given in line %d", where, str.Value, first)
			continue
		}
		seen[str.Value] = line
		do(str.Value, line, it.Value())
	}
}

// Fields reads a mapping of known fields; each reads one value. It returns the
// lines of those that are given, rightly or wrongly.
func (v *Violations) Fields(where string, node ast.Node, fields map[string]func(ast.Node) error) map[string]int {
	lines := make(map[string]int)
	v.Mapping(where, node, func(name string, line int, value ast.Node) {
		read, known := fields[name]
		if !known {
			names := slices.Sorted(maps.Keys(fields))
			v.Add(line, "%s: unknown field %q (known: %s)%s", where, name, strings.Join(names, ", "), DidYouMean(name, names))
			return
		}
		lines[name] = line
		if err := read(value); err != nil {
			v.Add(line, "%s: %s: %v", where, name, err)
		}
	})
	return lines
}

// IsMap reports whether n is a mapping.
func IsMap(n ast.Node) bool { _, ok := n.(ast.MapNode); return ok }

// IsNull reports whether n is absent or null.
func IsNull(n ast.Node) bool {
	_, ok := n.(*ast.NullNode)
	return ok || n == nil
}

// Line is the line on which n stands, 1 if unknown.
func Line(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	// A block mapping's own token is the colon of its first entry.
	return n.GetToken().Position.Line
}

// Text reads a plain or quoted string; a number or truth value counts as its
// spelling, so that an id such as 17 or a device such as 0 needs no quotes.
func Text(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	}
	return "", fmt.Errorf("is %s, not a string", Describe(n))
}

// Int reads a whole number.
func Int(n ast.Node) (int, error) {
	if _, ok := n.(*ast.IntegerNode); ok {
		if i, err := strconv.Atoi(n.GetToken().Value); err == nil {
			return i, nil
		}
	}
	return 0, fmt.Errorf("is %s, not a whole number", Describe(n))
}

// IntBetween reads a whole number from low to high.
func IntBetween(n ast.Node, low, high int) (int, error) {
	i, err := Int(n)
	if err == nil && (i < low || i > high) {
		err = fmt.Errorf("%d is not %d to %d", i, low, high)
	}
	return i, err
}

// Float reads a finite number. -0 is 0.
func Float(n ast.Node) (float64, error) {
	plain := false
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		plain = true
	case *ast.StringNode: // 1e3, to the parser
		plain = n.Token.Type == token.StringType
	}
	if plain {
		f, err := strconv.ParseFloat(n.GetToken().Value, 64)
		if err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f + 0, nil
		}
	}
	return 0, fmt.Errorf("is %s, not a number", Describe(n))
}

// Bool reads true or false.
func Bool(n ast.Node) (bool, error) {
	if b, ok := n.(*ast.BoolNode); ok {
		return b.Value, nil
	}
	return false, fmt.Errorf("is %s, not true or false", Describe(n))
}

// Duration reads a duration such as 10s, from low to high.
func Duration(n ast.Node, low, high time.Duration) (time.Duration, error) {
	v, err := Text(n)
	if err != nil {
		return 0, err
	}
	if err := MissingUnit(v); err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < low || d > high {
		return 0, fmt.Errorf("%q is not a duration from %s to %s, such as 10s", v, short(low), short(high))
	}
	return d, nil
}

// MissingUnit is the error of a duration that is a number alone, nil if it is not.
func MissingUnit(text string) error {
	if _, err := time.ParseDuration(text); err == nil || strings.Trim(text, "0123456789.") != "" || text == "" {
		return nil
	}
	return fmt.Errorf("%q has no unit: write %ss for seconds, say", text, text)
}

// short writes a duration as one would: 1h rather than 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Describe names a value for messages.
func Describe(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "empty"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias, which are not read"
	case *ast.TagNode:
		return "tagged, which is not read"
	}
	if IsMap(n) {
		return "a mapping"
	}
	if t := n.GetToken(); t != nil && len(t.Value) <= 40 {
		return strconv.Quote(t.Value)
	}
	return "something else"
}

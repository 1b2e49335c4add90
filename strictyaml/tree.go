package strictyaml

import (
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Lines are the lines of the values of a document by their JSON pointers; the
// document's own is "". That of a mapping's entry is the line of its key.
type Lines map[string]int

// At is the line of the pointer, or of the nearest value around it that is there.
func (l Lines) At(pointer string) int {
	for {
		if line, ok := l[pointer]; ok {
			return line
		}
		i := strings.LastIndexByte(pointer, '/')
		if i < 0 {
			return 1
		}
		pointer = pointer[:i]
	}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer is the JSON pointer (RFC 6901) of the path.
func Pointer(path ...string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		b.WriteString(pointerEscape.Replace(p))
	}
	return b.String()
}

// Tree returns the node as JSON would have it: map[string]any, []any, string, bool,
// int64, float64 or nil; and where everything stands. What JSON cannot say is noted, nil
// in a list, left out of a mapping, and its pointers are returned.
func (v *Violations) Tree(node ast.Node) (tree any, lines Lines, unread []string) {
	r := treeReader{v: v, lines: Lines{"": Line(node)}}
	tree = r.value(node, "")
	return tree, r.lines, r.unread
}

type treeReader struct {
	v      *Violations
	lines  Lines
	unread []string
}

func (r *treeReader) value(node ast.Node, at string) any {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return nil
	case ast.MapNode:
		m := map[string]any{}
		r.v.Mapping(strings.TrimPrefix(at, "/"), node, func(name string, line int, value ast.Node) {
			p := at + Pointer(name)
			r.lines[p] = line
			m[name] = r.value(value, p)
			if n := len(r.unread); n > 0 && r.unread[n-1] == p {
				delete(m, name)
			}
		})
		return m
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, value := range n.Values {
			p := at + Pointer(strconv.Itoa(i))
			r.lines[p] = Line(value)
			list[i] = r.value(value, p)
		}
		return list
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode:
		if i, err := Int(n); err == nil {
			return int64(i)
		}
	case *ast.FloatNode:
		if f, err := Float(n); err == nil {
			return f
		}
	case *ast.StringNode:
		// 1e3 is a number that the parser takes for a string.
		if f, err := strconv.ParseFloat(n.Value, 64); n.Token.Type == token.StringType && err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f + 0
		}
		return n.Value
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value)
	}
	r.v.Add(Line(node), "%s is %s", strings.TrimPrefix(at, "/"), Describe(node))
	r.unread = append(r.unread, at)
	return nil
}

package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/framebeam/framebeam/strictyaml"
)

// entry is an entry of a mapping or an item of a list.
type entry struct {
	key   span // of a list, the dash if there is one
	colon span
	node  ast.Node
	// from and to are where it lies, from the key or dash to the value's end.
	from, to int
}

// holder is a mapping or a list.
type holder struct {
	flow       bool
	open, shut span // of flow style
	entries    []entry
	names      []string // of a mapping
}

var errNotEdited = errors.New("it is not written in a way that can be edited here")

func (d *Document) span(t *token.Token) (span, bool) {
	i, ok := d.at[t]
	if !ok {
		return span{}, false
	}
	return d.tokens[i], true
}

// ends is where a node's text lies; false: there is none.
func (d *Document) ends(n ast.Node) (from, to int, ok bool) {
	switch n := n.(type) {
	case nil:
		return 0, 0, false
	case *ast.LiteralNode:
		head, ok1 := d.span(n.Start)
		body, ok2 := d.span(n.Value.Token)
		if !ok2 {
			body = head
		}
		return head.from, body.to, ok1
	case *ast.SequenceNode, *ast.MappingNode, *ast.MappingValueNode:
		h, err := d.holder(n)
		if err != nil {
			return 0, 0, false
		}
		if h.flow {
			return h.open.from, h.shut.to, true
		}
		if len(h.entries) == 0 {
			return 0, 0, false
		}
		return h.entries[0].from, h.entries[len(h.entries)-1].to, true
	}
	s, ok := d.span(n.GetToken())
	return s.from, s.to, ok
}

// holder takes a mapping or a list apart.
func (d *Document) holder(n ast.Node) (h holder, err error) {
	var ok bool
	switch m := n.(type) {
	case *ast.SequenceNode:
		h.flow = m.IsFlowStyle
		if h.flow {
			var ok2 bool
			h.open, ok = d.span(m.Start)
			h.shut, ok2 = d.span(m.End)
			if !ok || !ok2 {
				return h, errNotEdited
			}
		}
		for _, v := range m.Values {
			e := entry{node: v}
			if e.from, e.to, ok = d.ends(v); !ok {
				return h, errNotEdited
			}
			if !h.flow {
				i := d.before(e.from)
				if i < 0 || d.tokens[i].Type != token.SequenceEntryType {
					return h, errNotEdited
				}
				e.key, e.from = d.tokens[i], d.tokens[i].from
			}
			h.entries = append(h.entries, e)
		}
		return h, nil
	case *ast.MappingNode:
		if h.flow = m.IsFlowStyle; h.flow {
			var ok2 bool
			h.open, ok = d.span(m.Start)
			h.shut, ok2 = d.span(m.End)
			if !ok || !ok2 {
				return h, errNotEdited
			}
		}
	case *ast.MappingValueNode:
	default:
		return h, errNotEdited
	}
	for it := n.(ast.MapNode).MapRange(); it.Next(); {
		key, isText := it.Key().(*ast.StringNode)
		if !isText {
			return h, errNotEdited
		}
		e := entry{node: it.Value()}
		if e.key, ok = d.span(key.Token); !ok {
			return h, errNotEdited
		}
		i := d.at[key.Token] + 1
		if i == len(d.tokens) || d.tokens[i].Type != token.MappingValueType {
			return h, errNotEdited
		}
		e.colon, e.from = d.tokens[i], e.key.from
		_, to, there := d.ends(e.node)
		if e.to = to; !there {
			e.to = e.colon.to
		}
		h.entries, h.names = append(h.entries, e), append(h.names, key.Value)
	}
	return h, nil
}

// before is the index of the last token, but for comments, that begins before a place; -1: none.
func (d *Document) before(at int) int {
	i, _ := slices.BinarySearchFunc(d.tokens, at, func(s span, at int) int { return s.from - at })
	for i--; i >= 0 && d.tokens[i].Type == token.CommentType; i-- {
	}
	return i
}

// following is the first token, but for comments, from a place on.
func (d *Document) following(at int) (span, bool) {
	i, _ := slices.BinarySearchFunc(d.tokens, at, func(s span, at int) int { return s.from - at })
	for ; i < len(d.tokens); i++ {
		if d.tokens[i].Type != token.CommentType {
			return d.tokens[i], true
		}
	}
	return span{}, false
}

// commented reports whether a comment begins between two places.
func (d *Document) commented(from, to int) bool {
	return slices.ContainsFunc(d.tokens, func(s span) bool { return s.Type == token.CommentType && s.from >= from && s.from < to })
}

// entry is the one at a path.
func (d *Document) entry(path []string) (entry, error) {
	_, e, _, err := d.find(path)
	return e, err
}

// find is what lies at a path: the mapping or list that it is in, and its index there. The
// error is [ErrNotThere] if that has no such entry.
func (d *Document) find(path []string) (h holder, e entry, index int, err error) {
	n := d.root
	for depth, name := range path {
		if n == nil || strictyaml.IsNull(n) {
			return h, e, -1, fmt.Errorf("%s: %w", where(path[:depth+1]), ErrNotThere)
		}
		if h, err = d.holder(n); err != nil {
			switch n.(type) {
			case *ast.SequenceNode, *ast.MappingNode, *ast.MappingValueNode:
				return h, e, -1, fmt.Errorf("%s: %w", where(path[:depth+1]), err)
			}
			return h, e, -1, fmt.Errorf("%s: %w", where(path[:depth+1]), ErrNotThere)
		}
		if _, isMap := n.(ast.MapNode); isMap {
			index = slices.Index(h.names, name)
		} else if index, err = strconv.Atoi(name); err != nil || index >= len(h.entries) {
			index = -1
		}
		if index < 0 {
			return h, e, -1, fmt.Errorf("%s: %w", where(path[:depth+1]), ErrNotThere)
		}
		e = h.entries[index]
		n = e.node
	}
	return h, e, index, nil
}

// lineStart and lineEnd are where the line of a place begins, and the next one begins.
func (d *Document) lineStart(at int) int {
	if i := bytes.LastIndexByte(d.text[:at], '\n'); i >= 0 {
		return i + 1
	}
	if bytes.HasPrefix(d.text, mark) {
		return len(mark)
	}
	return 0
}

func (d *Document) lineEnd(at int) int {
	if i := bytes.IndexByte(d.text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(d.text)
}

// column is how many characters stand before a place in its line.
func (d *Document) column(at int) int { return len([]rune(string(d.text[d.lineStart(at):at]))) }

// first reports whether only spaces stand before a place in its line.
func (d *Document) first(at int) bool {
	return strings.Trim(string(d.text[d.lineStart(at):at]), " ") == ""
}

// inFlow reports whether a place lies within braces or brackets.
func (d *Document) inFlow(at int) bool {
	depth := 0
	for _, s := range d.tokens {
		if s.from >= at {
			break
		}
		switch s.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		}
	}
	return depth > 0
}

// writer writes as the document does.
func (d *Document) writer() writer {
	w := writer{newline: "\n", unit: 2}
	if bytes.Contains(d.text, []byte("\r\n")) {
		w.newline = "\r\n"
	}
	var look func(n ast.Node, at int) bool
	look = func(n ast.Node, at int) bool {
		m, ok := n.(ast.MapNode)
		if !ok {
			return false
		}
		for it := m.MapRange(); it.Next(); {
			s, ok := d.span(it.Key().GetToken())
			if !ok || d.inFlow(s.from) {
				return false
			}
			column := d.column(s.from)
			if at >= 0 && column > at && column-at <= 8 {
				w.unit = column - at
				return true
			}
			if look(it.Value(), column) {
				return true
			}
		}
		return false
	}
	look(d.root, -1)
	return w
}

// newLines are lines to be put after the one in which a place lies.
func (d *Document) newLines(after int, lines string) textEdit {
	at := d.lineEnd(after)
	w := d.writer()
	if at > 0 && at == len(d.text) && d.text[at-1] != '\n' {
		return textEdit{at, at, w.newline + lines}
	}
	return textEdit{at, at, lines + w.newline}
}

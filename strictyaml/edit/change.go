package edit

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// set makes the value at a path.
func (d *Document) set(path []string, value any) error {
	if old, there := get(plain(d.tree), path); there {
		if reflect.DeepEqual(old, plain(value)) {
			return nil
		}
		m, isMap := value.(Map)
		oldMap, wasMap := old.(map[string]any)
		if isMap && wasMap && len(m) > 0 {
			return d.merge(path, oldMap, m)
		}
		_, e, _, err := d.find(path)
		if err != nil {
			return err
		}
		all, err := d.over(e, old, value)
		if err != nil {
			return fmt.Errorf("%s: %w", where(path), err)
		}
		return d.replace(all)
	}
	// The deepest mapping that is there gets the rest.
	for depth := len(path) - 1; depth >= 0; depth-- {
		old, there := get(plain(d.tree), path[:depth])
		if !there {
			continue
		}
		for i := len(path) - 1; i > depth; i-- {
			value = Map{{path[i], value}}
		}
		switch old.(type) {
		case map[string]any:
			return d.add(path[:depth], path[depth], value)
		case []any:
			return fmt.Errorf("%s: %w", where(path[:depth+1]), ErrNotThere)
		}
		if depth == 0 {
			return d.begin(path[0], value)
		}
		_, e, _, err := d.find(path[:depth])
		if err != nil {
			return err
		}
		all, err := d.over(e, old, Map{{path[depth], value}})
		if err != nil {
			return fmt.Errorf("%s: %w", where(path), err)
		}
		return d.replace(all)
	}
	return d.begin(path[0], value)
}

// merge makes a mapping of another: one change after the other.
func (d *Document) merge(path []string, old map[string]any, value Map) error {
	for _, e := range value {
		if err := d.set(append(slices.Clone(path), e.Key), e.Value); err != nil {
			return err
		}
	}
	for name := range old {
		if !slices.ContainsFunc(value, func(e Entry) bool { return e.Key == name }) {
			if err := d.delete(append(slices.Clone(path), name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin writes the first entry of an empty document.
func (d *Document) begin(key string, value any) error {
	if d.root != nil {
		return errNotEdited
	}
	w := d.writer()
	text := w.entry(key, value, 0) + w.newline
	at := len(d.text)
	if at > 0 && d.text[at-1] != '\n' {
		text = w.newline + text
	}
	return d.replace(edits{{at, at, text}})
}

// over are the changes that write a value over an entry's.
func (d *Document) over(e entry, old, value any) (edits, error) {
	if reflect.DeepEqual(old, plain(value)) {
		return nil, nil
	}
	list, isList := value.([]any)
	oldList, wasList := old.([]any)
	if isList && wasList && len(list) > 0 && len(oldList) > 0 {
		return d.overList(e.node, oldList, list)
	}
	from, to, there := d.ends(e.node)
	if !there {
		from, to = e.colon.to, e.colon.to
	}
	// In lines of its own after the key's, which may end in a comment.
	long := nested(value) || isMap(value) && d.column(e.from)+len(flow(value)) > flowWidth
	if long && e.colon.Token != nil && !d.inFlow(e.from) && d.lineEnd(e.colon.to) == d.lineEnd(to) {
		w := d.writer()
		all := edits{d.newLines(e.colon.to, w.lines(value, d.column(e.from)+w.unit))}
		if there {
			all = append(all, textEdit{e.colon.to, to, ""})
		}
		return all, nil
	}
	text := flow(value)
	if !there {
		text = " " + text
		if e.colon.Token == nil {
			return nil, errNotEdited
		}
	}
	if there && e.colon.Token != nil && d.lineEnd(e.colon.to) != d.lineEnd(from) {
		// A block in lines of its own becomes a value after the colon.
		if d.commented(from, to) || !d.first(from) {
			return nil, errNotEdited
		}
		return edits{{e.colon.to, e.colon.to, " " + text}, {d.lineStart(from), d.lineEnd(to), ""}}, nil
	}
	return edits{{from, to, text}}, nil
}

// overList are the changes that make one list of another: neither is empty.
func (d *Document) overList(n ast.Node, old, list []any) (all edits, err error) {
	h, err := d.holder(n)
	if err != nil {
		return nil, err
	}
	same := min(len(old), len(list))
	for i := range same {
		some, err := d.over(h.entries[i], old[i], list[i])
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	last := h.entries[same-1]
	switch {
	case len(old) > same && h.flow:
		all = append(all, textEdit{last.to, h.entries[len(old)-1].to, ""})
	case len(old) > same:
		all = append(all, textEdit{d.lineStart(h.entries[same].from), d.lineEnd(h.entries[len(old)-1].to), ""})
	case len(list) > same && h.flow:
		text := ""
		for _, v := range list[same:] {
			text += ", " + flow(v)
		}
		all = append(all, textEdit{last.to, last.to, text})
	case len(list) > same:
		w := d.writer()
		var lines []string
		for _, v := range list[same:] {
			column := d.column(last.from)
			lines = append(lines, strings.Repeat(" ", column)+"- "+w.item(v, column))
		}
		all = append(all, d.newLines(last.to, strings.Join(lines, w.newline)))
	}
	return all, nil
}

// add puts an entry at the end of a mapping that is there.
func (d *Document) add(path []string, key string, value any) error {
	n := d.root
	if len(path) > 0 {
		e, err := d.entry(path)
		if err != nil {
			return err
		}
		n = e.node
	}
	h, err := d.holder(n)
	if err != nil {
		return fmt.Errorf("%s: %w", where(path), err)
	}
	if h.flow && len(h.entries) == 0 && len(path) > 0 && !d.commented(h.open.from, h.shut.to) {
		e, _ := d.entry(path)
		all, err := d.over(e, map[string]any{}, Map{{key, value}})
		if err != nil {
			return fmt.Errorf("%s: %w", where(path), err)
		}
		return d.replace(all)
	}
	if h.flow {
		return d.replace(edits{d.addFlow(h, scalar(key)+": "+flow(value))})
	}
	w := d.writer()
	last := h.entries[len(h.entries)-1]
	indent := d.column(h.entries[0].from)
	return d.replace(edits{d.newLines(last.to, strings.Repeat(" ", indent)+w.entry(key, value, indent))})
}

// addFlow puts an entry at the end of what is in braces or brackets.
func (d *Document) addFlow(h holder, text string) textEdit {
	if len(h.entries) == 0 {
		return textEdit{h.open.to, h.open.to, text}
	}
	last := h.entries[len(h.entries)-1]
	if s, ok := d.following(last.to); ok && s.Type == token.CollectEntryType {
		return textEdit{s.to, s.to, " " + text}
	}
	return textEdit{last.to, last.to, ", " + text}
}

// delete takes out what lies at a path.
func (d *Document) delete(path []string) error {
	h, e, index, err := d.find(path)
	if err != nil {
		return err
	}
	if h.flow {
		return d.replace(d.deleteFlow(h, index))
	}
	if len(h.entries) == 1 {
		return d.deleteOnly(path, e)
	}
	if !d.first(e.from) {
		// The first of a list's item: what follows moves up.
		if index != 0 || d.commented(e.from, h.entries[1].from) {
			return fmt.Errorf("%s: %w", where(path), errNotEdited)
		}
		return d.replace(edits{{e.from, h.entries[1].from, ""}})
	}
	return d.replace(edits{{d.lineStart(e.from), d.lineEnd(e.to), ""}})
}

// deleteFlow takes an entry out of braces or brackets, with its comma.
func (d *Document) deleteFlow(h holder, index int) edits {
	e := h.entries[index]
	if s, ok := d.following(e.to); ok && s.Type == token.CollectEntryType {
		if d.commented(e.to, s.from) {
			return edits{{e.from, e.to, ""}, {s.from, s.to, ""}}
		}
		to := s.to
		for to < len(d.text) && d.text[to] == ' ' {
			to++
		}
		return edits{{e.from, to, ""}}
	}
	if index == 0 {
		return edits{{e.from, e.to, ""}}
	}
	comma, _ := d.following(h.entries[index-1].to)
	if d.commented(comma.from, e.from) || comma.Type != token.CollectEntryType {
		return edits{{comma.from, comma.to, ""}, {e.from, e.to, ""}}
	}
	return edits{{comma.from, e.to, ""}}
}

// deleteOnly takes out the only entry: what it was in is empty then.
func (d *Document) deleteOnly(path []string, e entry) error {
	empty := "{}"
	if e.colon.Token == nil {
		empty = "[]"
	}
	if len(path) == 1 {
		return d.replace(edits{{e.from, e.to, empty}})
	}
	in, err := d.entry(path[:len(path)-1])
	if err != nil {
		return err
	}
	if in.colon.Token == nil || d.lineEnd(in.colon.to) == d.lineEnd(e.from) {
		return d.replace(edits{{e.from, e.to, empty}}) // - a: 1
	}
	if !d.first(e.from) {
		return fmt.Errorf("%s: %w", where(path), errNotEdited)
	}
	return d.replace(edits{{in.colon.to, in.colon.to, " " + empty}, {d.lineStart(e.from), d.lineEnd(e.to), ""}})
}

// insert puts an item into a list.
func (d *Document) insert(path []string, index int, value any) error {
	old, there := get(plain(d.tree), path)
	list, isList := old.([]any)
	if there && !isList && old != nil {
		return fmt.Errorf("%s: %w", where(path), errors.New("is no list"))
	}
	if index < 0 || index > len(list) {
		return fmt.Errorf("%s: %w", where(append(slices.Clone(path), strconv.Itoa(index))), ErrNotThere)
	}
	if len(list) == 0 {
		return d.set(path, []any{value})
	}
	e, err := d.entry(path)
	if err != nil {
		return err
	}
	h, err := d.holder(e.node)
	if err != nil {
		return fmt.Errorf("%s: %w", where(path), err)
	}
	switch {
	case h.flow && index == len(list):
		return d.replace(edits{d.addFlow(h, flow(value))})
	case h.flow:
		at := h.entries[index].from
		return d.replace(edits{{at, at, flow(value) + ", "}})
	}
	w := d.writer()
	column := d.column(h.entries[0].from)
	text := strings.Repeat(" ", column) + "- " + w.item(value, column)
	if index == len(list) {
		return d.replace(edits{d.newLines(h.entries[index-1].to, text)})
	}
	at := h.entries[index].from
	if !d.first(at) {
		return fmt.Errorf("%s: %w", where(path), errNotEdited)
	}
	// Before the comments that stand right above the item.
	at = d.lineStart(at)
	for at > 0 {
		above := d.lineStart(at - 1)
		if line := strings.TrimLeft(string(d.text[above:at]), " "); !strings.HasPrefix(line, "#") || above < h.entries[max(index-1, 0)].to && index > 0 {
			break
		}
		at = above
	}
	return d.replace(edits{{at, at, text + w.newline}})
}

// Has reports whether there is a value at a path.
func (d *Document) Has(path []string) bool {
	_, there := get(d.tree, path)
	return there
}

// Get is the value at a path, as [Document.Tree] has it; nil where there is none.
func (d *Document) Get(path []string) any {
	v, _ := get(d.tree, path)
	return v
}

// Of is a value of a document's tree, to be written once more: the keys of mappings in the
// order of the alphabet, but for those named first.
func Of(tree any, first ...string) any {
	switch t := tree.(type) {
	case map[string]any:
		var m Map
		for _, k := range first {
			if v, ok := t[k]; ok {
				m = append(m, Entry{k, Of(v)})
			}
		}
		for _, k := range slices.Sorted(maps.Keys(t)) {
			if !slices.Contains(first, k) {
				m = append(m, Entry{k, Of(t[k])})
			}
		}
		return m
	case []any:
		list := make([]any, len(t))
		for i := range t {
			list[i] = Of(t[i])
		}
		return list
	}
	return tree
}

// Comments is how many comments the document has.
func (d *Document) Comments() (n int) {
	for _, s := range d.tokens {
		if s.Type == token.CommentType {
			n++
		}
	}
	return n
}

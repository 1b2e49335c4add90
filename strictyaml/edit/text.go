package edit

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// flowWidth is how long a line may become with a mapping in it that is written {in: one}.
const flowWidth = 96

// bare are strings that need no quotes, whatever is around them.
var bare = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_./+*-]*|[0-9]+(\.[0-9]+)?(ms|s|m|h)([0-9]+(ms|s|m))*)$`)

// words would be no strings without quotes, in some version of YAML.
var words = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

// scalar is how a value that is neither list nor mapping is written.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		if bare.MatchString(v) && !slices.Contains(words, strings.ToLower(v)) {
			return v
		}
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(v) // a string never fails
		return strings.TrimSpace(b.String())
	}
	panic("edit: a value that is none of YAML")
}

// flow is how a value is written within a line.
func flow(v any) string {
	switch v := v.(type) {
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, flow(one))
		}
		return "[" + strings.Join(all, ", ") + "]"
	case Map:
		var all []string
		for _, e := range v {
			all = append(all, scalar(e.Key)+": "+flow(e.Value))
		}
		return "{" + strings.Join(all, ", ") + "}"
	}
	return scalar(v)
}

// writer writes in block style.
type writer struct {
	newline string
	unit    int // of indentation
}

// entry are the lines of a mapping's entry, the first without its indentation, the last
// without its end.
func (w writer) entry(key string, v any, indent int) string {
	return scalar(key) + ":" + w.after(v, indent)
}

// after is what stands after a colon: a value in the same line, or lines of their own.
func (w writer) after(v any, indent int) string {
	one := flow(v)
	if !nested(v) && (indent+len(one) <= flowWidth || !isMap(v)) {
		return " " + one
	}
	return w.newline + w.lines(v, indent+w.unit)
}

// lines is a mapping or a list of some, each entry in lines of its own.
func (w writer) lines(v any, indent int) string {
	space := strings.Repeat(" ", indent)
	var all []string
	switch v := v.(type) {
	case Map:
		for _, e := range v {
			all = append(all, space+w.entry(e.Key, e.Value, indent))
		}
	case []any:
		for _, one := range v {
			all = append(all, space+"- "+w.item(one, indent))
		}
	}
	return strings.Join(all, w.newline)
}

// item is what stands after a list's dash.
func (w writer) item(v any, indent int) string {
	if m, ok := v.(Map); ok && len(m) > 0 {
		return strings.TrimLeft(w.lines(m, indent+2), " ")
	}
	return flow(v)
}

func isMap(v any) bool { m, ok := v.(Map); return ok && len(m) > 0 }

// nested reports whether a mapping, or a list, has mappings in it.
func nested(v any) bool {
	switch v := v.(type) {
	case Map:
		return slices.ContainsFunc(v, func(e Entry) bool { return isMap(e.Value) || nested(e.Value) })
	case []any:
		return slices.ContainsFunc(v, isMap)
	}
	return false
}

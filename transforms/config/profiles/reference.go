package profiles

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/config/params"
)

// Reference is a page about every analysis and its parameters, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Parameters of the analyses

Made of the code by ` + "`make schema`" + `; [analyses.md](analyses.md) explains what they do. Every
analysis also takes ` + "`during`" + ` and ` + "`only`" + `, and true or false in place of parameters.

## Of the whole file

` + "`cameras`" + ` is a list of what is different for some: ` + "`match`" + `, a camera's id or a pattern, and
any analysis and ` + "`silence`" + ` anew.

| | default | | |
|---|---|---|---|
`)
	general := maps.Clone(settings)
	delete(general, "cameras")
	rows(&b, "", general)
	kinds, sequential := allKinds()
	var detectors []string
	for _, k := range kinds {
		if detects(k.Name) {
			detectors = append(detectors, "`"+k.Name+"`")
		}
	}
	w := whenKind()
	fmt.Fprintf(&b, "\n## when\n\n%s: a field of %s.\n\n| parameter | default | | |\n|---|---|---|---|\n", upper(w.Doc), strings.Join(detectors, ", "))
	rows(&b, "", params.Schema(w.Default)["properties"].(object))
	for _, k := range kinds {
		where := "of a frame on its own"
		if sequential[k.Name] {
			where = "in sequence"
		}
		if k.Named {
			where += ", by name"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s (%s).\n", k.Name, upper(k.Doc), where)
		fields := params.Schema(k.Default)["properties"].(object)
		if len(fields) == 0 {
			continue
		}
		b.WriteString("\n| parameter | default | | |\n|---|---|---|---|\n")
		rows(&b, "", fields)
	}
	return b.String()
}

func rows(b *strings.Builder, prefix string, fields object) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields[name].(object)
		if inner, ok := f["properties"].(object); ok {
			rows(b, prefix+name+".", inner)
			continue
		}
		if items, ok := f["items"].(object); ok {
			if inner, ok := items["properties"].(object); ok {
				rows(b, prefix+name+"[].", inner)
				continue
			}
		}
		def := ""
		if d, ok := f["default"]; ok && d != "" {
			text, err := json.Marshal(d)
			if err != nil {
				text = fmt.Append(nil, d)
			}
			def = "`" + string(text) + "`"
		}
		doc, _ := f["description"].(string)
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", prefix, name, def, kindOf(f), doc)
	}
}

// kindOf says a parameter's type and limits.
func kindOf(f object) string {
	if items, ok := f["items"].(object); ok {
		long := within(f["minItems"], f["maxItems"])
		if long != "" {
			long = "(" + long + ") "
		}
		return "list " + long + "of " + kindOf(items)
	}
	if enum, ok := f["enum"].([]string); ok {
		return strings.Join(enum, ", ")
	}
	if pattern, _ := f["pattern"].(string); pattern != "" {
		return strings.TrimSpace("duration " + within(f[params.Least], f[params.Most]))
	}
	return strings.TrimSpace(fmt.Sprint(f["type"]) + " " + within(f["minimum"], f["maximum"]))
}

// within says limits; nil: there is none.
func within(least, most any) string {
	switch {
	case least != nil && least == most:
		return fmt.Sprint(least)
	case least != nil && most != nil:
		return fmt.Sprintf("%v to %v", least, most)
	case least != nil:
		return fmt.Sprintf("from %v", least)
	case most != nil:
		return fmt.Sprintf("to %v", most)
	}
	return ""
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

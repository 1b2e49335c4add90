package analyses

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/params"
)

// Reference is a page about every analysis and its parameters, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Parameters of the analyses

Made of the code by ` + "`make schema`" + `; [analyses.md](analyses.md) explains what they do. Every
analysis also takes ` + "`during`" + ` and ` + "`only`" + `, and true or false in place of parameters.
`)
	kinds, sequential := allKinds()
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
		def := ""
		if d, ok := f["default"]; ok {
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
		return "list of " + kindOf(items)
	}
	if enum, ok := f["enum"].([]string); ok {
		return strings.Join(enum, ", ")
	}
	if pattern, _ := f["pattern"].(string); pattern != "" {
		return "duration"
	}
	text := fmt.Sprint(f["type"])
	least, low := f["minimum"]
	most, high := f["maximum"]
	switch {
	case low && high:
		text += fmt.Sprintf(" %v to %v", least, most)
	case low:
		text += fmt.Sprintf(" from %v", least)
	case high:
		text += fmt.Sprintf(" to %v", most)
	}
	return text
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

package servers

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"

	runnerconfigs "github.com/framebeam/framebeam/runner-configs"
)

// preset returns one of the configuration files.
func preset(name string) string {
	b, err := runnerconfigs.Files.ReadFile(name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return string(b)
}

// The separators of the line formats.
const (
	properties = "="
	yaml       = ": "
	spark      = " "
)

// override sets keys in a text of lines "key<separator>value": in place where the key
// stands, so that its explanation stays with it, the others at the end.
func override(text, separator string, values map[string]string) string {
	rest := maps.Clone(values)
	var out strings.Builder
	for line := range strings.Lines(text) {
		if key, ok := keyOf(line, separator); ok {
			if value, ok := rest[key]; ok {
				line = key + separator + value + "\n"
				delete(rest, key)
			}
		}
		out.WriteString(line)
	}
	if len(rest) > 0 {
		out.WriteString("\n# Set by the stack.\n")
	}
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		fmt.Fprintf(&out, "%s%s%s\n", key, separator, rest[key])
	}
	return out.String()
}

// valuesOf returns what a text of such lines sets.
func valuesOf(text, separator string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if key, ok := keyOf(line, separator); ok {
			_, value, _ := strings.Cut(line, separator)
			values[key] = strings.TrimSpace(value)
		}
	}
	return values
}

func keyOf(line, separator string) (string, bool) {
	if strings.HasPrefix(strings.TrimSpace(line), "#") {
		return "", false
	}
	key, _, ok := strings.Cut(line, separator)
	return strings.TrimSpace(key), ok && strings.TrimSpace(key) != ""
}

// hadoopConfiguration is the format of core-site.xml and hdfs-site.xml.
type hadoopConfiguration struct {
	XMLName    xml.Name         `xml:"configuration"`
	Properties []hadoopProperty `xml:"property"`
}

type hadoopProperty struct {
	Name        string `xml:"name"`
	Value       string `xml:"value"`
	Description string `xml:"description,omitempty"`
}

// overrideXML does what override does, for Hadoop's format.
func overrideXML(text string, values map[string]string) (string, error) {
	var c hadoopConfiguration
	if err := xml.Unmarshal([]byte(text), &c); err != nil {
		return "", err
	}
	rest := maps.Clone(values)
	for i, p := range c.Properties {
		c.Properties[i].Description = strings.Join(strings.Fields(p.Description), " ")
		if value, ok := rest[p.Name]; ok {
			c.Properties[i].Value = value
			delete(rest, p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		c.Properties = append(c.Properties, hadoopProperty{Name: name, Value: rest[name]})
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	enc := xml.NewEncoder(&out)
	enc.Indent("", "  ")
	if err := enc.Encode(c); err != nil {
		return "", err
	}
	out.WriteByte('\n')
	return out.String(), nil
}

// merged returns the union of maps; the later ones win.
func merged(all ...map[string]string) map[string]string {
	sum := map[string]string{}
	for _, m := range all {
		maps.Copy(sum, m)
	}
	return sum
}

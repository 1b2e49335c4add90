package profiles

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/sequence"
)

type object = map[string]any

const schemaID = "https://framebeam.dev/schema/analyses.json"

// settings are the fields that are no analyses.
var settings = object{
	"silence": object{"type": "string", "default": "10s", "description": "the gap in capture times that counts as an interruption"},
	"state_limit": object{
		"type": "integer", "minimum": 4 << 10, "maximum": 8 << 20, "default": sequence.DefaultStateLimit,
		"description": "bytes of state per camera",
	},
	"forget_chunks": object{"type": "integer", "minimum": 1, "maximum": 1 << 20, "default": 64, "description": "chunks without a frame after which a camera is forgotten"},
	"json_zone":     object{"type": "string", "default": "UTC", "description": "IANA time zone of the JSON wire's timestamps"},
	"max_pixels":    object{"type": "integer", "minimum": 1, "maximum": 1 << 30, "default": frame.DefaultMaxPixels, "description": "frames with more pixels are dead letters"},
	"max_side":      object{"type": "integer", "minimum": 1, "maximum": 1 << 20, "default": frame.DefaultMaxSide, "description": "frames of more pixels in width or height are dead letters"},
	"schedules":     object{"type": "array", "items": scheduleSchema(), "description": "times of day, by falling precedence"},
	"cameras":       nil, // see Schema
}

func isSetting(key string) bool { _, ok := settings[key]; return ok }

func scheduleSchema() object {
	s := params.Schema(schedule.Schedule{})
	s["required"] = []any{"name", "from", "to"}
	return s
}

// allKinds are all kinds of analyses, by name; sequential says which are in sequence.
func allKinds() (all []params.Kind, sequential map[string]bool) {
	sequential = map[string]bool{}
	for _, k := range perframe.Kinds() {
		all = append(all, k.Kind)
	}
	for _, k := range sequence.Kinds() {
		all = append(all, k.Kind)
		sequential[k.Name] = true
	}
	slices.SortFunc(all, func(a, b params.Kind) int { return strings.Compare(a.Name, b.Name) })
	return all, sequential
}

// whenKind is that of the field "when" of those that detect.
func whenKind() params.Kind {
	k, err := sequence.KindOf(params.Spec{When: []byte("{}")})
	if err != nil {
		panic(fmt.Sprintf("profiles: %v", err)) // package steps has it
	}
	return k.Kind
}

// detects reports whether the analyses of a kind can be told when to look.
func detects(kind string) bool {
	return slices.ContainsFunc(perframe.Kinds(), func(k perframe.Kind) bool { return k.Name == kind && k.Detects })
}

// Schema is the JSON Schema of the file, for editors and for [Parse].
func Schema() ([]byte, error) {
	camera := object{
		"match":   object{"type": "string", "minLength": 1, "description": "a camera's id, or a pattern with * and ?; the JSON wire's own ids too"},
		"silence": settings["silence"],
	}
	top, defs := object{}, object{}
	for name, s := range settings {
		top[name] = s
	}
	w := whenKind()
	defs[w.Name] = object{"type": []any{"boolean", "object"}, "additionalProperties": false,
		"properties": params.Schema(w.Default)["properties"], "description": w.Doc}
	kinds, _ := allKinds()
	for _, k := range kinds {
		defs[k.Name] = kindSchema(k)
		ref := object{"$ref": "#/$defs/" + k.Name}
		top[k.Name], camera[k.Name] = ref, ref
	}
	top["cameras"] = object{"type": "array", "description": "what is different for some cameras; the first that matches counts",
		"items": object{"type": "object", "required": []any{"match"}, "additionalProperties": false, "properties": camera}}
	b, err := json.MarshalIndent(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": schemaID,
		"title": "Framebeam: what is looked for in the frames",
		"type":  "object", "additionalProperties": false, "properties": top, "$defs": defs,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(b, '\n'), nil
}

// kindSchema is that of the settings of a kind: true, false or parameters.
func kindSchema(k params.Kind) object {
	s := params.Schema(k.Default)
	fields := s["properties"].(object)
	partial := object{"type": []any{"boolean", "object"}, "additionalProperties": false, "properties": fields}
	whole := object{}
	for name, f := range fields {
		whole[name] = f
	}
	whole["during"] = object{"type": "object", "additionalProperties": partial, "description": "by the name of a schedule: what is different during it; false: off"}
	whole["only"] = object{"type": "array", "items": object{"type": "string"}, "minItems": 1, "description": "names of schedules outside of which it is off"}
	if detects(k.Name) {
		whole["when"] = object{"$ref": "#/$defs/" + sequence.WhenName}
	}
	one := object{"type": []any{"boolean", "object"}, "additionalProperties": false, "properties": whole}
	if !k.Named {
		one["description"] = k.Doc
		return one
	}
	return object{"type": []any{"boolean", "object"}, "description": k.Doc + "; by name",
		"propertyNames": object{"pattern": `^[A-Za-z0-9._-]{1,64}$`}, "additionalProperties": one}
}

// knownAt are the fields that the schema has at a place of it.
func knownAt(url string) (names []string) {
	text, err := Schema()
	var schema any
	if err != nil || json.Unmarshal(text, &schema) != nil {
		return nil
	}
	_, pointer, _ := strings.Cut(url, "#")
	var path []string
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if name != "" {
			path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
		}
	}
	fields, _ := at(schema, append(path, "properties")).(map[string]any)
	return slices.Sorted(maps.Keys(fields))
}

// durationAt has the places in the schema, as JSON pointers, where a duration stands.
var durationAt = sync.OnceValue(func() map[string]bool {
	found := map[string]bool{}
	text, err := Schema()
	var doc any
	if err != nil || json.Unmarshal(text, &doc) != nil {
		return found // compiledSchema says so
	}
	var walk func(v any, at string)
	walk = func(v any, at string) {
		m, _ := v.(map[string]any)
		example, _ := m["default"].(string)
		pattern, _ := m["pattern"].(string)
		if _, err := time.ParseDuration(example); m["type"] == "string" && (err == nil || matches(pattern, "1h30m") && !matches(pattern, "hm")) {
			found[at] = true
		}
		for key, v := range m {
			walk(v, at+strictyaml.Pointer(key))
		}
	}
	walk(doc, "")
	return found
})

func matches(pattern, text string) bool {
	ok, err := regexp.MatchString(pattern, text)
	return err == nil && ok
}

var compiledSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := Schema()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return s, nil
})

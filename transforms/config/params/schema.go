package params

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// Keywords of ours for the limits of durations, which JSON Schema cannot say.
const (
	Least = "x-minimum"
	Most  = "x-maximum"
)

// Schema is the JSON Schema (2020-12) of a struct of parameters, whose values are
// the defaults.
func Schema(p any) map[string]any { return structSchema(reflect.ValueOf(p)) }

func structSchema(v reflect.Value) map[string]any {
	fields := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		n := name(f)
		if n == "" || f.Tag.Get("hidden") != "" {
			if n == "" && f.IsExported() && f.Tag.Get("json") != "-" {
				panic(fmt.Sprintf("params: %v.%s has no json tag", v.Type(), f.Name))
			}
			continue
		}
		s := valueSchema(f.Type, v.Field(i), f.Tag)
		if doc := f.Tag.Get("doc"); doc != "" {
			s["description"] = doc
		}
		fields[n] = s
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": fields}
}

// valueSchema describes a type; the value, if there is one, is the default.
func valueSchema(t reflect.Type, v reflect.Value, tag reflect.StructTag) map[string]any {
	s := map[string]any{}
	if v.IsValid() && t.Kind() != reflect.Struct && !((t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && v.Len() == 0) {
		s["default"] = v.Interface()
	}
	limit := func() {
		least, most := bounds(tag)
		if !math.IsInf(least, -1) {
			s["minimum"] = least
		}
		if !math.IsInf(most, 1) {
			s["maximum"] = most
		}
	}
	switch {
	case t == durationType:
		s["type"], s["pattern"] = "string", `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`
		if v.IsValid() {
			s["default"] = v.Interface().(Duration).String()
		}
		for keyword, limit := range map[string]string{Least: tag.Get("min"), Most: tag.Get("max")} {
			if limit != "" {
				s[keyword] = limit
			}
		}
	case t.Kind() == reflect.Bool:
		s["type"] = "boolean"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		s["type"] = "integer"
		limit()
	case t.Kind() == reflect.Float64:
		s["type"] = "number"
		limit()
	case t.Kind() == reflect.String:
		s["type"] = "string"
		if enum := tag.Get("enum"); enum != "" {
			s["enum"] = strings.Split(enum, ",")
		}
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Array:
		s["type"], s["items"] = "array", valueSchema(t.Elem(), reflect.Value{}, elementTag(tag))
		if t.Kind() == reflect.Array {
			s["minItems"], s["maxItems"] = t.Len(), t.Len()
		} else if least, most, ok := items(tag); ok {
			s["minItems"], s["maxItems"] = least, most
		}
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		s["type"], s["additionalProperties"] = "object", valueSchema(t.Elem(), reflect.Value{}, elementTag(tag))
	case t.Kind() == reflect.Struct:
		if !v.IsValid() {
			v = reflect.Zero(t)
		}
		return structSchema(v)
	default:
		panic(fmt.Sprintf("params: %v is no type of a parameter", t))
	}
	return s
}

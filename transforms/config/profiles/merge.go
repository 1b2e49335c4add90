package profiles

import (
	"encoding/json"
	"fmt"
	"maps"
)

// setting is what is configured of one analysis: off, or parameters.
type setting struct {
	on     bool
	fields map[string]any
}

// settingOf reads true, false or a mapping.
func settingOf(v any) (setting, error) {
	switch v := v.(type) {
	case nil:
		return setting{}, nil
	case bool:
		return setting{on: v}, nil
	case map[string]any:
		return setting{on: true, fields: v}, nil
	}
	return setting{}, fmt.Errorf("is neither true, false nor a mapping")
}

// over lays what is configured elsewhere over s.
func (s setting) over(v any) (setting, error) {
	o, err := settingOf(v)
	switch {
	case err != nil || v == nil:
		return s, err
	case !o.on:
		return setting{fields: s.fields}, nil
	}
	return setting{on: true, fields: merge(s.fields, o.fields)}, nil
}

// merge lays b over a: mappings are merged, everything else is replaced.
func merge(a, b map[string]any) map[string]any {
	m := maps.Clone(a)
	if m == nil {
		m = map[string]any{}
	}
	for k, v := range b {
		if under, ok := m[k].(map[string]any); ok {
			if over, ok := v.(map[string]any); ok {
				m[k] = merge(under, over)
				continue
			}
		}
		m[k] = v
	}
	return m
}

// without is the mapping but for some fields.
func without(m map[string]any, fields ...string) map[string]any {
	c := maps.Clone(m)
	for _, f := range fields {
		delete(c, f)
	}
	return c
}

func decode(raw json.RawMessage) (any, error) {
	if raw == nil {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("decode settings: %w", err)
	}
	return v, nil
}

package edit

import (
	"strings"
	"testing"
)

const house = `# The house.
background: true   # learnt
tracking: true

lines:
  # at the gate
  gate: {points: [[0.5, 0.2], [0.5, 1]]}   # both ways
  "back door":
    points:
      - [0.1, 0.5]   # left
      - [0.9, 0.5]
    direction: 'forward'
zones: {ramp: {polygon: [[0.1, 0.6], [0.5, 0.6], [0.5, 1.0]], loiter: 30s}, }
health:

cameras:
  # the lobby is special
  - match: lobby
    zones: {ramp: false}

  - match: "gate-*"   # all gates
    lines: {gate: {margin: 0.04}}
`

func TestOnlyWhatIsChangedChanges(t *testing.T) {
	path := func(text string) []string { return strings.Split(text, "/") }
	points := []any{[]any{0.5, 0.25}, []any{0.5, 1}, []any{0.75, 1}}
	for _, c := range []struct {
		name     string
		do       func(d *Document) error
		old, new string // what is replaced, once, in house
	}{
		{"a scalar keeps its comment", func(d *Document) error { return d.Set(path("background"), false) }, "background: true   #", "background: false   #"},
		{"a number in a list in a line", func(d *Document) error { return d.Set(path("lines/gate/points/0/1"), 0.3) }, "[[0.5, 0.2], [0.5, 1]]", "[[0.5, 0.3], [0.5, 1]]"},
		{"points that are more", func(d *Document) error { return d.Set(path("lines/gate/points"), points) }, "[[0.5, 0.2], [0.5, 1]]", "[[0.5, 0.25], [0.5, 1], [0.75, 1]]"},
		{"points that are fewer keep the spelling of the others", func(d *Document) error {
			return d.Set(path("zones/ramp/polygon"), []any{[]any{0.1, 0.6}, []any{0.5, 0.6}})
		}, "[[0.1, 0.6], [0.5, 0.6], [0.5, 1.0]]", "[[0.1, 0.6], [0.5, 0.6]]"},
		{"points in lines of their own", func(d *Document) error {
			return d.Set(append(path("lines"), "back door", "points"), []any{[]any{0.1, 0.4}, []any{0.9, 0.5}, []any{1.0, 0.5}})
		}, "- [0.1, 0.5]   # left\n      - [0.9, 0.5]\n", "- [0.1, 0.4]   # left\n      - [0.9, 0.5]\n      - [1, 0.5]\n"},
		{"a parameter more in braces", func(d *Document) error { return d.Set(path("lines/gate/direction"), "forward") },
			"[0.5, 1]]}   # both", "[0.5, 1]], direction: forward}   # both"},
		{"a parameter more after a last comma", func(d *Document) error { return d.Set(path("zones/yard"), true) }, "30s}, }", "30s}, yard: true }"},
		{"a parameter more in lines", func(d *Document) error { return d.Set(append(path("lines"), "back door", "margin"), 0.1) },
			"direction: 'forward'\n", "direction: 'forward'\n    margin: 0.1\n"},
		{"a line more", func(d *Document) error {
			return d.Set(path("lines/fence"), Map{{"points", []any{[]any{0.1, 0.2}, []any{0.3, 0.4}}}, {"labels", []any{"person", "on"}}})
		}, "direction: 'forward'\n", "direction: 'forward'\n  fence: {points: [[0.1, 0.2], [0.3, 0.4]], labels: [person, \"on\"]}\n"},
		{"a value where there was none", func(d *Document) error { return d.Set(path("health/dark/mean"), 20) }, "health:\n", "health:\n  dark: {mean: 20}\n"},
		{"parameters in place of true", func(d *Document) error {
			return d.Set(path("background/ignore"), []any{[]any{[]any{0, 0}, []any{1, 0}, []any{1, 1}}})
		}, "background: true ", "background: {ignore: [[[0, 0], [1, 0], [1, 1]]]} "},
		{"an entry that was not there", func(d *Document) error { return d.Set(path("activity/yard"), Map{{"sensitivity", 0.6}}) },
			"{gate: {margin: 0.04}}\n", "{gate: {margin: 0.04}}\nactivity:\n  yard: {sensitivity: 0.6}\n"},
		{"a camera's own", func(d *Document) error { return d.Set(path("cameras/0/zones/ramp"), Map{{"loiter", "1m"}}) }, "{ramp: false}", "{ramp: {loiter: 1m}}"},
		{"a camera's own where it has none of the kind", func(d *Document) error { return d.Set(path("cameras/0/lines/gate"), false) },
			"    zones: {ramp: false}\n", "    zones: {ramp: false}\n    lines: {gate: false}\n"},
		{"what is deleted goes with its line", func(d *Document) error { return d.Delete(path("lines/gate")) }, "  gate: {points: [[0.5, 0.2], [0.5, 1]]}   # both ways\n", ""},
		{"what is deleted goes with its lines", func(d *Document) error { return d.Delete(append(path("lines"), "back door")) },
			house[strings.Index(house, "  \"back"):strings.Index(house, "zones:")], ""},
		{"the first in braces", func(d *Document) error { return d.Delete(path("zones/ramp/polygon")) }, "polygon: [[0.1, 0.6], [0.5, 0.6], [0.5, 1.0]], ", ""},
		{"the last in braces", func(d *Document) error { return d.Delete(path("zones/ramp/loiter")) }, ", loiter: 30s", ""},
		{"the only one in braces", func(d *Document) error { return d.Delete(path("cameras/0/zones/ramp")) }, "{ramp: false}", "{}"},
		{"an entry of a list", func(d *Document) error { return d.Delete(path("cameras/0")) }, "  - match: lobby\n    zones: {ramp: false}\n", ""},
		{"a renamed one", func(d *Document) error { return d.Rename(path("lines/gate"), "front gate") }, "  gate: {", "  \"front gate\": {"},
		{"a renamed one in quotes", func(d *Document) error { return d.Rename(append(path("lines"), "back door"), "door") }, "\"back door\"", "door"},
		{"a camera before others, and their comments", func(d *Document) error {
			return d.Insert(path("cameras"), 0, Map{{"match", "yard"}, {"lines", Map{{"gate", Map{{"margin", 0.1}}}}}})
		}, "  # the lobby is special\n", "  - match: yard\n    lines:\n      gate: {margin: 0.1}\n  # the lobby is special\n"},
		{"a camera after others", func(d *Document) error { return d.Insert(path("cameras"), 2, Map{{"match", "yard"}, {"people", true}}) },
			"margin: 0.04}}\n", "margin: 0.04}}\n  - match: yard\n    people: true\n"},
		{"what is equal", func(d *Document) error { return d.Set(path("zones/ramp/polygon/2/1"), 1) }, "1.0", "1.0"},
	} {
		for ends, of := range map[string]func(string) string{
			"":                     func(s string) string { return s },
			" with Windows' lines": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
			" after a mark":        func(s string) string { return "\ufeff" + s },
			" without a last end":  func(s string) string { return strings.TrimSuffix(s, "\n") },
		} {
			t.Run(c.name+ends, func(t *testing.T) {
				if strings.Count(house, c.old) != 1 {
					t.Fatalf("%q is there %d times", c.old, strings.Count(house, c.old))
				}
				d, err := Parse("a.yaml", []byte(of(house)))
				if err != nil {
					t.Fatal(err)
				}
				if err := c.do(d); err != nil {
					t.Fatal(err)
				}
				if got, want := string(d.Bytes()), of(strings.Replace(house, c.old, c.new, 1)); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

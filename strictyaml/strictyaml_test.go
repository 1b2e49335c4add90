package strictyaml

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/go-cmp/cmp"
)

// pump is what the tests configure.
type pump struct {
	name, note string
	on         bool
	size, gear int
	flow       float64
	rest       time.Duration
	valve      string
}

// read reads a pump and returns what is wrong, without the file's name.
func read(text string) (p pump, lines map[string]int, wrong []string) {
	var v Violations
	if root := v.Parse([]byte(text)); !IsNull(root) {
		lines = v.Fields("pump", root, map[string]func(ast.Node) error{
			"name": func(n ast.Node) (err error) { p.name, err = Text(n); return },
			"note": func(n ast.Node) (err error) { p.note, err = Text(n); return },
			"on":   func(n ast.Node) (err error) { p.on, err = Bool(n); return },
			"size": func(n ast.Node) (err error) { p.size, err = Int(n); return },
			"gear": func(n ast.Node) (err error) { p.gear, err = IntBetween(n, 1, 5); return },
			"flow": func(n ast.Node) (err error) { p.flow, err = Float(n); return },
			"rest": func(n ast.Node) (err error) { p.rest, err = Duration(n, time.Second, time.Hour); return },
			"valve": func(n ast.Node) error {
				v.Fields("valve", n, map[string]func(ast.Node) error{
					"kind": func(n ast.Node) (err error) { p.valve, err = Text(n); return },
				})
				return nil
			},
		})
	}
	if err := v.Err("f"); err != nil {
		wrong = strings.Split(strings.ReplaceAll(err.Error(), "f:", ""), "\n")
	}
	return p, lines, wrong
}

func TestValuesAreRead(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       pump
	}{
		{"nothing", "", pump{}},
		{"a comment alone", "# later\n", pump{}},
		{"an empty document", "---\n", pump{}},
		{"null", "null\n", pump{}},
		{"every kind of value", "name: main\non: true\nsize: 3\ngear: 5\nflow: 2.5\nrest: 1m30s\nvalve:\n  kind: ball\n",
			pump{name: "main", on: true, size: 3, gear: 5, flow: 2.5, rest: 90 * time.Second, valve: "ball"}},
		{"flow style with quotes and comments", "{name: 'a: b', flow: 1e3, valve: {kind: \"x\\ty\"}} # the lot\n",
			pump{name: "a: b", flow: 1000, valve: "x\ty"}},
		{"numbers and truth values are strings where strings are wanted", "name: 017\nnote: true\n", pump{name: "017", note: "true"}},
		{"text over several lines", "note: |\n  one\n  two\nname: a\n", pump{name: "a", note: "one\ntwo"}},
		{"a whole number is a number", "flow: -7\n", pump{flow: -7}},
		{"a byte order mark", "\ufeffname: a\nsize: 2\n", pump{name: "a", size: 2}},
		{"Windows' line ends", "name: a\r\nsize: 2\r\n", pump{name: "a", size: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, wrong := read(c.text)
			if wrong != nil {
				t.Error(wrong)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(pump{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryViolationIsListedWithItsLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"values of the wrong kind", "name: [a]\nnote: {a: b}\non: 1\nsize: 1.5\nflow: fast\nrest: 10\n", []string{
			"1: pump: name: is a list, not a string",
			"2: pump: note: is a mapping, not a string",
			`3: pump: on: is "1", not true or false`,
			`4: pump: size: is "1.5", not a whole number`,
			`5: pump: flow: is "fast", not a number`,
			`6: pump: rest: "10" has no unit: write 10s for seconds, say`}},
		{"values that are missing", "name:\non:\nsize: ~\nflow: null\nrest:\nvalve:\n", []string{
			"1: pump: name: is empty, not a string",
			"2: pump: on: is empty, not true or false",
			"3: pump: size: is empty, not a whole number",
			"4: pump: flow: is empty, not a number",
			"5: pump: rest: is empty, not a string",
			"6: valve is not a mapping of fields to values"}},
		{"values out of range", "gear: 6\nrest: 2h\nflow: .inf\n", []string{
			"1: pump: gear: 6 is not 1 to 5",
			`2: pump: rest: "2h" is not a duration from 1s to 1h, such as 10s`,
			`3: pump: flow: is ".inf", not a number`}},
		{"a number too large for a computer", "size: 99999999999999999999\nflow: 1e999\n", []string{
			`1: pump: size: is "99999999999999999999", not a whole number`,
			`2: pump: flow: is "1e999", not a number`}},
		{"a quoted number is a string", "size: '3'\nflow: '1'\n", []string{
			`1: pump: size: is "3", not a whole number`,
			`2: pump: flow: is "1", not a number`}},
		{"a long value is not repeated", "size: " + strings.Repeat("x", 41) + "\n", []string{"1: pump: size: is something else, not a whole number"}},
		{"unknown fields, also further in", "naem: a\nvalve:\n  sort: ball\n", []string{
			`1: pump: unknown field "naem" (known: flow, gear, name, note, on, rest, size, valve); did you mean "name"?`,
			`3: valve: unknown field "sort" (known: kind)`}},
		{"lines after comments in a file of Windows", "# a\r\n# b\r\nname: a # c\r\nnaem: b\r\n", []string{
			`4: pump: unknown field "naem" (known: flow, gear, name, note, on, rest, size, valve); did you mean "name"?`}},
		{"a field given twice", "size: 1\non: true\nsize: 2\n", []string{"3: pump: size is already given in line 1"}},
		{"what is not a mapping", "- name\n", []string{"1: pump is not a mapping of fields to values"}},
		{"keys that are not names", "name: a\n3: b\n", []string{
			"2: pump: 3 is not the name of a field (anchors, aliases and merges are not read)"}},
		{"anchors, aliases, merges and tags", "name: &n main\nnote: *n\nsize: !!int 3\n<<: {on: true}\n", []string{
			"1: pump: name: is an anchor or alias, which are not read, not a string",
			"2: pump: note: is an anchor or alias, which are not read, not a string",
			"3: pump: size: is tagged, which is not read, not a whole number",
			"4: pump: << is not the name of a field (anchors, aliases and merges are not read)"}},
		{"a second document", "name: a\n---\nname: b\n", []string{"3: more than one YAML document"}},
		{"no YAML at all", "name: a\nvalve: {kind: b\n", []string{"2: not YAML: could not find flow mapping end token '}'"}},
		{"a file without end", strings.Repeat("#", MaxFile+1), []string{"1: the file has 16777217 bytes, more than 16777216"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, wrong := read(c.text)
			if diff := cmp.Diff(c.want, wrong); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGivenFieldsHaveTheirLines(t *testing.T) {
	_, lines, _ := read("# first\nname:\n  main\nsize: wrong\nnonsense: 1\nvalve: {kind: ball}\n")
	if diff := cmp.Diff(map[string]int{"name": 2, "size": 4, "valve": 6}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestViolationsAreListedByLineAndInOneLineInTheOrderTheyWereFound(t *testing.T) {
	var v Violations
	v.Add(7, "seven")
	v.Add(2, "two %d", 1)
	v.Add(2, "two 2")
	err := v.Err("pump.yaml")
	var list *Error
	if !errors.As(err, &list) || !cmp.Equal(list.List, []Violation{{2, "two 1"}, {2, "two 2"}, {7, "seven"}}) {
		t.Errorf("%+v", err)
	}
	if want := "pump.yaml:2: two 1\npump.yaml:2: two 2\npump.yaml:7: seven"; err.Error() != want {
		t.Error(err)
	}
	if err := new(Violations).Err("pump.yaml"); err != nil {
		t.Error("nothing is wrong, but", err)
	}
}

func TestZeroHasOneSign(t *testing.T) {
	if p, _, wrong := read("flow: -0.0\n"); wrong != nil || math.Signbit(p.flow) {
		t.Error(p.flow, wrong)
	}
}

func TestDurationsAreWrittenAsOneWould(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 24 * time.Hour: "24h", 90 * time.Minute: "1h30m", time.Minute: "1m", 10 * time.Minute: "10m",
		time.Hour + time.Second: "1h0m1s", 100 * time.Millisecond: "100ms", 10 * time.Second: "10s", 0: "0s",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is written as %s", d, got)
		}
	}
}

// FuzzFields: reading never panics, what it reads is within all bounds, and
// every violation has a line of the file.
func FuzzFields(f *testing.F) {
	for _, text := range []string{
		"", "name: main\non: true\nsize: 3\ngear: 5\nflow: 2.5\nrest: 1m30s\nvalve:\n  kind: ball\n",
		"name: &n main\nnote: *n\nsize: !!int 3\n<<: {on: true}\n", "- a\n---\nb", "3: a\n? [b]\n: c\n", "note: |\n  one\n  two\n", "{a: [b", "a:\r\n\tb",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v Violations
		root := v.Parse([]byte(text))
		if !IsNull(root) {
			v.Fields("pump", root, map[string]func(ast.Node) error{
				"size": func(n ast.Node) error { _, err := Int(n); return err },
				"flow": func(n ast.Node) error {
					if x, err := Float(n); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
						t.Fatal(x)
					}
					return nil
				},
				"gear": func(n ast.Node) error {
					if i, err := IntBetween(n, 1, 5); err == nil && (i < 1 || i > 5) {
						t.Fatal(i)
					}
					return nil
				},
				"rest": func(n ast.Node) error {
					if d, err := Duration(n, time.Second, time.Hour); err == nil && (d < time.Second || d > time.Hour) {
						t.Fatal(d)
					}
					return nil
				},
				"name": func(n ast.Node) error { _, err := Text(n); return err },
				"on":   func(n ast.Node) error { _, err := Bool(n); return err },
			})
		}
		last := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		for _, w := range v.List() {
			if w.Line < 1 || w.Line > last || w.Text == "" {
				t.Fatalf("line %d of %d: %q", w.Line, last, w.Text)
			}
		}
	})
}

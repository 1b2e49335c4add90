package retention

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/framebeam/framebeam/strictyaml"
)

// Load reads rules from a YAML file. The error lists all that is wrong with it, by line.
func Load(file string) (Rules, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Rules{}, err
	}
	return Parse(file, data)
}

// Parse reads rules from YAML:
//
//	keep: 30d                      # everything, unless said otherwise
//	size: 500GB                    # of everything together
//	archive: {keep: 7d, size: 400GB}
//	images: {keep: 14d}
//	states: {keep: 2d}
//	results: {keep: 1y}
//	cameras:
//	  - {match: "gate-*", archive: 30d, keep: 90d}
//	pin:
//	  ids: pinned.txt              # beside this file
//	  events: [{type: LineDetector/Crossed, rule: gate, label: person, camera: "gate-*"}]
func Parse(file string, data []byte) (Rules, error) {
	f := ruleFile{name: file}
	if root := f.bad.Parse(data); !strictyaml.IsNull(root) {
		f.read(root)
	}
	if err := f.bad.Err(file); err != nil {
		return Rules{}, err
	}
	return f.rules, nil
}

type ruleFile struct {
	name  string
	rules Rules
	bad   strictyaml.Violations
}

func (f *ruleFile) read(root ast.Node) {
	var keep *time.Duration
	var own [kinds]*time.Duration
	fields := map[string]func(ast.Node) error{
		"keep": ageField(&keep),
		"size": sizeField(&f.rules.Size),
		"cameras": func(n ast.Node) error {
			return f.list(n, "cameras", func(n ast.Node) {
				f.rules.Cameras = append(f.rules.Cameras, f.camera(n))
			})
		},
		"pin": func(n ast.Node) error {
			f.bad.Fields("pin", n, map[string]func(ast.Node) error{
				"ids": f.ids,
				"events": func(n ast.Node) error {
					return f.list(n, "events", func(n ast.Node) { f.rules.Pins.Events = append(f.rules.Pins.Events, f.event(n)) })
				},
			})
			return nil
		},
	}
	for k := range kinds {
		fields[k.String()] = func(n ast.Node) error {
			f.bad.Fields(k.String(), n, map[string]func(ast.Node) error{"keep": ageField(&own[k]), "size": sizeField(&f.rules.Sizes[k])})
			return nil
		}
	}
	f.bad.Fields("the file", root, fields)
	for k := range kinds {
		switch {
		case own[k] != nil:
			f.rules.Keep[k] = *own[k]
		case keep != nil:
			f.rules.Keep[k] = *keep
		}
	}
}

func (f *ruleFile) camera(n ast.Node) CameraRule {
	var c CameraRule
	var keep *time.Duration
	fields := map[string]func(ast.Node) error{"match": patternField(&c.Match), "keep": ageField(&keep)}
	for k := range kinds {
		fields[k.String()] = ageField(&c.Keep[k])
	}
	given := f.bad.Fields("cameras", n, fields)
	if given["match"] == 0 {
		f.bad.Add(strictyaml.Line(n), "cameras: match is missing")
	}
	for k := range kinds {
		if c.Keep[k] == nil {
			c.Keep[k] = keep
		}
	}
	return c
}

func (f *ruleFile) event(n ast.Node) EventPin {
	var q EventPin
	given := f.bad.Fields("events", n, map[string]func(ast.Node) error{
		"type": patternField(&q.Type), "rule": patternField(&q.Rule), "label": patternField(&q.Label), "camera": patternField(&q.Camera),
	})
	if len(given) == 0 {
		f.bad.Add(strictyaml.Line(n), "events: one that fits every event would keep everything")
	}
	return q
}

func (f *ruleFile) ids(n ast.Node) error {
	name, err := strictyaml.Text(n)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(f.name), name)
	}
	data, err := os.ReadFile(name)
	if err == nil {
		f.rules.Pins.IDs, err = ParseIDs(name, data)
	}
	return err
}

func (f *ruleFile) list(n ast.Node, what string, each func(ast.Node)) error {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		return fmt.Errorf("is %s, not a list of %s", strictyaml.Describe(n), what)
	}
	for _, v := range seq.Values {
		each(v)
	}
	return nil
}

func ageField(to **time.Duration) func(ast.Node) error {
	return func(n ast.Node) error {
		text, err := strictyaml.Text(n)
		if err != nil {
			return err
		}
		d, err := ParseAge(text)
		*to = &d
		return err
	}
}

func sizeField(to *int64) func(ast.Node) error {
	return func(n ast.Node) error {
		text, err := strictyaml.Text(n)
		if err != nil {
			return err
		}
		*to, err = ParseSize(text)
		return err
	}
}

func patternField(to *string) func(ast.Node) error {
	return func(n ast.Node) (err error) {
		if *to, err = strictyaml.Text(n); err != nil {
			return err
		}
		return checkPattern(*to)
	}
}

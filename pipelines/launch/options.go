package launch

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/framebeam/framebeam/strictyaml"
)

// engineOptions are Beam options by their names, such as checkpointing_interval.
type engineOptions map[string]any

// options are those of a job on the engine: of the file that --engine-options names, or
// the preset.
func (e Engine) options() (engineOptions, error) {
	if e.preset == nil {
		return nil, nil
	}
	return loadOptions(*optionsFile, e.preset, e.must)
}

// loadOptions reads the options of a file, or of the preset if there is none.
// Those in must are not the file's to choose: another value is an error, with
// what would happen.
func loadOptions(file string, preset []byte, must map[string]mustBe) (engineOptions, error) {
	data := preset
	if file == "" {
		file = "preset"
	} else {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("engine options: %w", err)
		}
	}
	o := engineOptions{}
	var v strictyaml.Violations
	if doc := v.Parse(data); doc != nil {
		v.Mapping("engine options", doc, func(name string, line int, n ast.Node) {
			value, err := optionValue(n)
			if err != nil {
				v.Add(line, "%s: %v", name, err)
				return
			}
			if name == streaming {
				v.Add(line, "%s is not an option to choose: what the job reads decides", name)
				return
			}
			if m, fixed := must[name]; fixed && value != m.value {
				v.Add(line, "%s must be %v: %s", name, m.value, m.otherwise)
				return
			}
			o[name] = value
		})
	}
	if err := v.Err(file); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(must)) {
		o[name] = must[name].value
	}
	return o, nil
}

// mustBe is the one value of an option with which jobs are right.
type mustBe struct {
	value     any
	otherwise string // what happens with any other
}

// optionValue is a scalar, or a list of them.
func optionValue(n ast.Node) (any, error) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return scalar(n)
	}
	values := make([]any, len(list.Values))
	for i, item := range list.Values {
		var err error
		if values[i], err = scalar(item); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func scalar(n ast.Node) (any, error) {
	if b, err := strictyaml.Bool(n); err == nil {
		return b, nil
	}
	if i, err := strictyaml.Int(n); err == nil {
		return i, nil
	}
	return strictyaml.Text(n)
}

package sequence

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// StepSpec describes a step so that it can travel to the workers: the name it
// is registered by and its parameters.
type StepSpec struct {
	Name   string
	Params json.RawMessage
}

var makers = map[string]func(json.RawMessage) (Step, error){}

// RegisterStep makes a kind of step known under its name; call it in init of
// the step's own file. make is given the parameters as JSON, or nil for defaults.
func RegisterStep(name string, make func(params json.RawMessage) (Step, error)) {
	if _, ok := makers[name]; ok {
		panic(fmt.Sprintf("sequence.RegisterStep: %q is registered already", name))
	}
	makers[name] = make
}

// Make makes the step.
func (s StepSpec) Make() (Step, error) {
	make, ok := makers[s.Name]
	if !ok {
		names := []string{}
		for n := range makers {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("unknown analysis %q (known: %s)", s.Name, strings.Join(names, ", "))
	}
	step, err := make(s.Params)
	if err != nil {
		return nil, fmt.Errorf("analysis %s: %w", s.Name, err)
	}
	return step, nil
}

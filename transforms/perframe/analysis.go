// Package perframe turns records into frames and runs the analyses that look at
// one frame on its own. What cannot be read goes on as a dead letter.
package perframe

import (
	"encoding/json"
	"fmt"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/params"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Analysis is one analysis of a frame on its own: a function of the frame and
// nothing else, without I/O, clock or randomness ([Kind] pipe's is the user's
// affair). It is used by one goroutine. If it is an io.Closer it is closed.
type Analysis interface {
	// Name is unique among the analyses and part of the results: the kind's, or
	// "kind/name".
	Name() string
	// Digest changes whenever the analysis could give another result for the same frame.
	Digest() string
	// Pixels is what the analysis asks of its input.
	Pixels() frame.Pixels
	// Analyse adds what it finds to out. A *[frame.Poison] is the frame's fault
	// and makes it a dead letter; any other error is a fault of the program.
	Analyse(in sequence.Input, out *result.PerFrame) error
}

// Kind is a kind of per-frame analysis as configurations know it.
type Kind struct {
	params.Kind
	// Make makes the analysis of valid parameters. name is "kind", or "kind/rule".
	// Files that parameters name may be missing where a job is only described:
	// they are opened by the first Analyse.
	Make func(name string, p params.Params) (Analysis, error)
}

// Describe is the kind as configurations know it.
func (k Kind) Describe() params.Kind { return k.Kind }

var kinds params.Registry[Kind]

// Register makes a kind of analysis known; call it in init of the analysis' own file.
func Register(k Kind) { kinds.Add(k) }

// Kinds are all that are registered, by name.
func Kinds() []Kind { return kinds.All() }

// Make makes the analysis that a spec describes, with its schedules.
func Make(s params.Spec) (Analysis, error) {
	k, err := kinds.Get(s.Kind)
	if err != nil {
		return nil, err
	}
	one := func(raw json.RawMessage) (Analysis, error) {
		p, err := k.Check(raw)
		if err != nil {
			return nil, fmt.Errorf("analysis %s: %w", s.Name, err)
		}
		a, err := k.Make(s.Name, p)
		if err != nil {
			return nil, fmt.Errorf("analysis %s: %w", s.Name, err)
		}
		return a, nil
	}
	if len(s.During) == 0 {
		return one(s.Params)
	}
	return newScheduled(s, one)
}

// New makes the analysis of that name with its default parameters.
func New(name string) (Analysis, error) { return Make(params.Spec{Kind: name, Name: name}) }

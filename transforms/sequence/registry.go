package sequence

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/analysis"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// Stage is when in a frame a step runs: after those of the stages before, of
// which it may read the results.
type Stage int

const (
	// Finds: looks at pixels.
	Finds Stage = iota
	// Looks: looks at pixels when those before found something.
	Looks
	// Follows: joins what was found to tracks.
	Follows
	// Judges: says what happened, of what was found and followed.
	Judges
)

// Kind is a kind of step as configurations know it.
type Kind struct {
	params.Kind
	Stage Stage
	// Bytes is the most that a memory takes when it is saved; it must not depend
	// on the parameters.
	Bytes int
	// Fit sets the parameters to what room is left in the camera's state, for a kind
	// that takes as much as there is (Bytes is 0); at most one kind has it.
	Fit func(p params.Params, room int) params.Params
	// Fits reports whether a frame of that size surely fits into a memory with these
	// parameters, so that what Fit has set plays no part in what is found; asked of a kind
	// that has Fit.
	Fits func(p params.Params, f FrameSize) bool
	// Reads names the analyses whose results the step reads in the same frame; nil:
	// none. When one of them changes, the step starts afresh too.
	Reads func(params.Params) []string
	// Sense says what makes valid parameters useless, joined as Validate's; nil: nothing
	// does. It is asked where a configuration is read and not of a recorded one, which
	// goes on as it was.
	Sense func(params.Params) error
	// Shapes are the lines and zones of which the step's events tell, for pictures that
	// explain them; nil: it has none.
	Shapes func(params.Params) []geometry.Shape
	// Make makes the step of valid parameters. name is "kind", or "kind/rule".
	Make func(name string, p params.Params) (Step, error)
	// When makes the step that runs an analysis of a frame on its own on some frames, by
	// valid parameters; of the kind [WhenName] alone, which has no Make.
	When func(a analysis.Analysis, p params.Params) (Step, error)
}

// WhenName is the name of the kind that runs analyses of a frame on its own; no
// configuration has it as an analysis.
const WhenName = "when"

// Describe is the kind as configurations know it.
func (k Kind) Describe() params.Kind { return k.Kind }

var kinds params.Registry[Kind]

// Register makes a kind of step known; call it in init of the step's own file.
func Register(k Kind) { kinds.Add(k) }

// Kinds are all that are registered, by name, but for [WhenName].
func Kinds() []Kind {
	return slices.DeleteFunc(kinds.All(), func(k Kind) bool { return k.Name == WhenName })
}

// KindOf is the kind of a spec's step.
func KindOf(s params.Spec) (Kind, error) {
	if s.When != nil {
		return kinds.Get(WhenName)
	}
	return kinds.Get(s.Kind)
}

// Make makes the step that a spec describes, with its schedules.
func Make(s params.Spec) (Step, error) {
	k, err := KindOf(s)
	if err != nil {
		return nil, err
	}
	if s.When != nil {
		p, err := k.Check(s.When)
		if err != nil {
			return nil, fmt.Errorf("analysis %s: when: %w", s.Name, err)
		}
		a, err := analysis.Make(s)
		if err != nil {
			return nil, err
		}
		return k.When(a, p)
	}
	one := func(raw json.RawMessage) (Step, error) {
		p, err := k.Check(raw)
		if err != nil {
			return nil, fmt.Errorf("analysis %s: %w", s.Name, err)
		}
		step, err := k.Make(s.Name, p)
		if err != nil {
			return nil, fmt.Errorf("analysis %s: %w", s.Name, err)
		}
		return step, nil
	}
	if len(s.During) == 0 {
		return one(s.Params)
	}
	return newScheduled(s, one)
}

// FrameSize is how large a frame is.
type FrameSize struct {
	Width, Height int   // pixels
	Bytes         int64 // encoded
	Raw           bool  // not compressed
}

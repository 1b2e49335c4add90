package sequence

import (
	"encoding/json"
	"fmt"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// Stage is when in a frame a step runs: after those of the stages before, of
// which it may read the results.
type Stage int

const (
	// Finds: looks at pixels.
	Finds Stage = iota
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
}

// Describe is the kind as configurations know it.
func (k Kind) Describe() params.Kind { return k.Kind }

var kinds params.Registry[Kind]

// Register makes a kind of step known; call it in init of the step's own file.
func Register(k Kind) { kinds.Add(k) }

// Kinds are all that are registered, by name.
func Kinds() []Kind { return kinds.All() }

// Make makes the step that a spec describes, with its schedules.
func Make(s params.Spec) (Step, error) {
	k, err := kinds.Get(s.Kind)
	if err != nil {
		return nil, err
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

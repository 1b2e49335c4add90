// Package analysis says what an analysis of a frame on its own is, and knows those that
// there are, for the two stages that run them: the per-frame stage on every frame, the
// sequence stage on those on which it pays (see [params.Spec].When).
package analysis

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
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
	Analyse(in pixels.Input, out *result.PerFrame) error
}

// Regional is an Analysis that says how it looks at parts of pictures ([pixels.Part]).
type Regional interface {
	// Regions are how it is to be shown parts of a picture of that size: none smaller than
	// least, in pixels of the picture; and apart, or else all in one, since every look
	// costs as much as one at all of it.
	Regions(whole image.Point) (least image.Point, apart bool)
}

// Regions are those of the analysis; of one that does not say, a quarter of each side, in one.
func Regions(a Analysis, whole image.Point) (least image.Point, apart bool) {
	if r, ok := a.(Regional); ok {
		return r.Regions(whole)
	}
	return whole.Div(4), false
}

// Kind is a kind of per-frame analysis as configurations know it.
type Kind struct {
	params.Kind
	// Resolve completes parameters where a job is described with what depends on that
	// machine: the digests of files that they name. Complete ones it returns as they
	// are, without looking at anything. nil: nothing is to be completed.
	Resolve func(p params.Params) (params.Params, error)
	// Detects: it finds nothing but objects in their boxes, and may be made to look only when
	// something moves, and only there.
	Detects bool
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

// Get is the kind of that name.
func Get(name string) (Kind, error) { return kinds.Get(name) }

// complete is the parameters in raw, checked and complete.
func (k Kind) complete(raw json.RawMessage) (params.Params, error) {
	p, err := k.Check(raw)
	if err != nil || k.Resolve == nil {
		return p, err
	}
	return k.Resolve(p)
}

// Resolve completes the parameters of a spec where a job is described; the workers
// are to get what it returns. See [Kind].
func Resolve(s params.Spec) (params.Spec, error) {
	k, err := kinds.Get(s.Kind)
	if err != nil || k.Resolve == nil {
		return s, err
	}
	complete := func(off bool, raw *json.RawMessage) error {
		if off {
			return nil
		}
		p, err := k.complete(*raw)
		if err != nil {
			return fmt.Errorf("analysis %s: %w", s.Name, err)
		}
		if *raw, err = json.Marshal(p); err != nil {
			return fmt.Errorf("analysis %s: %w", s.Name, err)
		}
		return nil
	}
	s.During = slices.Clone(s.During)
	errs := []error{complete(s.Off, &s.Params)}
	for i := range s.During {
		errs = append(errs, complete(s.During[i].Off, &s.During[i].Params))
	}
	return s, errors.Join(errs...)
}

// Make makes the analysis that a spec describes, with its schedules.
func Make(s params.Spec) (Analysis, error) {
	k, err := kinds.Get(s.Kind)
	if err != nil {
		return nil, err
	}
	one := func(raw json.RawMessage) (Analysis, error) {
		p, err := k.complete(raw)
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

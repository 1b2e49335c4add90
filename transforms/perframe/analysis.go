// Package perframe turns records into frames and runs the analyses that look at
// one frame on its own. What cannot be read goes on as a dead letter.
package perframe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Analysis is one analysis of a frame on its own: a function of the frame and
// nothing else, without I/O, clock or randomness. It is used by one goroutine.
type Analysis interface {
	// Name is unique among the analyses, [a-z_]+, and part of the results.
	Name() string
	// Digest changes whenever the analysis could give another result for the same frame.
	Digest() string
	// Pixels is what the analysis asks of its input.
	Pixels() frame.Pixels
	// Analyse adds what it finds to out. A *[frame.Poison] is the frame's fault
	// and makes it a dead letter; any other error is a fault of the program.
	Analyse(in sequence.Input, out *result.PerFrame) error
}

var makers = map[string]func() Analysis{
	"quality": func() Analysis { return quality{} },
}

// New makes the analysis of that name: "quality".
func New(name string) (Analysis, error) {
	make, ok := makers[name]
	if !ok {
		return nil, fmt.Errorf("unknown per-frame analysis %q (known: %s)", name,
			strings.Join(slices.Sorted(maps.Keys(makers)), ", "))
	}
	return make(), nil
}

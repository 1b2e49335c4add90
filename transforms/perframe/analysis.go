// Package perframe turns records into frames and runs the analyses that look at
// one frame on its own. What cannot be read goes on as a dead letter.
package perframe

import (
	"github.com/framebeam/framebeam/transforms/analysis"
	"github.com/framebeam/framebeam/transforms/config/params"
)

// Analysis is one analysis of a frame on its own.
type Analysis = analysis.Analysis

// Kind is a kind of per-frame analysis as configurations know it.
type Kind = analysis.Kind

// Register makes a kind of analysis known; call it in init of the analysis' own file.
func Register(k Kind) { analysis.Register(k) }

// Kinds are all that are registered, by name.
func Kinds() []Kind { return analysis.Kinds() }

// Resolve completes the parameters of a spec where a job is described; the workers
// are to get what it returns. See [Kind].
func Resolve(s params.Spec) (params.Spec, error) { return analysis.Resolve(s) }

// Make makes the analysis that a spec describes, with its schedules.
func Make(s params.Spec) (Analysis, error) { return analysis.Make(s) }

// New makes the analysis of that name with its default parameters.
func New(name string) (Analysis, error) { return analysis.New(name) }

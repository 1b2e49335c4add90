// Package sequence runs the analyses that depend on the frame before: it takes
// each camera's runs in the order of the log, however the engine delivers them,
// and feeds every frame exactly once to each step.
package sequence

import (
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Step is one analysis in sequence: (state, frame) to (state, result), without
// I/O, clock or randomness. It is immutable configuration; what it remembers of
// a camera is a [Memory]. If it is an io.Closer it is closed, and may be used, and be closed,
// again. Usable without Beam: see the package example.
type Step interface {
	// Name is unique among the steps, [a-z_]+, and part of results and states.
	Name() string
	// Digest changes whenever the step could give another result for the same
	// frames: its algorithm's version and its effective parameters.
	Digest() string
	// Pixels is what the step asks of Input.
	Pixels() frame.Pixels
	// Start returns the memory of a camera never seen.
	Start() Memory
	// Restore is the inverse of Memory.Save.
	Restore(saved []byte) (Memory, error)
}

// Memory is what one step remembers of one camera. It is used by one goroutine.
type Memory interface {
	// Next analyses the camera's next frame and adds what it found to out. Capture
	// times may go back: clocks are corrected, and local time ends its summer.
	// An error is a fault of the program, not of the frame.
	Next(in pixels.Input, out *result.Frame) error
	// Break tells that the stretch of frames was interrupted before the next one.
	Break(b Break)
	// Save encodes the memory so that Restore gives one that continues exactly
	// alike. The encoding starts with a version byte.
	Save() []byte
	// Close releases what the memory holds outside Go (Mats).
	Close()
}

// Break is an interruption between two frames of a camera.
type Break uint8

const (
	// NewEpoch: the camera was opened anew.
	NewEpoch Break = iota
	// Missing: sequence numbers are missing.
	Missing
	// Silence: more time passed between two frames than the configured gap.
	Silence
)

// Package steps has the analyses in sequence, those that depend on the frame before.
// Each is a [sequence.Step] that registers itself; whoever needs them all imports the
// package for that alone. They find (motion, background, health, cuts), look (when, which
// runs detectors where something moves), follow
// (tracking) or judge (activity, zones, lines).
//
// NAME.go says what an analysis does and how it is configured; NAME_memory.go what it
// remembers of a camera, and does with its next frame. Where that is more than a page,
// NAME_saved.go encodes the memory, and other files that begin with the name have the
// parts of the algorithm.
package steps

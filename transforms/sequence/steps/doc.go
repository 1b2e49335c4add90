// Package steps has the analyses in sequence, those that depend on the frame before.
// Each is a [sequence.Step] that registers itself; whoever needs them all imports the
// package for that alone. They find (motion, background, health, cuts), follow
// (tracking) or judge (activity, zones, lines).
//
// An analysis NAME is told in NAME.go, as far as it can be configured; what it
// remembers of a camera, and does with its next frame, in NAME_memory.go; and how that
// is saved in NAME_saved.go, where it takes more than a page.
package steps

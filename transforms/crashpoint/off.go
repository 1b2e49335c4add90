//go:build !crashpoints

package crashpoint

// Enabled tells whether this build has crash points, for points that must look
// something up first.
const Enabled = false

// At is reached at the named point.
func At(string) {}

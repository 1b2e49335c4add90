//go:build crashpoints

package crashpoint

func init() { Arm() }

//go:build matprofile

package collector

import (
	"testing"
	"time"

	"gocv.io/x/gocv"
)

// Run last by its name among the files: every Mat of the tests before it has
// been closed.
func TestZNoMatIsLeftOpen(t *testing.T) {
	for deadline := time.Now().Add(5 * time.Second); gocv.MatProfile.Count() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d Mats are open", gocv.MatProfile.Count())
		}
	}
}

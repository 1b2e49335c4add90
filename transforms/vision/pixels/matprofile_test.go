//go:build matprofile

package pixels_test

import (
	"os"
	"testing"

	"gocv.io/x/gocv"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if n := gocv.MatProfile.Count(); n != 0 {
		println(n, "Mats left open")
		gocv.MatProfile.WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}

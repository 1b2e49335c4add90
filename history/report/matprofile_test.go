//go:build matprofile

package report_test

import (
	"os"

	"gocv.io/x/gocv"
)

func init() {
	matsLeft = func() int {
		n := gocv.MatProfile.Count()
		if n != 0 {
			gocv.MatProfile.WriteTo(os.Stderr, 1)
		}
		return n
	}
}

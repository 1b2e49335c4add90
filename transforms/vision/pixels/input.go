package pixels

import (
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
)

// Input is one frame as an analysis sees it. The Mats belong to the caller: an analysis
// neither changes nor closes nor keeps them.
type Input interface {
	Frame() *frame.Frame
	// Gray is the frame as 8-bit gray, decoded straight from JPEG.
	Gray() (gocv.Mat, error)
	// Color is the frame as 8-bit BGR.
	Color() (gocv.Mat, error)
}

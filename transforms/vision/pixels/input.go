package pixels

import (
	"image"

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

// Part is an input that is a part of a picture. What is found in it lies in its pixels.
type Part interface {
	Input
	// Whole is the picture's size.
	Whole() image.Point
}

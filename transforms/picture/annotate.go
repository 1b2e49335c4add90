// Package picture shows results as pictures: frames with boxes around what was
// found in them, packed per chunk, and contact sheets per camera.
//
// Pictures are a view. They are made of the frames in the log (a Kafka topic or
// an archive) and the results, at any time, and equal input gives equal bytes.
package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/result"
)

// green is the original system's colour for what moved.
var green = color.RGBA{G: 255, A: 255}

// Annotate draws a green box around each detection of the row onto its frame,
// an 8-bit BGR picture. Lines are two pixels wide at 640 pixels and grow with
// the width.
func Annotate(bgr *gocv.Mat, row *result.Frame) {
	thickness := max(2, bgr.Cols()/320)
	for _, d := range row.Detections {
		// gocv draws to the far corner itself, which lies one pixel outside the box.
		box := image.Rect(int(d.X), int(d.Y), int(d.X+d.Width)-1, int(d.Y+d.Height)-1)
		gocv.RectangleWithParams(bgr, box, green, thickness, gocv.Line8, 0)
	}
}

func encodeJPEG(m gocv.Mat, quality int) ([]byte, error) {
	b, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, m, []int{gocv.IMWriteJpegQuality, quality})
	if err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	defer b.Close()
	return bytes.Clone(b.GetBytes()), nil
}

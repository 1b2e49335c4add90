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

// palette are the colours of tracks, by their ids.
var palette = []color.RGBA{
	{R: 230, G: 25, B: 75, A: 255}, {R: 255, G: 225, B: 25, A: 255}, {R: 0, G: 130, B: 200, A: 255}, {R: 245, G: 130, B: 48, A: 255},
	{R: 145, G: 30, B: 180, A: 255}, {R: 70, G: 240, B: 240, A: 255}, {R: 240, G: 50, B: 230, A: 255}, {R: 210, G: 245, B: 60, A: 255},
}

// Annotate draws a box around each detection of the row onto its frame, an 8-bit
// BGR picture: green, and for objects that are tracked in their track's colour and
// with its id, thin where the object is not seen. Lines are two pixels wide at 640
// pixels and grow with the width.
func Annotate(bgr *gocv.Mat, row *result.Frame) {
	thickness := max(2, bgr.Cols()/320)
	for _, d := range row.Detections {
		// gocv draws to the far corner itself, which lies one pixel outside the box.
		box := image.Rect(int(d.X), int(d.Y), int(d.X+d.Width)-1, int(d.Y+d.Height)-1)
		colour, width := green, thickness
		if d.Track != 0 {
			colour = palette[uint64(d.Track/1000+d.Track%1000)%uint64(len(palette))]
		}
		if d.State == "lost" {
			width = 1
		}
		gocv.RectangleWithParams(bgr, box, colour, width, gocv.Line8, 0)
		if d.Track != 0 {
			scale := float64(max(320, bgr.Cols())) / 1280
			at := image.Pt(box.Min.X, max(10, box.Min.Y-3))
			gocv.PutTextWithParams(bgr, fmt.Sprintf("%s %d", d.Label, d.Track), at, gocv.FontHersheySimplex, scale, colour, 1, gocv.Line8, false)
		}
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

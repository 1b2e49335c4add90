// Package picture shows results as pictures: frames with boxes around what was
// found in them and what explains the events, packed per chunk, and contact sheets per
// camera.
//
// Pictures are a view. They are made of the frames in the log (a Kafka topic or
// an archive) and the results, at any time, and equal input gives equal bytes.
package picture

import (
	"bytes"
	"fmt"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/result"
)

// Annotate draws a box around each detection of the row onto its frame, an 8-bit
// BGR picture: green, and for objects that are tracked in their track's colour and
// with its id, thin where the object is not seen. What was found where a tracked object
// is, is not drawn again. Lines are two pixels wide at 640 pixels and grow with the width.
func Annotate(bgr *gocv.Mat, row *result.Frame) {
	p := pen{bgr, max(2, bgr.Cols()/320)}
	for i := range row.Detections {
		d := &row.Detections[i]
		if d.Track == 0 && isTracked(d, row.Detections) {
			continue
		}
		width := p.width
		if d.State == lost {
			width = 1
		}
		p.box(d, width)
	}
}

const lost = "lost" // the state of a track that is not seen

// isTracked reports whether a box of no track shows what the box of a track shows: of the
// smaller of the two at least half lies in the other.
func isTracked(d *result.Detection, all []result.Detection) bool {
	for i := range all {
		t := &all[i]
		if t.Track == 0 || t.State == lost {
			continue
		}
		w := int64(min(d.X+d.Width, t.X+t.Width) - max(d.X, t.X))
		h := int64(min(d.Y+d.Height, t.Y+t.Height) - max(d.Y, t.Y))
		smaller := min(int64(d.Width)*int64(d.Height), int64(t.Width)*int64(t.Height))
		if w > 0 && h > 0 && 2*w*h >= smaller {
			return true
		}
	}
	return false
}

// EncodeJPEG is a picture as a JPEG of a quality, 1 to 100.
func EncodeJPEG(m gocv.Mat, quality int) ([]byte, error) {
	b, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, m, []int{gocv.IMWriteJpegQuality, quality})
	if err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	defer b.Close()
	return bytes.Clone(b.GetBytes()), nil
}

package capture

import (
	"fmt"
	"image"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
)

const jpegEncoding = frame.JPEG

// encoder resizes and encodes pictures, reusing its memory.
type encoder struct {
	size     image.Point // zero keeps the source's
	encoding frame.Encoding
	quality  int
	resized  gocv.Mat
}

func newEncoder(size image.Point, encoding frame.Encoding, quality int) *encoder {
	return &encoder{size: size, encoding: encoding, quality: quality, resized: gocv.NewMat()}
}

func (e *encoder) close() { e.resized.Close() }

// encode fills in f's size, channels and data, which is only there while use is
// called. The interpolation is INTER_CUBIC.
func (e *encoder) encode(img gocv.Mat, f *frame.Frame, use func() error) error {
	if img.Type() != gocv.MatTypeCV8UC3 {
		return fmt.Errorf("the source gives OpenCV type %v, not 8 bit BGR", img.Type())
	}
	if have := image.Pt(img.Cols(), img.Rows()); e.size != (image.Point{}) && have != e.size {
		gocv.Resize(img, &e.resized, e.size, 0, 0, gocv.InterpolationCubic)
		img = e.resized
	}
	if w, h := img.Cols(), img.Rows(); max(w, h) > frame.DefaultMaxSide || int64(w)*int64(h) > frame.DefaultMaxPixels {
		return fmt.Errorf("%d x %d pixels are more than any pipeline reads (%d, at most %d on a side): set resize", w, h, frame.DefaultMaxPixels, frame.DefaultMaxSide)
	}
	f.Width, f.Height, f.Encoding, f.Channels = img.Cols(), img.Rows(), e.encoding, 0
	defer func() { f.Data = nil }()

	var ext gocv.FileExt
	var params []int
	switch e.encoding {
	case frame.Raw:
		f.Channels = 3
		if !img.IsContinuous() {
			f.Data = img.ToBytes()
			return use()
		}
		var err error
		if f.Data, err = img.DataPtrUint8(); err != nil {
			return fmt.Errorf("encode %s: %w", e.encoding, err)
		}
		return use()
	case frame.PNG:
		// Level 1 is OpenCV's own default, given so that it stays: higher ones
		// cost several times the time for a few per cent.
		ext, params = gocv.PNGFileExt, []int{gocv.IMWritePngCompression, 1}
	default:
		ext, params = gocv.JPEGFileExt, []int{gocv.IMWriteJpegQuality, e.quality}
	}
	buf, err := gocv.IMEncodeWithParams(ext, img, params)
	if err != nil {
		return fmt.Errorf("encode %s: %w", e.encoding, err)
	}
	defer buf.Close()
	if buf.Len() == 0 {
		return fmt.Errorf("encode %s: OpenCV gives nothing", e.encoding)
	}
	f.Data = buf.GetBytes()
	return use()
}

package capture

import (
	"fmt"
	"image"
	"runtime"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/capture/report"
	"github.com/framebeam/framebeam/transforms/frame"
)

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

// encode fills in the size, channels and data of a frame of a checked picture. The
// data is there until free is called, the picture is unchanged, and nothing else is
// encoded. The interpolation is INTER_CUBIC.
func (e *encoder) encode(img gocv.Mat, f *report.Frame) (free func(), err error) {
	if have := image.Pt(img.Cols(), img.Rows()); e.size != (image.Point{}) && have != e.size {
		gocv.Resize(img, &e.resized, e.size, 0, 0, gocv.InterpolationCubic)
		img = e.resized
	}
	f.Width, f.Height, f.Channels = img.Cols(), img.Rows(), 0

	var ext gocv.FileExt
	var params []int
	switch e.encoding {
	case frame.Raw:
		f.Channels = 3
		if !img.IsContinuous() {
			f.Data = img.ToBytes()
			return func() {}, nil
		}
		if f.Data, err = img.DataPtrUint8(); err != nil {
			return nil, fmt.Errorf("encode %s: %w", e.encoding, err)
		}
		return func() {}, nil
	case frame.PNG:
		// Level 1 is OpenCV's own default, given so that it stays: higher ones
		// cost several times the time for a few per cent.
		ext, params = gocv.PNGFileExt, []int{gocv.IMWritePngCompression, 1}
	default:
		ext, params = gocv.JPEGFileExt, []int{gocv.IMWriteJpegQuality, e.quality}
	}
	buf, err := gocv.IMEncodeWithParams(ext, img, params)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.encoding, err)
	}
	if buf.Len() == 0 {
		buf.Close()
		return nil, fmt.Errorf("encode %s: OpenCV gives nothing", e.encoding)
	}
	f.Data = buf.GetBytes()
	return buf.Close, nil
}

// checkPicture says what is wrong with a picture that cannot be a frame of a size, or of
// its own if that is zero.
func checkPicture(img gocv.Mat, size image.Point) error {
	if img.Type() != gocv.MatTypeCV8UC3 {
		return fmt.Errorf("the source gives OpenCV type %v, not 8 bit BGR", img.Type())
	}
	if size == (image.Point{}) {
		size = image.Pt(img.Cols(), img.Rows())
	}
	if w, h := size.X, size.Y; max(w, h) > frame.DefaultMaxSide || int64(w)*int64(h) > frame.DefaultMaxPixels {
		return fmt.Errorf("%d x %d pixels are more than any pipeline reads (%d, at most %d on a side): set resize", w, h, frame.DefaultMaxPixels, frame.DefaultMaxSide)
	}
	return nil
}

// encoders encode several pictures at the same time.
type encoders struct {
	size image.Point // of all
	free chan *encoder
}

// encodersAtOnce is how many pictures of a source are encoded at the same time: about
// as many as are decoded meanwhile.
var encodersAtOnce = min(runtime.NumCPU(), 4)

func newEncoders(size image.Point, encoding frame.Encoding, quality int) *encoders {
	e := &encoders{size: size, free: make(chan *encoder, encodersAtOnce)}
	for range encodersAtOnce {
		e.free <- newEncoder(size, encoding, quality)
	}
	return e
}

// close waits until nothing is encoded any more.
func (e *encoders) close() {
	for range encodersAtOnce {
		(<-e.free).close()
	}
}

// post sends a frame of a picture. after is called when the picture is no longer
// needed, whatever the error.
func (e *encoders) post(out *outbox, f *report.Frame, img gocv.Mat, after func()) error {
	if err := checkPicture(img, e.size); err != nil {
		after()
		return err
	}
	enc := <-e.free
	free := func() {}
	return out.postLater(f, func() error {
		begun := time.Now()
		freeData, err := enc.encode(img, f)
		f.Encode = time.Since(begun)
		if err == nil {
			free = freeData
		}
		return err
	}, func() {
		f.Data = nil
		free()
		e.free <- enc
		after()
	})
}

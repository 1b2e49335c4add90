package pixels

import (
	"bytes"
	"fmt"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
)

// Gray decodes the frame to 8-bit gray of exactly f.Width x f.Height. A JPEG
// gives its luma directly, at a quarter of the price of colour; PNG and raw
// pixels are converted as OpenCV's cvtColor does. The caller closes the Mat.
//
// The error is a *[frame.Poison]: ReasonNotImage when it cannot be decoded,
// ReasonBadSize when it turns out to have another size than its header said.
// The frame must come from [frame.Parser.Parse], which checks the header.
func Gray(f *frame.Frame) (gocv.Mat, error) { return decodeFrame(f, true) }

// Color decodes the frame to 8-bit BGR of exactly f.Width x f.Height: 16-bit
// channels keep their high byte and alpha is dropped. Otherwise as [Gray].
func Color(f *frame.Frame) (gocv.Mat, error) { return decodeFrame(f, false) }

// The first bytes of what may reach a decoder: OpenCV would also try a dozen
// other formats, whose decoders have a worse record.
var (
	jpegMagic = []byte{0xff, 0xd8, 0xff}
	pngMagic  = []byte{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}
)

func decodeFrame(f *frame.Frame, gray bool) (gocv.Mat, error) {
	if f.Width <= 0 || f.Height <= 0 {
		return gocv.Mat{}, &frame.Poison{Reason: frame.ReasonBadSize, Detail: fmt.Sprintf("%dx%d pixels", f.Width, f.Height)}
	}
	dst := gocv.NewMat()
	if err := decodeInto(f, gray, &dst); err != nil {
		dst.Close()
		return gocv.Mat{}, err
	}
	return dst, nil
}

func decodeInto(f *frame.Frame, gray bool, dst *gocv.Mat) error {
	var msg string
	var ok bool
	switch {
	case f.Encoding == frame.Raw:
		if f.Channels != 1 && f.Channels != 3 || len(f.Data) != f.Width*f.Height*f.Channels {
			return &frame.Poison{Reason: frame.ReasonBadSize,
				Detail: fmt.Sprintf("%d bytes for %dx%d pixels of %d channels", len(f.Data), f.Width, f.Height, f.Channels)}
		}
		msg, ok = raw(f.Data, f.Channels, gray, f.Width, f.Height, dst)
	case f.Encoding == frame.JPEG && bytes.HasPrefix(f.Data, jpegMagic):
		msg, ok = decode(f.Data, false, gray, f.Width, f.Height, dst)
	case f.Encoding == frame.PNG && bytes.HasPrefix(f.Data, pngMagic):
		msg, ok = decode(essential(f.Data), true, gray, f.Width, f.Height, dst)
	default:
		return &frame.Poison{Reason: frame.ReasonNotImage, Detail: "does not begin as " + string(f.Encoding)}
	}
	switch {
	case !ok:
		return &frame.Poison{Reason: frame.ReasonNotImage, Detail: "OpenCV: " + cut(msg, 180)}
	case dst.Empty():
		return &frame.Poison{Reason: frame.ReasonNotImage, Detail: "OpenCV cannot decode it as " + string(f.Encoding)}
	case dst.Cols() != f.Width || dst.Rows() != f.Height:
		return &frame.Poison{Reason: frame.ReasonBadSize,
			Detail: fmt.Sprintf("the header says %dx%d, the picture is %dx%d", f.Width, f.Height, dst.Cols(), dst.Rows())}
	}
	return nil
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

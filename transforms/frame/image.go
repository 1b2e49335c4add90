package frame

import (
	"bytes"
	"encoding/binary"
)

// limits bound what a decoder would have to allocate.
type limits struct {
	pixels int64
	side   int
}

var defaultLimits = limits{DefaultMaxPixels, DefaultMaxSide}

// check wants a width and a height of at least 1 and at most 32 bits.
func (l limits) check(width, height int) *Poison {
	if width > l.side || height > l.side || int64(width)*int64(height) > l.pixels {
		return poisonf(ReasonTooLarge, "%d x %d pixels are more than %d in all or %d on a side", width, height, l.pixels, l.side)
	}
	return nil
}

// CheckImage finds an image's encoding (JPEG or PNG, by its first bytes), its
// size in pixels, and whether it is all there, without decoding it. Limits are
// the defaults of [ParseOptions]. The error is always a [*Poison].
//
// Images must be checked before OpenCV sees them: its decoders leave the missing
// part of a truncated JPEG as that memory was, which may be a picture of another
// camera, and allocate whatever the header claims.
//
// It is also bounded what a decoder does for a picture of its size: see jpegFrame.scan
// and checkExcess.
//
// A JPEG is walked as libjpeg walks it, marker by marker (ITU-T T.81, annex B),
// a PNG chunk by chunk (ISO/IEC 15948). Bytes after the end are tolerated.
func CheckImage(data []byte) (enc Encoding, width, height int, err error) {
	enc, width, height, poison := checkImage(data, defaultLimits)
	if poison != nil {
		return "", 0, 0, poison
	}
	return enc, width, height, nil
}

var pngSignature = []byte("\x89PNG\r\n\x1a\n")

func checkImage(data []byte, l limits) (enc Encoding, width, height int, p *Poison) {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, soi, 0xff}):
		width, height, p = checkJPEG(data, l)
		return JPEG, width, height, p
	case bytes.HasPrefix(data, pngSignature):
		width, height, p = checkPNG(data, l)
		return PNG, width, height, p
	case len(data) == 0:
		return "", 0, 0, poisonf(ReasonEmpty, "no bytes")
	}
	return "", 0, 0, poisonf(ReasonNotImage, "begins with % x, neither JPEG nor PNG", data[:min(len(data), 8)])
}

// JPEG markers, the byte after 0xff.
const (
	tem  = 0x01
	sof0 = 0xc0 // baseline
	sof2 = 0xc2 // progressive; sof1 between them is extended sequential
	dht  = 0xc4
	jpg  = 0xc8
	dac  = 0xcc
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
)

func checkJPEG(data []byte, l limits) (width, height int, p *Poison) {
	var f jpegFrame
	for pos := 2; ; {
		// Between segments, and through the entropy-coded data after SOS in
		// which 0xff is always followed by 0: like libjpeg, on to the next marker.
		i := bytes.IndexByte(data[pos:], 0xff)
		if i < 0 || pos+i+1 >= len(data) {
			return 0, 0, poisonf(ReasonTruncated, "the JPEG ends before its end mark")
		}
		pos += i + 1
		marker := data[pos]
		switch {
		case marker == 0xff: // a fill byte: the marker is still to come
			continue
		case marker == 0, marker == tem, rst0 <= marker && marker <= rst7:
			pos++
			continue
		case marker == soi:
			return 0, 0, poisonf(ReasonNotImage, "the JPEG begins anew at byte %d", pos)
		case marker == eoi:
			if f.work == 0 {
				return 0, 0, poisonf(ReasonNotImage, "the JPEG has no scan")
			}
			return f.width, f.height, nil
		}
		pos++
		if len(data)-pos < 2 {
			return 0, 0, poisonf(ReasonTruncated, "the JPEG ends in a segment")
		}
		n := int(binary.BigEndian.Uint16(data[pos:]))
		if n < 2 {
			return 0, 0, poisonf(ReasonNotImage, "JPEG segment 0x%x has length %d", marker, n)
		}
		if n > len(data)-pos {
			return 0, 0, poisonf(ReasonTruncated, "the JPEG ends in a segment")
		}
		segment := data[pos+2 : pos+n]
		pos += n
		switch {
		case marker == sos:
			if f.width == 0 {
				return 0, 0, poisonf(ReasonNotImage, "the JPEG's scan comes before its size")
			}
			if p = f.scan(segment); p != nil {
				return 0, 0, p
			}
		case sof0 <= marker && marker <= sof2:
			if f.width != 0 {
				return 0, 0, poisonf(ReasonNotImage, "the JPEG says its size twice")
			}
			if f, p = readSOF(segment); p != nil {
				return 0, 0, p
			}
			if p = l.check(f.width, f.height); p != nil {
				return 0, 0, p
			}
		case sof0 < marker && marker < rst0 && marker != dht && marker != jpg && marker != dac:
			return 0, 0, poisonf(ReasonNotImage, "JPEG process 0x%x is neither baseline nor progressive", marker)
		}
	}
}

// readSOF reads a frame header (T.81, B.2.2).
func readSOF(s []byte) (f jpegFrame, p *Poison) {
	if len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return f, poisonf(ReasonNotImage, "the JPEG's frame header has %d bytes", len(s))
	}
	if n := s[5]; s[0] != 8 || n != 1 && n != 3 && n != 4 {
		return f, poisonf(ReasonNotImage, "a JPEG of %d components of %d bits", n, s[0])
	}
	f.height, f.width = int(binary.BigEndian.Uint16(s[1:])), int(binary.BigEndian.Uint16(s[3:]))
	if f.width == 0 || f.height == 0 {
		return f, poisonf(ReasonNotImage, "a JPEG of %d x %d pixels", f.width, f.height)
	}
	for c := s[6:]; len(c) > 0; c = c[3:] {
		f.components = append(f.components, jpegComponent{c[0], int(c[1] >> 4), int(c[1] & 15)})
	}
	return f, nil
}

func checkPNG(data []byte, l limits) (width, height int, p *Poison) {
	var header []byte
	var pixels [][]byte
	for pos := len(pngSignature); ; {
		const head, crc = 8, 4
		if len(data)-pos < head {
			return 0, 0, poisonf(ReasonTruncated, "the PNG ends before its last chunk")
		}
		n := binary.BigEndian.Uint32(data[pos:])
		name := string(data[pos+4 : pos+head])
		if n > 1<<31-1 {
			return 0, 0, poisonf(ReasonNotImage, "PNG chunk %q has length %d", name, n)
		}
		pos += head
		// The size is looked at before the rest, so that a header that claims too
		// much is called so even when nothing follows it.
		if width == 0 {
			if name != "IHDR" || n != 13 {
				return 0, 0, poisonf(ReasonNotImage, "the PNG begins with chunk %q of length %d", name, n)
			}
			if len(data)-pos < int(n) {
				return 0, 0, poisonf(ReasonTruncated, "the PNG ends in its header")
			}
			header = data[pos : pos+int(n)]
			if width, height, p = readIHDR(header); p != nil {
				return 0, 0, p
			}
			if p = l.check(width, height); p != nil {
				return 0, 0, p
			}
		} else if name == "IHDR" {
			return 0, 0, poisonf(ReasonNotImage, "the PNG says its size twice")
		}
		if int64(len(data)-pos) < int64(n)+crc {
			return 0, 0, poisonf(ReasonTruncated, "the PNG ends in chunk %q", name)
		}
		body := data[pos : pos+int(n)]
		pos += int(n) + crc
		switch name {
		case "IDAT":
			pixels = append(pixels, body)
		case "IEND":
			if pixels == nil {
				return 0, 0, poisonf(ReasonNotImage, "the PNG has no pixels")
			}
			if p = checkExcess(header, pixels); p != nil {
				return 0, 0, p
			}
			return width, height, nil
		}
	}
}

// readIHDR reads an image header (ISO/IEC 15948, 11.2.2). Depth and colour type
// are left to the decoder.
func readIHDR(s []byte) (width, height int, p *Poison) {
	w, h := binary.BigEndian.Uint32(s), binary.BigEndian.Uint32(s[4:])
	if w == 0 || h == 0 || w > 1<<31-1 || h > 1<<31-1 {
		return 0, 0, poisonf(ReasonNotImage, "a PNG of %d x %d pixels", w, h)
	}
	return int(w), int(h), nil
}

package frame

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type imageCase struct {
	name   string
	data   []byte
	enc    Encoding
	width  int
	height int
	reason Reason // "" means that it is whole
}

// progressive is a progressive JPEG of 24 x 16 pixels, which Go cannot write.
var progressive = func() []byte {
	b, err := base64.StdEncoding.DecodeString(progressive64)
	if err != nil {
		panic(err)
	}
	return b
}()

func imageCases() []imageCase {
	// segment is a JPEG marker with its length and body.
	segment := func(marker byte, body ...byte) []byte {
		b := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2))
		return append(b, body...)
	}
	chunk := func(name string, body ...byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		b = append(append(b, name...), body...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	sofAt := bytes.Index(jpg48, []byte{0xff, 0xc0})
	sofLen := 2 + int(binary.BigEndian.Uint16(jpg48[sofAt+2:]))
	sosAt := bytes.Index(jpg48, []byte{0xff, 0xda})
	changed := func(b []byte, at int, to ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], to)
		return b
	}
	thumbnail := slices.Concat(jpg48[:2], segment(0xe1, append([]byte("Exif\x00\x00"), jpegOf(8, 8)...)...), jpg48[2:])
	return []imageCase{
		{"a baseline JPEG", jpg48, JPEG, 48, 32, ""},
		{"a progressive JPEG of many scans", progressive, JPEG, 24, 16, ""},
		{"a JPEG with a JPEG inside as thumbnail", thumbnail, JPEG, 48, 32, ""},
		{"a JPEG with bytes after its end", append(bytes.Clone(jpg48), "camera firmware 1.2"...), JPEG, 48, 32, ""},
		{"a JPEG with fill bytes and garbage between segments", slices.Concat(jpg48[:sosAt], []byte{0, 1, 0xff, 0xff}, jpg48[sosAt:]), JPEG, 48, 32, ""},
		{"a JPEG of one pixel", jpegOf(1, 1), JPEG, 1, 1, ""},
		{"a JPEG of the longest side", changed(jpegOf(1, 1), sofAtOf(jpegOf(1, 1))+5, 0x00, 0x01, 0x40, 0x00), JPEG, 16384, 1, ""},
		{"a JPEG with a side too long by one", changed(jpegOf(1, 1), sofAtOf(jpegOf(1, 1))+5, 0x00, 0x01, 0x40, 0x01), "", 0, 0, ReasonTooLarge},
		{"a JPEG of 30,000 x 30,000", hugeJPEG(), "", 0, 0, ReasonTooLarge},
		{"a JPEG of 30,000 x 30,000 that ends after its header", hugeJPEG()[:sofAt+sofLen], "", 0, 0, ReasonTooLarge},
		{"a JPEG without its end mark", jpg48[:len(jpg48)-2], "", 0, 0, ReasonTruncated},
		{"a JPEG with half its end mark", jpg48[:len(jpg48)-1], "", 0, 0, ReasonTruncated},
		{"a JPEG that ends in its scan", jpg48[:sosAt+40], "", 0, 0, ReasonTruncated},
		{"a JPEG that ends in its scan, with the end mark in a later comment", slices.Concat(jpg48[:sosAt+40], segment(0xfe, 0xff, 0xd9)), "", 0, 0, ReasonTruncated},
		{"a JPEG that ends with its thumbnail", thumbnail[:bytes.LastIndex(thumbnail, []byte{0xff, 0xdb})], "", 0, 0, ReasonTruncated},
		{"a JPEG that ends before its scan", jpg48[:sosAt], "", 0, 0, ReasonTruncated},
		{"a JPEG that ends in a length", jpg48[:sofAt+3], "", 0, 0, ReasonTruncated},
		{"a JPEG of three bytes", jpg48[:3], "", 0, 0, ReasonTruncated},
		{"a JPEG of two bytes", jpg48[:2], "", 0, 0, ReasonNotImage},
		{"a JPEG without a scan", slices.Concat(jpg48[:sosAt], []byte{0xff, 0xd9}), "", 0, 0, ReasonNotImage},
		{"a JPEG without its size", slices.Concat(jpg48[:sofAt], jpg48[sofAt+sofLen:]), "", 0, 0, ReasonNotImage},
		{"a JPEG with two sizes", slices.Concat(jpg48[:sofAt], jpg48[sofAt:sofAt+sofLen], jpg48[sofAt:]), "", 0, 0, ReasonNotImage},
		{"a JPEG in a JPEG's scan", slices.Concat(jpg48[:sosAt+40], jpg48), "", 0, 0, ReasonNotImage},
		{"a JPEG without height", changed(jpg48, sofAt+5, 0, 0), "", 0, 0, ReasonNotImage},
		{"a JPEG without width", changed(jpg48, sofAt+7, 0, 0), "", 0, 0, ReasonNotImage},
		{"a JPEG of 12 bits", changed(jpg48, sofAt+4, 12), "", 0, 0, ReasonNotImage},
		{"a JPEG whose frame header is too short", changed(jpg48, sofAt+9, 4), "", 0, 0, ReasonNotImage},
		{"a lossless JPEG", changed(jpg48, sofAt+1, 0xc3), "", 0, 0, ReasonNotImage},
		{"an arithmetic JPEG", changed(jpg48, sofAt+1, 0xc9), "", 0, 0, ReasonNotImage},
		{"a JPEG segment of length 1", changed(jpg48, sofAt+2, 0, 1), "", 0, 0, ReasonNotImage},

		{"a PNG", png48, PNG, 48, 32, ""},
		{"a PNG of one pixel", pngOf(1, 1), PNG, 1, 1, ""},
		{"a PNG with bytes after its end", append(bytes.Clone(png48), 1, 2, 3), PNG, 48, 32, ""},
		{"a PNG with an unknown chunk", slices.Concat(png48[:33], chunk("tEXt", 1, 2), png48[33:]), PNG, 48, 32, ""},
		{"a PNG of 30,000 x 30,000 that ends after its header", hugePNG(), "", 0, 0, ReasonTooLarge},
		{"a PNG of 2^31 pixels", changed(png48, 16, 0x80), "", 0, 0, ReasonNotImage},
		{"a PNG without width", changed(png48, 16, 0, 0, 0, 0), "", 0, 0, ReasonNotImage},
		{"a PNG without its last chunk", png48[:len(png48)-12], "", 0, 0, ReasonTruncated},
		{"a PNG without its last byte", png48[:len(png48)-1], "", 0, 0, ReasonTruncated},
		{"a PNG that ends in its pixels", png48[:60], "", 0, 0, ReasonTruncated},
		{"a PNG that ends in its header", png48[:20], "", 0, 0, ReasonTruncated},
		{"a PNG that is a signature", png48[:8], "", 0, 0, ReasonTruncated},
		{"a PNG chunk of 2^31 bytes", changed(png48, 33, 0x80), "", 0, 0, ReasonNotImage},
		{"a PNG chunk of 2^31-1 bytes", changed(png48, 33, 0x7f, 0xff, 0xff, 0xff), "", 0, 0, ReasonTruncated},
		{"a PNG that begins with its pixels", slices.Concat(png48[:8], png48[33:]), "", 0, 0, ReasonNotImage},
		{"a PNG with two headers", slices.Concat(png48[:33], png48[8:]), "", 0, 0, ReasonNotImage},
		{"a PNG without pixels", slices.Concat(png48[:33], chunk("IEND")), "", 0, 0, ReasonNotImage},

		{"nothing", nil, "", 0, 0, ReasonEmpty},
		{"a GIF", []byte("GIF89a\x01\x00\x01\x00"), "", 0, 0, ReasonNotImage},
		{"a BMP", []byte("BM\x00\x00"), "", 0, 0, ReasonNotImage},
		{"text", []byte("x"), "", 0, 0, ReasonNotImage},
	}
}

func sofAtOf(jpg []byte) int { return bytes.Index(jpg, []byte{0xff, 0xc0}) }

func TestCheckImage(t *testing.T) {
	for _, c := range imageCases() {
		t.Run(c.name, func(t *testing.T) {
			enc, width, height, err := CheckImage(c.data)
			if enc != c.enc || width != c.width || height != c.height {
				t.Errorf("got %q %d x %d, want %q %d x %d", enc, width, height, c.enc, c.width, c.height)
			}
			var p *Poison
			if errors.As(err, &p); c.reason == "" && err != nil || c.reason != "" && (p == nil || p.Reason != c.reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

// An image that lacks its end is never taken for a whole one.
func TestCheckImage_anyTruncation(t *testing.T) {
	for name, whole := range map[string][]byte{"baseline": jpg48, "progressive": progressive, "PNG": png48} {
		for n := range whole {
			if _, _, _, err := CheckImage(whole[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for the image", name, n, len(whole))
			}
		}
	}
}

func TestCheckImage_agreesWithTheEncoder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 70).Draw(t, "width"), rapid.IntRange(1, 70).Draw(t, "height")
		data, want := jpegOf(width, height), JPEG
		if rapid.Bool().Draw(t, "png") {
			data, want = pngOf(width, height), PNG
		}
		enc, w, h, err := CheckImage(data)
		if err != nil || enc != want || w != width || h != height {
			t.Fatalf("got %q %d x %d %v, want %q %d x %d", enc, w, h, err, want, width, height)
		}
	})
}

// FuzzCheckImage: whatever the bytes, there is no panic; the error is a Poison
// and nothing else is said besides it; what is whole stays whole, and the same,
// when bytes follow; and Go's decoder finds the same size, if it finds one.
func FuzzCheckImage(f *testing.F) {
	for _, c := range imageCases() {
		f.Add(c.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		enc, width, height, err := CheckImage(data)
		if err != nil {
			var p *Poison
			if !errors.As(err, &p) || enc != "" || width != 0 || height != 0 {
				t.Fatalf("%q %d x %d besides %v", enc, width, height, err)
			}
			return
		}
		if defaultLimits.check(width, height) != nil || width < 1 || height < 1 {
			t.Fatalf("%d x %d pixels", width, height)
		}
		enc2, width2, height2, err := CheckImage(append(bytes.Clone(data), 0xff, 0xd8, 0))
		if err != nil || enc2 != enc || width2 != width || height2 != height {
			t.Fatalf("%q %d x %d, with bytes after it %q %d x %d %v", enc, width, height, enc2, width2, height2, err)
		}
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && (c.Width != width || c.Height != height) {
			t.Fatalf("%d x %d pixels, Go's decoder finds %d x %d", width, height, c.Width, c.Height)
		}
	})
}

package frame

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func pngChunk(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, name...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// noisyPNG cannot be packed: its pixels are more than maxExcess.
func noisyPNG(side int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range m.Pix {
		m.Pix[i] = byte(r.UintN(256)) | byte(i%4/3*255)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestAPNGWithPackedBytesAfterItsLastPixelIsADeadLetterBeforeItIsDecoded(t *testing.T) {
	packed := func(zeros int) []byte {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		if _, err := io.CopyN(z, zeroes{}, int64(zeros)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	bomb := packed(200 << 20)
	ihdr := func(width, height uint32, rest ...byte) []byte {
		return pngChunk("IHDR", append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height), rest...))
	}
	var tiny []byte // the same in chunks of seven bytes
	for b := range slices.Chunk(bomb, 7) {
		tiny = append(tiny, pngChunk("IDAT", b)...)
	}
	of := func(chunks ...[]byte) []byte {
		return slices.Concat(pngSignature, slices.Concat(chunks...), pngChunk("IEND", nil))
	}
	for _, c := range []struct {
		name      string
		data      []byte
		tolerated bool
	}{
		{"a picture of 8 x 8 pixels and 200 MB of nothing", of(ihdr(8, 8, 8, 2, 0, 0, 0), pngChunk("IDAT", bomb)), false},
		{"the same in 30,000 chunks", of(ihdr(8, 8, 8, 2, 0, 0, 0), tiny), false},
		{"the same, interlaced", of(ihdr(8, 8, 8, 2, 0, 0, 1), pngChunk("IDAT", bomb)), false},
		{"a picture that takes all of it", of(ihdr(8192, 8192, 8, 2, 0, 0, 0), pngChunk("IDAT", bomb)), true},
		{"a picture that cannot be packed", noisyPNG(300), true},
		{"a picture that breaks off", of(ihdr(16, 16, 8, 2, 0, 0, 0), pngChunk("IDAT", bytes.Repeat([]byte{0xff}, 2*maxExcess))), true},
		{"a few bytes too many", of(ihdr(8, 8, 8, 2, 0, 0, 0), pngChunk("IDAT", packed(1<<20))), true},
	} {
		_, _, _, err := CheckImage(c.data)
		var p *Poison
		switch {
		case c.tolerated && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case !c.tolerated && (!errors.As(err, &p) || p.Reason != ReasonTooLarge):
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// The oracle is what the encoder packed.
func TestThePixelsOfAPNGAreAsManyBytesAsItsHeaderSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rect := image.Rect(0, 0, rapid.IntRange(1, 70).Draw(t, "width"), rapid.IntRange(1, 70).Draw(t, "height"))
		var palette color.Palette
		for i := range rapid.IntRange(1, 20).Draw(t, "colours") {
			palette = append(palette, color.Gray{uint8(i)})
		}
		m := rapid.SampledFrom([]image.Image{
			image.NewGray(rect), image.NewGray16(rect), image.NewNRGBA(rect), image.NewNRGBA64(rect), image.NewPaletted(rect, palette),
		}).Draw(t, "picture")
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		var idat []byte
		for data := b.Bytes()[8:]; len(data) > 0; {
			n := binary.BigEndian.Uint32(data)
			if string(data[4:8]) == "IDAT" {
				idat = append(idat, data[8:8+n]...)
			}
			data = data[12+n:]
		}
		z, err := zlib.NewReader(bytes.NewReader(idat))
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.Copy(io.Discard, z)
		if err != nil {
			t.Fatal(err)
		}
		if got := unpacked(b.Bytes()[16:29]); got != want {
			t.Fatalf("%d bytes, want %d", got, want)
		}
		interlaced := bytes.Clone(b.Bytes()[16:29])
		interlaced[12] = 1
		if got := unpacked(interlaced); got < want-int64(rect.Dy()) || got > 3*want+100 {
			t.Fatalf("interlaced %d bytes, else %d", got, want)
		}
	})
}

func BenchmarkCheckExcess(b *testing.B) {
	data := noisyPNG(554) // as many bytes as 640 x 480 pixels
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, _, _, err := CheckImage(data); err != nil {
			b.Fatal(err)
		}
	}
}

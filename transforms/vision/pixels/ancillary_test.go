package pixels

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/frame"
)

func pngChunk(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, name...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// smallPNG has a palette and something transparent, and is given in its chunks.
func smallPNG(t *testing.T) (chunks [][]byte) {
	m := image.NewPaletted(image.Rect(0, 0, 9, 7), color.Palette{color.NRGBA{200, 10, 20, 255}, color.NRGBA{1, 2, 250, 100}})
	for i := range m.Pix {
		m.Pix[i] = byte(i % 5 % 2)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	for data := b.Bytes()[8:]; len(data) > 0; {
		n := 12 + binary.BigEndian.Uint32(data)
		chunks, data = append(chunks, data[:n]), data[n:]
	}
	return chunks
}

func TestAncillaryChunksOfAPNGNeverReachTheDecoder(t *testing.T) {
	plain := smallPNG(t)
	var bomb bytes.Buffer
	z := zlib.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 7<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	join := func(chunks [][]byte) []byte { return append(slices.Clone(pngMagic), slices.Concat(chunks...)...) }
	want := essential(join(plain))
	if !bytes.Equal(want, join(plain)) {
		t.Fatal("a PNG with nothing to spare was changed")
	}
	f := frame.Frame{Width: 9, Height: 7, Encoding: frame.PNG, Data: want}
	m, err := Color(&f)
	if err != nil {
		t.Fatal(err)
	}
	wantPixels := m.ToBytes()
	m.Close()
	rapid.Check(t, func(t *rapid.T) {
		chunks := slices.Clone(plain)
		for range rapid.IntRange(0, 6).Draw(t, "chunks") {
			name := rapid.SampledFrom([]string{"zTXt", "iTXt", "iCCP", "tEXt", "gAMA", "eXIf", "acTL", "fcTL", "fdAT", "prVt"}).Draw(t, "name")
			body := slices.Concat([]byte("k\x00\x00"), bomb.Bytes())
			if name == "iTXt" {
				body = slices.Concat([]byte("k\x00\x01\x00\x00\x00"), bomb.Bytes())
			}
			if rapid.Bool().Draw(t, "nonsense") {
				body = rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body")
			}
			chunks = slices.Insert(chunks, rapid.IntRange(1, len(chunks)-1).Draw(t, "at"), pngChunk(name, body))
		}
		f := f
		f.Data = append(join(chunks), rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "after the end")...)
		if got := essential(f.Data); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes reach the decoder, want %d", len(got), len(want))
		}
		m, err := Color(&f)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if !bytes.Equal(m.ToBytes(), wantPixels) {
			t.Fatal("other pixels")
		}
	})
}

// A PNG whose pixels are not in one row of chunks is left to the decoder to refuse.
func TestNothingAfterThePixelsOfAPNGReachesTheDecoder(t *testing.T) {
	chunks := smallPNG(t)
	var head, pixels [][]byte
	for _, c := range chunks {
		switch name := string(c[4:8]); name {
		case "IDAT":
			pixels = append(pixels, c)
		case "IEND":
		default:
			head = append(head, c)
		}
	}
	want := slices.Concat(pngMagic, slices.Concat(head...), slices.Concat(pixels...), pngEnd)
	got := essential(slices.Concat(pngMagic, slices.Concat(head...), slices.Concat(pixels...), pngChunk("tEXt", []byte("k\x00v")), slices.Concat(pixels...), pngChunk("fdAT", nil), pngEnd))
	if !bytes.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

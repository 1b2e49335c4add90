package pixels_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// scene is a picture with edges, slopes and noise; the same for the same seed.
func scene(w, h int, seed uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(r.UintN(40)), 255}
			if (x/16+y/16)%3 == 0 {
				c.B = 200
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func toJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func toPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func bgr(m *image.RGBA) []byte {
	b := make([]byte, 0, 3*m.Rect.Dx()*m.Rect.Dy())
	for i := 0; i < len(m.Pix); i += 4 {
		b = append(b, m.Pix[i+2], m.Pix[i+1], m.Pix[i])
	}
	return b
}

// cvGray is what OpenCV's cvtColor makes of one pixel: 15-bit fixed point.
func cvGray(b, g, r uint8) uint8 {
	return uint8((int(b)*3735 + int(g)*19235 + int(r)*9798 + 1<<14) >> 15)
}

func values(t testing.TB, m gocv.Mat, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	return m.ToBytes()
}

func TestLosslessFramesDecodeToTheirPixels(t *testing.T) {
	const w, h = 37, 23
	m := scene(w, h, 1)
	want := bgr(m)
	gray := make([]byte, w*h)
	grayAsBGR := make([]byte, 0, 3*w*h)
	for i := range gray {
		gray[i] = cvGray(want[3*i], want[3*i+1], want[3*i+2])
		grayAsBGR = append(grayAsBGR, gray[i], gray[i], gray[i])
	}
	deep := image.NewNRGBA64(m.Rect)
	for y := range h {
		for x := range w {
			c := m.RGBAAt(x, y)
			deep.SetNRGBA64(x, y, color.NRGBA64{uint16(c.R)<<8 | 77, uint16(c.G)<<8 | 200, uint16(c.B)<<8 | 255, 0x1234})
		}
	}
	grayImage := &image.Gray{Pix: gray, Stride: w, Rect: m.Rect}
	for _, c := range []struct {
		name        string
		f           frame.Frame
		color, gray []byte
	}{
		{"raw BGR", frame.Frame{Encoding: frame.Raw, Channels: 3, Data: want}, want, gray},
		{"raw gray", frame.Frame{Encoding: frame.Raw, Channels: 1, Data: gray}, grayAsBGR, gray},
		{"PNG", frame.Frame{Encoding: frame.PNG, Data: toPNG(t, m)}, want, gray},
		{"gray PNG", frame.Frame{Encoding: frame.PNG, Data: toPNG(t, grayImage)}, grayAsBGR, gray},
		{"PNG of 16 bits with alpha", frame.Frame{Encoding: frame.PNG, Data: toPNG(t, deep)}, want, gray},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f.Width, c.f.Height = w, h
			got, err := pixels.Color(&c.f)
			if b := values(t, got, err); !bytes.Equal(b, c.color) {
				t.Error("colour differs from the pixels that were encoded")
			}
			got, err = pixels.Gray(&c.f)
			if b := values(t, got, err); !bytes.Equal(b, c.gray) {
				t.Error("gray differs from cvtColor of the pixels that were encoded")
			}
		})
	}
}

func TestDecodedRawPixelsAreACopy(t *testing.T) {
	data := bytes.Repeat([]byte{7}, 12)
	f := frame.Frame{Width: 4, Height: 3, Channels: 1, Encoding: frame.Raw, Data: data}
	m, err := pixels.Gray(&f)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	clear(data)
	if m.GetUCharAt(0, 0) != 7 {
		t.Error("changing the frame's data changed the Mat")
	}
}

func TestBlackFramesAreFrames(t *testing.T) {
	black := image.NewRGBA(image.Rect(0, 0, 16, 8))
	for i := 3; i < len(black.Pix); i += 4 {
		black.Pix[i] = 255
	}
	for _, f := range []frame.Frame{
		{Width: 16, Height: 8, Encoding: frame.JPEG, Data: toJPEG(t, black)},
		{Width: 16, Height: 8, Encoding: frame.PNG, Data: toPNG(t, black)},
		{Width: 16, Height: 8, Channels: 1, Encoding: frame.Raw, Data: make([]byte, 128)},
	} {
		m, err := pixels.Gray(&f)
		if b := values(t, m, err); !bytes.Equal(b, make([]byte, 128)) {
			t.Errorf("%s: not black", f.Encoding)
		}
	}
}

func TestGrayOfAJPEGIsItsLuma(t *testing.T) {
	m := scene(64, 48, 2)
	f := frame.Frame{Width: 64, Height: 48, Encoding: frame.JPEG, Data: toJPEG(t, m)}
	got, err := pixels.Gray(&f)
	b := values(t, got, err)
	decoded, err := jpeg.Decode(bytes.NewReader(f.Data))
	if err != nil {
		t.Fatal(err)
	}
	ycc := decoded.(*image.YCbCr)
	for y := range 48 {
		for x := range 64 {
			// Two decoders may round the inverse transform differently by one.
			if want := int(ycc.Y[ycc.YOffset(x, y)]); abs(int(b[y*64+x])-want) > 1 {
				t.Fatalf("pixel %d,%d: %d, Go's decoder says %d", x, y, b[y*64+x], want)
			}
		}
	}
}

func abs(v int) int { return max(v, -v) }

// withOrientation inserts an EXIF segment that asks for a rotation by 90 degrees.
func withOrientation(b []byte) []byte {
	tiff := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00")
	seg := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, b[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(seg)+2))
	return append(append(out, seg...), b[2:]...)
}

func TestOrientationIsIgnoredSoThatSizesAgree(t *testing.T) {
	plain := toJPEG(t, scene(64, 48, 3))
	turned := withOrientation(plain)
	for _, decode := range []func(*frame.Frame) (gocv.Mat, error){pixels.Gray, pixels.Color} {
		a, errA := decode(&frame.Frame{Width: 64, Height: 48, Encoding: frame.JPEG, Data: plain})
		b, errB := decode(&frame.Frame{Width: 64, Height: 48, Encoding: frame.JPEG, Data: turned})
		if !bytes.Equal(values(t, a, errA), values(t, b, errB)) {
			t.Error("a JPEG with an orientation decodes to other pixels")
		}
	}
	// The segment is one that OpenCV would obey.
	m, err := gocv.IMDecode(turned, gocv.IMReadColor)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Cols() != 48 {
		t.Fatalf("the test's EXIF segment is not understood: width %d", m.Cols())
	}
}

func TestDamagedFramesArePoison(t *testing.T) {
	good := toJPEG(t, scene(64, 48, 4))
	goodPNG := toPNG(t, scene(64, 48, 4))
	jpegFrame := func(b []byte) frame.Frame {
		return frame.Frame{Width: 64, Height: 48, Encoding: frame.JPEG, Data: b}
	}
	broken := bytes.Clone(goodPNG)
	i := bytes.Index(broken, []byte("IDAT"))
	n := int(binary.BigEndian.Uint32(broken[i-4:]))
	for j := range n {
		broken[i+4+j] = 0xa5
	}
	binary.BigEndian.PutUint32(broken[i+4+n:], crc32.ChecksumIEEE(broken[i:i+4+n]))

	for _, c := range []struct {
		name string
		f    frame.Frame
		want frame.Reason
	}{
		{"no bytes", jpegFrame(nil), frame.ReasonNotImage},
		{"a JPEG's first bytes only", jpegFrame(good[:3]), frame.ReasonNotImage},
		{"bytes of another format", jpegFrame([]byte("BM6\x00\x00\x00\x00\x00\x00\x00\x36")), frame.ReasonNotImage},
		{"a PNG that calls itself JPEG", jpegFrame(goodPNG), frame.ReasonNotImage},
		{"a PNG of noise", frame.Frame{Width: 64, Height: 48, Encoding: frame.PNG, Data: broken}, frame.ReasonNotImage},
		{"unknown encoding", frame.Frame{Width: 64, Height: 48, Encoding: "image/gif", Data: good}, frame.ReasonNotImage},
		{"another size than announced", frame.Frame{Width: 48, Height: 64, Encoding: frame.JPEG, Data: good}, frame.ReasonBadSize},
		{"no size", frame.Frame{Encoding: frame.JPEG, Data: good}, frame.ReasonBadSize},
		{"raw that is too short", frame.Frame{Width: 4, Height: 4, Channels: 3, Encoding: frame.Raw, Data: make([]byte, 47)}, frame.ReasonBadSize},
		{"raw of two channels", frame.Frame{Width: 4, Height: 4, Channels: 2, Encoding: frame.Raw, Data: make([]byte, 32)}, frame.ReasonBadSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, decode := range []func(*frame.Frame) (gocv.Mat, error){pixels.Gray, pixels.Color} {
				_, err := decode(&c.f)
				var p *frame.Poison
				if !errors.As(err, &p) {
					t.Fatalf("error %v is no poison", err)
				}
				if p.Reason != c.want {
					t.Errorf("reason %s, want %s (%s)", p.Reason, c.want, p.Detail)
				}
				if len(p.Detail) > 200 {
					t.Errorf("detail of %d bytes", len(p.Detail))
				}
			}
		})
	}
}

// A JPEG whose scan breaks off before its end mark decodes without an error.
func TestDamagedJPEGNeverShowsWhatWasDecodedBefore(t *testing.T) {
	good := toJPEG(t, scene(320, 240, 5))
	cut := append(bytes.Clone(good[:len(good)/2]), 0xff, 0xd9)
	f := frame.Frame{Width: 320, Height: 240, Encoding: frame.JPEG, Data: cut}
	var first []byte
	for seed := range uint64(5) {
		other := frame.Frame{Width: 320, Height: 240, Encoding: frame.JPEG, Data: toJPEG(t, scene(320, 240, 100+seed))}
		m, err := pixels.Gray(&other)
		values(t, m, err)
		m, err = pixels.Gray(&f)
		got := values(t, m, err)
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Fatal("the same damaged JPEG gave other pixels the second time")
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(toJPEG(f, scene(16, 16, 1)))
	f.Add(withOrientation(toJPEG(f, scene(16, 9, 1))))
	f.Add(toPNG(f, scene(16, 16, 1)))
	f.Add(toPNG(f, image.NewGray16(image.Rect(0, 0, 3, 5))))
	f.Fuzz(func(t *testing.T, data []byte) {
		enc, w, h, err := frame.CheckImage(data)
		if err != nil || w*h > 1<<20 {
			return
		}
		fr := frame.Frame{Width: w, Height: h, Encoding: enc, Data: data}
		for _, decode := range []func(*frame.Frame) (gocv.Mat, error){pixels.Gray, pixels.Color} {
			a, err := decode(&fr)
			if err != nil {
				var p *frame.Poison
				if !errors.As(err, &p) {
					t.Fatalf("error %v is no poison", err)
				}
				continue
			}
			b, err := decode(&fr)
			if !bytes.Equal(values(t, a, nil), values(t, b, err)) {
				t.Fatal("decoded twice, two pictures")
			}
		}
	})
}

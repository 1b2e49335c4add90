package capture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/config"
)

// avi is a film as an AVI file of JPEGs, those of no bytes left out, with sound if sound is not 0: so many
// packets of it before each picture. Its header says that there are as many pictures
// as it is told.
func avi(t testing.TB, pictures [][]byte, says, sound int) string {
	t.Helper()
	var movi bytes.Buffer
	chunk := func(b *bytes.Buffer, id string, data []byte) {
		b.WriteString(id)
		binary.Write(b, binary.LittleEndian, uint32(len(data)))
		b.Write(data)
		if len(data)%2 == 1 {
			b.WriteByte(0)
		}
	}
	list := func(b *bytes.Buffer, kind string, content []byte) { chunk(b, "LIST", append([]byte(kind), content...)) }
	numbers := func(values ...any) []byte {
		var b bytes.Buffer
		for _, v := range values {
			if s, ok := v.(string); ok {
				b.WriteString(s)
				continue
			}
			binary.Write(&b, binary.LittleEndian, v)
		}
		return b.Bytes()
	}
	for _, p := range pictures {
		for range sound {
			chunk(&movi, "01wb", []byte{128, 128})
		}
		chunk(&movi, "00dc", p)
	}
	const u = uint32(0)
	streams := uint32(1)
	if sound > 0 {
		streams = 2
	}
	var hdrl, strl, riff bytes.Buffer
	chunk(&hdrl, "avih", numbers(uint32(100_000), u, u, uint32(0), uint32(says), u, streams, u, uint32(64), uint32(48), u, u, u, u))
	chunk(&strl, "strh", numbers("vidsMJPG", u, uint16(0), uint16(0), u, uint32(1), uint32(10), u, uint32(says), u, u, u, uint64(0)))
	chunk(&strl, "strf", numbers(uint32(40), uint32(64), uint32(48), uint16(1), uint16(24), "MJPG", u, u, u, u, u))
	list(&hdrl, "strl", strl.Bytes())
	if sound > 0 {
		strl.Reset()
		chunk(&strl, "strh", numbers("auds", u, u, uint16(0), uint16(0), u, uint32(1), uint32(8000), u, uint32(2*sound*len(pictures)), u, u, uint32(1), uint64(0)))
		chunk(&strl, "strf", numbers(uint16(1), uint16(1), uint32(8000), uint32(8000), uint16(1), uint16(8)))
		list(&hdrl, "strl", strl.Bytes())
	}
	var body bytes.Buffer
	body.WriteString("AVI ")
	list(&body, "hdrl", hdrl.Bytes())
	list(&body, "movi", movi.Bytes())
	chunk(&riff, "RIFF", body.Bytes())
	return file(t, "a.avi", riff.Bytes())
}

func file(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// quartered is a JPEG with four colours in its quarters, or with four grays.
func quartered(t testing.TB, width, height int, gray bool) []byte {
	t.Helper()
	var m interface {
		image.Image
		Set(x, y int, c color.Color)
	} = image.NewRGBA(image.Rect(0, 0, width, height))
	shades := []color.Color{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{0, 0, 255, 255}, color.White}
	if gray {
		m = image.NewGray(image.Rect(0, 0, width, height))
		shades = []color.Color{color.Gray{20}, color.Gray{90}, color.Gray{160}, color.Gray{230}}
	}
	for x := range width {
		for y := range height {
			m.Set(x, y, shades[x*2/width+y*2/height*2])
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// is fails unless a picture's quarters have the colours of quartered.
func is(t testing.TB, m gocv.Mat, gray bool) {
	t.Helper()
	want := [][3]int{{0, 0, 255}, {0, 255, 0}, {255, 0, 0}, {255, 255, 255}}
	if gray {
		want = [][3]int{{20, 20, 20}, {90, 90, 90}, {160, 160, 160}, {230, 230, 230}}
	}
	for i, w := range want {
		// Far enough from the borders, which are blurred.
		for _, part := range [][2]int{{1, 1}, {2, 2}, {3, 3}} {
			x, y := m.Cols()/2*(i%2)+m.Cols()/8*part[0], m.Rows()/2*(i/2)+m.Rows()/8*part[1]
			v := m.GetVecbAt(y, x)
			for c := range 3 {
				if d := int(v[c]) - w[c]; d < -12 || d > 12 {
					t.Fatalf("%d x %d picture: at %d, %d it is %v, want %v", m.Cols(), m.Rows(), x, y, v, w)
				}
			}
		}
	}
}

// read reads a film to its end.
func read(t testing.TB, path string, each func(i int, m gocv.Mat)) (n int, err error) {
	t.Helper()
	s, err := openVideo(path)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	m := gocv.NewMat()
	defer func() { m.Close() }()
	for {
		if _, err = s.Read(&m); err != nil {
			break
		}
		if each != nil {
			each(n, m)
		}
		n++
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func TestPicturesAreRightWhereSizeAndPixelFormatChangeInsideAFilm(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, container := range []string{"avi", "mjpeg"} {
		var pictures [][]byte
		var kinds []struct {
			size image.Point
			gray bool
		}
		for i := range 40 {
			k := struct {
				size image.Point
				gray bool
			}{image.Pt(64, 48), i%2 == 1} // only the pixel format changes
			if i >= 10 {
				k.size = image.Pt(16+random.IntN(100), 16+random.IntN(100))
			}
			kinds = append(kinds, k)
			pictures = append(pictures, quartered(t, k.size.X, k.size.Y, k.gray))
		}
		path := avi(t, pictures, len(pictures), 0)
		if container == "mjpeg" {
			path = file(t, "a.mjpeg", slices.Concat(pictures...))
		}
		n, err := read(t, path, func(i int, m gocv.Mat) {
			if m.Cols() != kinds[i].size.X || m.Rows() != kinds[i].size.Y {
				t.Fatalf("%s: picture %d has %d x %d, not %v", container, i, m.Cols(), m.Rows(), kinds[i].size)
			}
			is(t, m, kinds[i].gray)
		})
		if n != len(pictures) || err != nil {
			t.Errorf("%s: %d pictures, %v", container, n, err)
		}
	}
}

// quarters writes a film of quartered pictures with OpenCV's writer.
func quarters(t testing.TB, name, codec string, n, width, height int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	w, err := gocv.VideoWriterFile(path, codec, 10, width, height, true)
	if err != nil {
		t.Fatal(err)
	}
	m, err := gocv.IMDecode(quartered(t, width, height, false), gocv.IMReadColor)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range n {
		if err := w.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPicturesAreRightWhereASecondCameraOfAnotherSizeGoesOn(t *testing.T) {
	for _, c := range []struct {
		name, codec string
		lost        int // FFmpeg's MPEG-2 decoder loses the last picture before a change
	}{{"a.ts", "H264", 0}, {"a.h264", "H264", 0}, {"b.ts", "mpg2", 2}} {
		large, small := quarters(t, c.name, c.codec, 20, 320, 240), quarters(t, c.name, c.codec, 20, 96, 64)
		var sizes []int
		n, err := read(t, file(t, c.name, slices.Concat(large, small, large)), func(i int, m gocv.Mat) {
			sizes = append(sizes, m.Cols())
			is(t, m, false)
		})
		if n != 60-c.lost || err != nil || !slices.Equal(slices.Compact(sizes), []int{320, 96, 320}) {
			t.Errorf("%s as %s: %d pictures %v, %v", c.codec, c.name, n, slices.Compact(sizes), err)
		}
	}
}

func TestAFilmIsReadOverSoundWithoutPictures(t *testing.T) {
	var pictures [][]byte
	for range 5 {
		pictures = append(pictures, quartered(t, 64, 48, false))
	}
	if n, err := read(t, avi(t, pictures, 5, 5000), nil); n != 5 || err != nil {
		t.Errorf("%d pictures, %v", n, err)
	}
}

func TestAFilmThatCannotBeReadWholeIsAnErrorAndNoOther(t *testing.T) {
	var pictures [][]byte
	for range 20 {
		pictures = append(pictures, quartered(t, 64, 48, false))
	}
	whole, err := os.ReadFile(avi(t, pictures, 20, 0))
	if err != nil {
		t.Fatal(err)
	}
	mp4 := quarters(t, "a.mp4", "mp4v", 20, 64, 48)
	edited := bytes.Clone(mp4)
	if at := bytes.Index(edited, []byte("elst")); at < 0 {
		t.Fatal("no edit list")
	} else { // ISO 14496-12, 8.6.6: the first entry's duration
		binary.BigEndian.PutUint32(edited[at+12:], binary.BigEndian.Uint32(edited[at+12:])/4)
	}
	scrambled := make([]byte, 50_000)
	rand.NewChaCha8([32]byte{}).Read(scrambled)
	damaged := slices.Concat(whole[:len(whole)/2], bytes.Repeat([]byte{7}, 2000), whole[len(whole)/2+2000:])
	for _, c := range []struct {
		name  string
		data  []byte
		least int    // pictures
		most  int    //
		error string // "": none
	}{
		{"whole.avi", whole, 20, 20, ""},
		{"pauses.avi", nil, 5, 5, ""},
		{"cut.avi", whole[:len(whole)/2], 8, 10, "it can be read for 1s of about 2s only"},
		{"damaged.avi", damaged, 12, 20, ""},
		{"header that says too much.avi", nil, 20, 20, "it can be read for 2s of about 4s only"},
		{"header that says too little.avi", nil, 20, 20, ""},
		{"whole.mp4", mp4, 20, 20, ""},
		{"edit list.mp4", edited, 4, 7, ""},
		{"megamind", nil, 270, 270, ""},
		{"empty.mp4", nil, 0, 0, "cannot be opened"},
		{"scrambled.mp4", scrambled, 0, 0, "cannot be opened"},
		{"scrambled.h264", scrambled, 0, 0, "video "},
		{"without parameters.h264", nil, 0, 0, "video "},
		{"gone", nil, 0, 0, "No such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := ""
			switch c.name {
			case "header that says too much.avi":
				path = avi(t, pictures, 40, 0)
			case "header that says too little.avi":
				path = avi(t, pictures, 3, 0)
			case "megamind":
				path = sample(t, "Megamind.avi")
			case "pauses.avi":
				paused := slices.Clone(pictures[:10])
				for i := 0; i < 10; i += 2 {
					paused[i+1] = nil
				}
				path = avi(t, paused, 10, 0)
			case "gone":
				path = filepath.Join(t.TempDir(), "gone.avi")
			case "without parameters.h264":
				h264 := quarters(t, "a.h264", "H264", 20, 64, 48)
				// Without the first picture and what describes the pictures.
				at := bytes.Index(h264[100:], []byte{0, 0, 1, 0x41})
				if at < 0 {
					t.Fatal("only one picture")
				}
				path = file(t, c.name, h264[100+at:])
			default:
				path = file(t, c.name, c.data)
			}
			n, err := read(t, path, nil)
			if n < c.least || n > c.most || c.error == "" && c.name != "damaged.avi" && err != nil || c.error != "" && (err == nil || !strings.Contains(err.Error(), c.error)) {
				t.Errorf("%d pictures, %v", n, err)
			}
		})
	}
}

func TestAFilmWithoutAPictureEndsACameraWithAnError(t *testing.T) {
	for _, name := range []string{"empty.mp4", "empty.jpg"} {
		cfg := files(config.Video, file(t, name, nil))
		if frames, err := try(cfg, Options{}); len(frames) > 0 || err == nil {
			t.Errorf("%s: %d frames, %v", name, len(frames), err)
		}
	}
}

// exif adds an orientation to a JPEG: an APP1 segment with a TIFF directory of one
// entry (Exif 2.3, 4.6.2).
func exif(picture []byte, orientation byte) []byte {
	tiff := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00")
	tiff = append(tiff, orientation, 0, 0, 0, 0, 0, 0, 0)
	segment := append([]byte{0xff, 0xe1, 0, byte(len(tiff) + 2)}, tiff...)
	return slices.Concat(picture[:2], segment, picture[2:])
}

func TestImagesAreTurnedAsTheirOrientationSaysAllEightWays(t *testing.T) {
	for orientation, corners := range []string{1: "rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"} {
		if orientation == 0 {
			continue
		}
		cfg := files(config.Images, file(t, "a.jpg", exif(quartered(t, 64, 48, false), byte(orientation))))
		s, err := openImages(cfg.Source.Files, 10)
		if err != nil {
			t.Fatal(err)
		}
		m := gocv.NewMat()
		if _, err := s.Read(&m); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range []image.Point{{2, 2}, {m.Cols() - 3, 2}, {2, m.Rows() - 3}, {m.Cols() - 3, m.Rows() - 3}} {
			v := m.GetVecbAt(p.Y, p.X)
			switch {
			case v[0] > 128 && v[1] > 128:
				got += "w"
			case v[0] > 128:
				got += "b"
			case v[1] > 128:
				got += "g"
			default:
				got += "r"
			}
		}
		if got != corners || (m.Cols() == 48) != (orientation >= 5) {
			t.Errorf("orientation %d: %d x %d with corners %s, want %s", orientation, m.Cols(), m.Rows(), got, corners)
		}
		m.Close()
	}
}

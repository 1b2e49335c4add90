package ffmpeg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/samples"
)

// write makes a film of moving squares with OpenCV's writer, of n pictures whose
// quarters are red, green, blue and white.
func write(t testing.TB, name, codec string, n, width, height int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	w, err := gocv.VideoWriterFile(path, codec, 10, width, height, true)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if !w.IsOpened() {
		t.Fatalf("OpenCV cannot write %s as %s", codec, name)
	}
	for i := range n {
		m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(255, 255, 255, 0), height, width, gocv.MatTypeCV8UC3)
		gocv.Rectangle(&m, image.Rect(0, 0, width/2, height/2), color.RGBA{R: 255}, -1)
		gocv.Rectangle(&m, image.Rect(width/2, 0, width, height/2), color.RGBA{G: 255}, -1)
		gocv.Rectangle(&m, image.Rect(0, height/2, width/2, height), color.RGBA{B: 255}, -1)
		gocv.Rectangle(&m, image.Rect(width/2+i%8, height/2, width/2+i%8+4, height/2+4), color.RGBA{}, -1)
		err := w.Write(m)
		m.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func open(t testing.TB, path string) *Film {
	t.Helper()
	f, err := Open("file:"+path, "", FileThreads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestAFilmsPicturesAndTimesAreOpenCVs(t *testing.T) {
	for _, name := range []string{"tree.avi", "Megamind.avi", "h264 of odd size.mp4", "h264.ts", "mpeg4.avi", "mjpeg.avi", "raw.avi"} {
		t.Run(name, func(t *testing.T) {
			var path string
			switch name {
			case "h264 of odd size.mp4":
				path = write(t, "a.mp4", "avc1", 40, 322, 182)
			case "h264.ts":
				path = write(t, "a.ts", "H264", 40, 854, 480)
			case "mpeg4.avi":
				path = write(t, "a.avi", "XVID", 40, 326, 244)
			case "mjpeg.avi":
				path = write(t, "b.avi", "MJPG", 40, 330, 250)
			case "raw.avi":
				path = write(t, "c.avi", "\x00\x00\x00\x00", 10, 64, 48)
			default:
				var err error
				if path, err = samples.Path(name); err != nil {
					t.Fatal(err)
				}
			}
			c, err := gocv.VideoCaptureFileWithAPI(path, gocv.VideoCaptureFFmpeg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			f := open(t, path)
			if fps := c.Get(gocv.VideoCaptureFPS); f.Step() != time.Duration(float64(time.Second)/fps) {
				t.Errorf("step %v, OpenCV has %v pictures a second", f.Step(), fps)
			}
			ours, theirs := gocv.NewMat(), gocv.NewMat()
			defer func() { ours.Close(); theirs.Close() }()
			for i := 0; ; i++ {
				at, err := f.Read(&ours)
				if !c.Read(&theirs) {
					if err != io.EOF {
						t.Errorf("OpenCV ends after %d pictures, error %v", i, err)
					}
					if n := f.Count(); i < 10 || n.Pictures != int64(i) || n.Broken != 0 {
						t.Errorf("%+v after %d", n, i)
					}
					return
				}
				ms := c.Get(gocv.VideoCapturePosMsec)
				if math.Abs(ms) > 1e12 {
					ms = 0
				}
				if err != nil || at != time.Duration(ms*float64(time.Millisecond)) {
					t.Fatalf("picture %d at %v, OpenCV has %v ms; %v", i, at, ms, err)
				}
				if ours.Cols() != theirs.Cols() || ours.Rows() != theirs.Rows() || !bytes.Equal(ours.ToBytes(), theirs.ToBytes()) {
					t.Fatalf("picture %d is not OpenCV's", i)
				}
			}
		})
	}
}

// corners are the colours of a picture's corners, from above left to below right.
func corners(m gocv.Mat) string {
	s := ""
	for _, p := range []image.Point{{2, 2}, {m.Cols() - 3, 2}, {2, m.Rows() - 3}, {m.Cols() - 3, m.Rows() - 3}} {
		v := m.GetVecbAt(p.Y, p.X)
		switch b, g, r := v[0] > 128, v[1] > 128, v[2] > 128; {
		case b && g && r:
			s += "w"
		case r && !g && !b:
			s += "r"
		case g && !r && !b:
			s += "g"
		case b && !r && !g:
			s += "b"
		default:
			s += fmt.Sprint(v)
		}
	}
	return s
}

// matrix writes a display matrix into an MP4: its upper left part.
func matrix(t testing.TB, path string, a, b, c, d int32) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("tkhd")) // ISO 14496-12, 8.3.2; version 0
	if at < 0 || data[at+4] != 0 {
		t.Fatal("no track header")
	}
	m := data[at+4+40:]
	for i, v := range []int32{a, b, 0, c, d, 0} {
		binary.BigEndian.PutUint32(m[4*i:], uint32(v<<16))
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPicturesAreTurnedAsTheirFilmSaysAllEightWays(t *testing.T) {
	const wide, high = 64, 48
	for _, c := range []struct {
		name       string
		a, b, c, d int32
		corners    string // of red, green, blue, white as taken
		upright    bool   // width and height are swapped
	}{
		{"as taken", 1, 0, 0, 1, "rgbw", false},
		{"a quarter clockwise", 0, 1, -1, 0, "brwg", true},
		{"upside down", -1, 0, 0, -1, "wbgr", false},
		{"a quarter counterclockwise", 0, -1, 1, 0, "gwrb", true},
		{"mirrored", -1, 0, 0, 1, "grwb", false},
		{"mirrored upside down", 1, 0, 0, -1, "bwrg", false},
		{"transposed", 0, 1, 1, 0, "rbgw", true},
		{"transposed the other way", 0, -1, -1, 0, "wgbr", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, "a.mp4", "mp4v", 2, wide, high)
			matrix(t, path, c.a, c.b, c.c, c.d)
			f := open(t, path)
			img := gocv.NewMat()
			defer func() { img.Close() }()
			for range 2 {
				if _, err := f.Read(&img); err != nil {
					t.Fatal(err)
				}
				if got := corners(img); got != c.corners || (img.Cols() == high) != c.upright {
					t.Errorf("%d x %d, corners %s, want %s", img.Cols(), img.Rows(), got, c.corners)
				}
			}
		})
	}
	path := write(t, "a.mp4", "mp4v", 1, wide, high)
	matrix(t, path, 1, 1, -1, 1)
	if f := open(t, path); !f.Odd() {
		t.Error("an eighth of a turn is taken for none")
	}
}

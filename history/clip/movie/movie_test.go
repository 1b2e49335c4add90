package movie

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/ingest/capture/ffmpeg"
)

// drawn is a picture of a bright square on a gradient, at a place that i says.
func drawn(i, width, height int) gocv.Mat {
	row := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(60, 90, 120, 0), height, width, gocv.MatTypeCV8UC3)
	gocv.Rectangle(&row, image.Rect(0, height/2, width-1, height-1), color.RGBA{R: 30, G: 140, B: 60}, -1)
	x := i * 3 % (width - 10)
	gocv.Rectangle(&row, image.Rect(x, 4, x+9, 13), color.RGBA{R: 230, G: 230, B: 230}, -1)
	return row
}

// write makes a film of pictures at these times, in microseconds.
func write(t testing.TB, format string, at []int64, until int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film."+format)
	m, err := Create(path, format, 96, 64, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for i, us := range at {
		p := drawn(i, 96, 64)
		err := m.Add(p, time.Duration(us)*time.Microsecond, i%7 == 0)
		p.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Finish(time.Duration(until) * time.Microsecond); err != nil {
		t.Fatal(err)
	}
	return path
}

// psnr is how near two pictures are, in dB.
func psnr(a, b gocv.Mat) float64 {
	x, y := a.ToBytes(), b.ToBytes()
	var sum float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255/max(1e-9, sum/float64(len(x))))
}

func TestAFilmHasItsPicturesAtTheirOwnTimes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		// Down to a millisecond, and up to minutes apart.
		steps := rapid.SliceOfN(rapid.Int64Range(1000, 90_000_000), 1, 40).Draw(r, "steps")
		at := []int64{0}
		for _, s := range steps {
			at = append(at, at[len(at)-1]+s)
		}
		last := rapid.Int64Range(1000, 5_000_000).Draw(r, "last")
		f, err := ffmpeg.Open("file:"+write(t, MP4, at, at[len(at)-1]+last), "", 1)
		if err != nil {
			r.Fatal(err)
		}
		defer f.Close()
		img := gocv.NewMat()
		defer func() { img.Close() }()
		for i, us := range at {
			got, err := f.Read(&img)
			if err != nil {
				r.Fatalf("picture %d: %v", i, err)
			}
			if d := got.Microseconds() - us; d < -1 || d > 1 {
				r.Fatalf("picture %d is at %v, not %d µs", i, got, us)
			}
			want := drawn(i, 96, 64)
			if near := psnr(img, want); near < 30 {
				t.Errorf("picture %d is only within %.1f dB", i, near)
			}
			want.Close()
		}
		if _, err := f.Read(&img); !errors.Is(err, io.EOF) {
			r.Fatalf("after the last: %v", err)
		}
		// The header says the length in milliseconds.
		if d := f.Count().Length - time.Duration(at[len(at)-1]+last)*time.Microsecond; d < -time.Millisecond || d > time.Millisecond {
			r.Fatalf("it is %v long, not %d µs", f.Count().Length, at[len(at)-1]+last)
		}
	})
}

func TestEqualPicturesGiveEqualBytesWhateverLayInMemory(t *testing.T) {
	at := []int64{0, 100_000, 200_000, 300_000, 400_000, 500_000, 600_000, 700_000, 800_000, 900_000, 1_000_000, 1_100_000}
	var first []byte
	for k := range 40 {
		var freed []gocv.Mat // what the encoder's memory was before
		for size := 1 << 8; size <= 1<<20; size *= 2 {
			for range 4 {
				freed = append(freed, gocv.NewMatWithSizeFromScalar(gocv.NewScalar(float64(-29*k), 0, 0, 0), 1, size/2, gocv.MatTypeCV16SC1))
			}
		}
		for i := range freed {
			freed[i].Close()
		}
		b, err := os.ReadFile(write(t, MP4, at, 1_200_000))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(b, first) {
			t.Fatalf("film %d differs from the first", k)
		}
	}
}

func TestEqualPicturesGiveEqualBytes(t *testing.T) {
	at := []int64{0, 100_000, 200_000, 1_500_000, 1_500_900}
	for _, format := range []string{MP4, GIF} {
		a, err1 := os.ReadFile(write(t, format, at, 1_600_000))
		b, err2 := os.ReadFile(write(t, format, at, 1_600_000))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", format, err)
		}
	}
}

func TestAFilmBeginsWithItsIndex(t *testing.T) {
	b, err := os.ReadFile(write(t, MP4, []int64{0, 40_000}, 80_000))
	if err != nil {
		t.Fatal(err)
	}
	if moov, mdat := bytes.Index(b, []byte("moov")), bytes.Index(b, []byte("mdat")); moov < 0 || mdat < moov {
		t.Errorf("the index is at %d, the pictures at %d", moov, mdat)
	}
	if !bytes.Contains(b, []byte("avc1")) {
		t.Error("it is no H.264")
	}
}

func TestAGIFHasItsPictures(t *testing.T) {
	f, err := os.Open(write(t, GIF, []int64{0, 100_000, 300_000}, 800_000))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := gif.DecodeAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{10, 20, 50}; !slices.Equal(g.Delay, want) || g.LoopCount != 0 || g.Config.Width != 96 {
		t.Errorf("shown for %v, want %v; %d loops, %d wide", g.Delay, want, g.LoopCount, g.Config.Width)
	}
}

func TestWhereThereIsNoEncoderItIsSaid(t *testing.T) {
	if _, err := encoder(MP4, []string{"no such encoder"}); !errors.Is(err, ErrNoEncoder) {
		t.Error(err)
	}
	if _, err := encoder(GIF, nil); err != nil {
		t.Error(err)
	}
	if err := Check(MP4); err != nil {
		t.Error(err)
	}
}

func TestAFullDiskIsSaidToBeOne(t *testing.T) {
	for _, format := range []string{MP4, GIF} {
		m, err := Create("/dev/full", format, 96, 64, 10)
		if err == nil {
			p := drawn(0, 96, 64)
			err = m.Add(p, time.Second, true)
			p.Close()
			if err == nil {
				err = m.Finish(2 * time.Second)
			}
			m.Close()
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestWhatIsNoFilmIsRefused(t *testing.T) {
	if _, err := Create(filepath.Join(t.TempDir(), "a.mp4"), MP4, 97, 64, 10); err == nil {
		t.Error("odd sizes are taken")
	}
	if _, err := Create(filepath.Join(t.TempDir(), "no", "a.mp4"), MP4, 96, 64, 10); err == nil {
		t.Error("a folder that is not there is taken")
	}
	m, err := Create(filepath.Join(t.TempDir(), "a.mp4"), MP4, 96, 64, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p := drawn(0, 96, 64)
	defer p.Close()
	other := drawn(0, 98, 64)
	defer other.Close()
	if err := errors.Join(m.Add(p, time.Second, false)); err != nil {
		t.Fatal(err)
	}
	for at, picture := range map[time.Duration]gocv.Mat{time.Second: p, 2 * time.Second: other} {
		if err := m.Add(picture, at, false); err == nil {
			t.Errorf("a picture of %d pixels at %v is taken", picture.Cols(), at)
		}
	}
}

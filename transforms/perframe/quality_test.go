package perframe

import (
	"math"
	"testing"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

func measure(t *testing.T, width int, gray []byte) result.Quality {
	t.Helper()
	pic := picture{frame: &frame.Frame{Width: width, Height: len(gray) / width, Channels: 1, Encoding: frame.Raw, Data: gray}}
	defer pic.close()
	var out result.PerFrame
	if err := (quality{}).Analyse(&pic, &out); err != nil {
		t.Fatal(err)
	}
	return *out.Quality
}

func TestQualityIsWhatItsDefinitionsSay(t *testing.T) {
	flat := make([]byte, 60)
	for i := range flat {
		flat[i] = 77
	}
	if got, want := measure(t, 10, flat), (result.Quality{Brightness: 77}); got != want {
		t.Errorf("a flat picture: %+v, want %+v", got, want)
	}
	half := make([]byte, 60) // columns of 0 and 200 in turn
	for i := range half {
		half[i] = byte(i % 2 * 200)
	}
	// The Laplacian is 400 and -400 in turn: its mean is 0.
	if got, want := measure(t, 10, half), (result.Quality{Brightness: 100, Contrast: 100, Sharpness: 160000}); got != want {
		t.Errorf("stripes: %+v, want %+v", got, want)
	}
	if got, want := measure(t, 1, []byte{9}), (result.Quality{Brightness: 9}); got != want {
		t.Errorf("a single pixel: %+v, want %+v", got, want)
	}
}

func TestQualityAgreesWithOpenCV(t *testing.T) {
	const w, h = 97, 61
	gray := make([]byte, w*h)
	v := uint32(1)
	for i := range gray {
		v = v*1664525 + 1013904223
		gray[i] = byte(i/w*2) + byte(v>>28)
	}
	m, err := gocv.NewMatFromBytes(h, w, gocv.MatTypeCV8UC1, gray)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	lap, mean, dev := gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
	defer lap.Close()
	defer mean.Close()
	defer dev.Close()
	got := measure(t, w, gray)
	gocv.MeanStdDev(m, &mean, &dev)
	near(t, "brightness", got.Brightness, mean.GetDoubleAt(0, 0))
	near(t, "contrast", got.Contrast, dev.GetDoubleAt(0, 0))
	gocv.Laplacian(m, &lap, gocv.MatTypeCV64F, 1, 1, 0, gocv.BorderDefault)
	gocv.MeanStdDev(lap, &mean, &dev)
	near(t, "sharpness", got.Sharpness, math.Pow(dev.GetDoubleAt(0, 0), 2))
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s %v, OpenCV says %v", what, got, want)
	}
}

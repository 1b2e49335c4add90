package pixels_test

import (
	"math"
	"testing"

	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func TestSumsAreThoseOfOpenCVsLaplacian(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 1200).Draw(t, "width"), rapid.IntRange(1, 6).Draw(t, "height")
		if rapid.Bool().Draw(t, "upright") {
			w, h = h, w
		}
		data := make([]byte, w*h)
		v := rapid.Uint32().Draw(t, "seed")
		for i := range data {
			v = v*1664525 + 1013904223
			data[i] = byte(v >> 24)
			if v>>16&1 == 1 { // the extremes are where sums overflow
				data[i] = byte(int8(data[i]) >> 7)
			}
		}
		gray, err := gocv.NewMatFromBytes(h, w, gocv.MatTypeCV8UC1, data)
		if err != nil {
			t.Fatal(err)
		}
		defer gray.Close()
		lap := gocv.NewMat()
		defer lap.Close()
		gocv.Laplacian(gray, &lap, gocv.MatTypeCV16S, 1, 1, 0, gocv.BorderDefault)
		want := pixels.Sums{Pixels: int64(w * h)}
		for y := range h {
			for x := range w {
				g, l := int64(gray.GetUCharAt(y, x)), int64(lap.GetShortAt(y, x))
				want.Gray += g
				want.GraySquares += g * g
				want.Laplacian += l
				want.LaplacianSquares += l * l
			}
		}
		got, err := pixels.SumsOf(gray)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("%dx%d: %+v, want %+v", w, h, got, want)
		}
	})
}

func TestSumsOfTheWorstRowDoNotOverflow(t *testing.T) {
	const w, h = 16384, 4
	data := make([]byte, w*h)
	for i := range data {
		if (i/w+i)%2 == 0 {
			data[i] = math.MaxUint8
		}
	}
	gray, err := gocv.NewMatFromBytes(h, w, gocv.MatTypeCV8UC1, data)
	if err != nil {
		t.Fatal(err)
	}
	defer gray.Close()
	got, err := pixels.SumsOf(gray)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(1020 * 1020 * w * h); got.LaplacianSquares != want {
		t.Errorf("a chequerboard's squares add up to %d, want %d", got.LaplacianSquares, want)
	}
}

func TestSumsRefuseColour(t *testing.T) {
	m := gocv.NewMatWithSize(2, 2, gocv.MatTypeCV8UC3)
	defer m.Close()
	if _, err := pixels.SumsOf(m); err == nil {
		t.Error("no error")
	}
}

package pixels_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// survey is what SurveyOf should give, the plain way.
func survey(pix []byte, width, height int) *pixels.Survey {
	step := max(1, min(width/256, height/192))
	w, h := width/step, height/step
	s := &pixels.Survey{Pixels: w * h}
	small := make([]int64, w*h)
	for y := range h {
		for x := range w {
			for j := range step {
				for i := range step {
					small[y*w+x] += int64(pix[(y*step+j)*width+x*step+i])
				}
			}
			s.Histogram[small[y*w+x]/int64(step*step)]++
		}
	}
	if min(width, height) < pixels.SurveyLeast {
		return s
	}
	s.Columns, s.Rows = min(48, w), min(36, h)
	for r := range s.Rows {
		for c := range s.Columns {
			var sum, n int64
			var digest uint32
			for y := r * h / s.Rows; y < (r+1)*h/s.Rows; y++ {
				digest *= 0x01000193
				for x := c * w / s.Columns; x < (c+1)*w/s.Columns; x++ {
					sum += small[y*w+x]
					n++
					digest += uint32(small[y*w+x]) * (uint32(2*(x-c*w/s.Columns)+1) * 0x9e3779b1)
				}
			}
			s.Means = append(s.Means, int32(sum*16/(n*int64(step*step))))
			s.Digests = append(s.Digests, digest)
		}
	}
	v := func(x, y int) int64 { return small[y*w+x] * 4 / int64(step*step) }
	for by := range 6 {
		for bx := range 8 {
			var detail, squares int64
			for y := max(1, by*s.Rows/6*h/s.Rows); y < (by+1)*s.Rows/6*h/s.Rows; y++ {
				for x := bx * s.Columns / 8 * w / s.Columns; x < min(w-1, (bx+1)*s.Columns/8*w/s.Columns); x++ {
					right, above := v(x+1, y)-v(x, y), v(x+1, y-1)-v(x, y-1)
					down, beside := v(x, y)-v(x, y-1), v(x+1, y)-v(x+1, y-1)
					detail += right*above + down*beside
					squares += right*right + down*down
				}
			}
			s.Detail, s.Squares = append(s.Detail, detail), append(s.Squares, squares)
		}
	}
	s.Slopes = 2 * (w/s.Columns*(s.Columns/8) - 1) * (h / s.Rows * (s.Rows / 6))
	return s
}

func TestSurveyIsWhatThePlainWayGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(21, 120), rapid.IntRange(500, 800))
		width, height := size.Draw(t, "width"), size.Draw(t, "height")
		if rapid.Bool().Draw(t, "a line") {
			width, height = rapid.IntRange(1, 9000).Draw(t, "long"), rapid.IntRange(1, 20).Draw(t, "short")
		}
		seed := rapid.Uint32().Draw(t, "seed")
		extreme := rapid.Bool().Draw(t, "extreme")
		pix := make([]byte, width*height)
		for i := range pix {
			seed = seed*1664525 + 1013904223
			if pix[i] = byte(seed >> 24); extreme {
				pix[i] = byte(int8(pix[i]) >> 7)
			}
		}
		m, err := gocv.NewMatFromBytes(height, width, gocv.MatTypeCV8UC1, pix)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		got, err := pixels.SurveyOf(m)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(survey(pix, width, height), got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestSurveyRefusesWhatIsNotGray(t *testing.T) {
	for _, m := range []gocv.Mat{gocv.NewMat(), gocv.NewMatWithSize(20, 20, gocv.MatTypeCV8UC3)} {
		if _, err := pixels.SurveyOf(m); err == nil {
			t.Error("no error")
		}
		m.Close()
	}
}

func TestSurveyKnowsLevels(t *testing.T) {
	m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(10, 0, 0, 0), 20, 20, gocv.MatTypeCV8UC1)
	defer m.Close()
	for i := range 100 {
		m.SetUCharAt(i/20, i%20, 200)
	}
	s, err := pixels.SurveyOf(m)
	if err != nil {
		t.Fatal(err)
	}
	if s.Level(5) != 10 || s.Level(75) != 10 || s.Level(76) != 200 || s.Level(100) != 200 || s.Mean() != (300*10+100*200)*16/400 {
		t.Errorf("levels %d %d %d %d, mean %d", s.Level(5), s.Level(75), s.Level(76), s.Level(100), s.Mean())
	}
}

func TestCorrelateIsWhatThePlainWayGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns, rows := rapid.IntRange(1, 20).Draw(t, "columns"), rapid.IntRange(1, 20).Draw(t, "rows")
		rx, ry := rapid.IntRange(0, columns-1).Draw(t, "range x"), rapid.IntRange(0, rows-1).Draw(t, "range y")
		cells := rapid.SliceOfN(rapid.Int16Range(-2047, 2047), columns*rows, columns*rows)
		a, b := cells.Draw(t, "a"), cells.Draw(t, "b")
		got := pixels.Correlate(a, b, columns, rows, rx, ry)
		for dy := -ry; dy <= ry; dy++ {
			for dx := -rx; dx <= rx; dx++ {
				var ab, aa, bb int64
				for y := range rows {
					for x := range columns {
						if u, v := x+dx, y+dy; u >= 0 && u < columns && v >= 0 && v < rows {
							p, q := int64(a[y*columns+x]), int64(b[v*columns+u])
							ab, aa, bb = ab+p*q, aa+p*p, bb+q*q
						}
					}
				}
				want := pixels.Displacement{X: dx, Y: dy}
				if aa > 0 && bb > 0 {
					want.Correlation = float64(ab) / (math.Sqrt(float64(aa)) * math.Sqrt(float64(bb)))
				}
				if got[0] != want {
					t.Fatalf("%+v, want %+v", got[0], want)
				}
				got = got[1:]
			}
		}
	})
}

func BenchmarkSurvey(b *testing.B) {
	m := gocv.NewMatWithSize(480, 640, gocv.MatTypeCV8UC1)
	defer m.Close()
	for b.Loop() {
		if _, err := pixels.SurveyOf(m); err != nil {
			b.Fatal(err)
		}
	}
}

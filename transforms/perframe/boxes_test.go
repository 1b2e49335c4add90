package perframe

import (
	"errors"
	"image"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/result"
)

func detection(t *rapid.T) result.Detection {
	return result.Detection{
		Label: rapid.SampledFrom([]string{"cat", "dog"}).Draw(t, "label"), Score: float64(rapid.IntRange(0, 4).Draw(t, "score")) / 4,
		X: rapid.Int32Range(0, 9).Draw(t, "x"), Y: rapid.Int32Range(0, 9).Draw(t, "y"),
		Width: rapid.Int32Range(1, 9).Draw(t, "width"), Height: rapid.Int32Range(1, 9).Draw(t, "height"),
	}
}

// covered counts the pixels of two boxes one by one.
func covered(a, b *result.Detection) (both, either int64) {
	in := func(d *result.Detection, x, y int32) bool {
		return x >= d.X && x < d.X+d.Width && y >= d.Y && y < d.Y+d.Height
	}
	for y := range int32(20) {
		for x := range int32(20) {
			if in(a, x, y) && in(b, x, y) {
				both++
			}
			if in(a, x, y) || in(b, x, y) {
				either++
			}
		}
	}
	return both, either
}

func TestSuppressionIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := rapid.SliceOfN(rapid.Custom(detection), 0, 12).Draw(t, "detections")
		overlap := float64(rapid.IntRange(0, 10).Draw(t, "overlap")) / 10
		shuffled := rapid.Permutation(ds).Draw(t, "shuffled")
		got := suppress(append([]result.Detection(nil), ds...), overlap)
		if diff := cmp.Diff(got, suppress(shuffled, overlap)); diff != "" {
			t.Fatalf("the order of what goes in counts: %s", diff)
		}
		conflict := func(a, b *result.Detection) bool {
			both, either := covered(a, b)
			return a.Label == b.Label && (*a == *b || float64(both) > overlap*float64(either) || both == either)
		}
		for i := range got {
			for j := range i {
				if conflict(&got[i], &got[j]) {
					t.Fatalf("%+v and %+v are both there", got[j], got[i])
				}
			}
		}
		for _, d := range ds { // what is missing is missing for a reason at least as strong
			ok := false
			for _, k := range got {
				ok = ok || k == d || conflict(&d, &k) && k.Score >= d.Score
			}
			if !ok {
				t.Fatalf("%+v is missing from %+v", d, got)
			}
		}
	})
}

// The oracle paints the box on a picture of few pixels: a pixel counts whose middle is
// in it, which is what rounding the edges comes to.
func TestABoxIsWhatItCoversOfThePictureOrDroppedAndCounted(t *testing.T) {
	edge := rapid.OneOf(
		rapid.Float64Range(-30, 30), rapid.SampledFrom([]float64{0, 1e-9, -1e-9, 10, 1e300, -1e300, math.MaxFloat64, -math.MaxFloat64}),
		rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(-2, 12).Draw(t, "pixel")) }))
	any := rapid.OneOf(edge, rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}))
	rapid.Check(t, func(t *rapid.T) {
		const w, h = 10, 8
		var found placed
		left, top, right, bottom := any.Draw(t, "left"), any.Draw(t, "top"), any.Draw(t, "right"), any.Draw(t, "bottom")
		err := found.add(result.Detection{Label: "a"}, left, top, right, bottom, image.Pt(w, h), image.Pt(w, h))
		if !finite(left, top, right, bottom) {
			if !errors.Is(err, errNoNumber) || len(found.all)+found.dropped != 0 {
				t.Fatalf("%v, %+v", err, found)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		n, minX, minY, maxX, maxY := 0, w, h, -1, -1
		for y := range h {
			for x := range w {
				if mx, my := float64(x)+0.5, float64(y)+0.5; mx >= left && mx < right && my >= top && my < bottom {
					n, minX, minY, maxX, maxY = n+1, min(minX, x), min(minY, y), max(maxX, x), max(maxY, y)
				}
			}
		}
		if n == 0 {
			if len(found.all) != 0 || found.dropped != 1 {
				t.Fatalf("nothing of it is in the picture: %+v", found)
			}
			return
		}
		want := result.Detection{Label: "a", X: int32(minX), Y: int32(minY), Width: int32(maxX - minX + 1), Height: int32(maxY - minY + 1)}
		if found.dropped != 0 || len(found.all) != 1 || found.all[0] != want {
			t.Fatalf("%+v, want %+v", found, want)
		}
	})
}

func TestABoxIsMappedRoundedAndCut(t *testing.T) {
	for _, c := range []struct {
		from, to      float64
		side, frame   int
		start, length int32
	}{
		{0, 10, 10, 10, 0, 10},
		{1, 3, 10, 20, 2, 4},
		{1, 3, 20, 10, 1, 1}, // 0.5 and 1.5, both up
		{-5, 5, 10, 10, 0, 5},
		{8, 30, 10, 10, 8, 2},
		{-9, -1, 10, 10, 0, 0},
		{11, 19, 10, 10, 10, 0},
		{1e30, 1e31, 10, 10, 10, 0},
		{5, 4, 10, 10, 5, 0},
	} {
		if start, length := span(c.from, c.to, c.side, c.frame); start != c.start || length != c.length {
			t.Errorf("%v to %v of %d in %d: %d, %d, want %d, %d", c.from, c.to, c.side, c.frame, start, length, c.start, c.length)
		}
	}
}

func TestAPictureIsViewedInTheSizeAskedFor(t *testing.T) {
	for _, c := range []struct {
		size   image.Point
		longer int
		want   image.Point
	}{
		{image.Pt(640, 480), 0, image.Pt(640, 480)},
		{image.Pt(640, 480), 320, image.Pt(320, 240)},
		{image.Pt(480, 640), 320, image.Pt(240, 320)},
		{image.Pt(640, 480), 1280, image.Pt(1280, 960)},
		{image.Pt(1000, 1), 10, image.Pt(10, 1)},
		{image.Pt(1, 1), 4096, image.Pt(4096, 4096)},
	} {
		if got := fitted(c.size, c.longer); got != c.want {
			t.Errorf("%v to %d: %v, want %v", c.size, c.longer, got, c.want)
		}
	}
	m := gocv.NewMatWithSize(6, 8, gocv.MatTypeCV8UC1)
	defer m.Close()
	v := view(nil, m, 4)
	defer v.close()
	if v.size() != image.Pt(4, 3) || v.from != image.Pt(8, 6) {
		t.Errorf("viewed as %v from %v", v.size(), v.from)
	}
}

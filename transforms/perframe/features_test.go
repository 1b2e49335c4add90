package perframe

import (
	"encoding/hex"
	"encoding/json"
	"image"
	"testing"

	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

// only is the one feature that was found.
func only(t testing.TB, found result.PerFrame, kind string) []byte {
	t.Helper()
	if len(found.Features) != 1 || found.Features[0].Kind != kind {
		t.Fatalf("features %+v", found.Features)
	}
	return found.Features[0].Data
}

// changed is the frame smaller, brighter, and as a JPEG.
func changed(t testing.TB, f *frame.Frame, width int) *frame.Frame {
	t.Helper()
	m, err := gocv.NewMatFromBytes(f.Height, f.Width, gocv.MatTypeCV8UC3, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	gocv.Resize(m, &m, image.Pt(width, f.Height*width/f.Width), 0, 0, gocv.InterpolationArea)
	m.AddUChar(6)
	b, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, m, []int{gocv.IMWriteJpegQuality, 80})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	return &frame.Frame{Width: m.Cols(), Height: m.Rows(), Encoding: frame.JPEG, Data: append([]byte(nil), b.GetBytes()...)}
}

func histogramOf(t testing.TB, cfg HistogramConfig, f *frame.Frame) similarity.Histogram {
	t.Helper()
	a, err := NewHistogram("histogram", cfg)
	h, err := similarity.ParseHistogram(only(t, analyse(t, made(t, a, err), f), similarity.KindHistogram))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAHistogramCountsColours(t *testing.T) {
	f := painted(40, 10, 10, map[[4]int]rgb{{0, 0, 1, 1}: {255, 0, 0}, {1, 0, 1, 1}: {255, 0, 20}, {2, 0, 1, 1}: {0, 0, 200}, {3, 0, 1, 1}: {70, 70, 70}})
	h := histogramOf(t, DefaultHistogram(), f)
	want := map[int]uint16{
		0*16 + 3*4 + 3: 32767, // both reds
		8*16 + 3*4 + 3: 16383, // blue: hue 120 of 180
		0*16 + 0*4 + 1: 16383, // gray
	}
	for i, s := range h.Shares {
		if s != want[i] {
			t.Errorf("bin %d has %d, want %d", i, s, want[i])
		}
	}
}

func TestAHistogramIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := HistogramConfig{rapid.IntRange(1, 180).Draw(rt, "hue"), rapid.IntRange(1, 16).Draw(rt, "saturation"), rapid.IntRange(1, 16).Draw(rt, "value")}
		f := &frame.Frame{Width: 6, Height: 5, Channels: 3, Encoding: frame.Raw, Data: rapid.SliceOfN(rapid.Byte(), 90, 90).Draw(rt, "pixels")}
		got := histogramOf(t, cfg, f)
		m, err := gocv.NewMatFromBytes(5, 6, gocv.MatTypeCV8UC3, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		gocv.CvtColor(m, &m, gocv.ColorBGRToHSV)
		counts := make([]int, len(got.Shares))
		for y := range 5 {
			for x := range 6 {
				p := m.GetVecbAt(y, x)
				// Bin b of hue lies half a bin around b/n of the circle.
				hue := int(float64(p[0])/180*float64(cfg.Hue)+0.5+1e-9) % cfg.Hue
				s, v := int(p[1])*cfg.Saturation/256, int(p[2])*cfg.Value/256
				if s == 0 {
					hue = 0
				}
				counts[(hue*cfg.Saturation+s)*cfg.Value+v]++
			}
		}
		for i, n := range counts {
			if int(got.Shares[i]) != n*65535/30 {
				rt.Fatalf("bin %d has %d, want %d of 30 pixels", i, got.Shares[i], n)
			}
		}
	})
}

func hashOf(t testing.TB, f *frame.Frame) similarity.Hash {
	t.Helper()
	h, err := similarity.ParseHash(only(t, analyse(t, perceptualHash{"perceptual_hash"}, f), similarity.KindHash))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAHashIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, 40).Draw(rt, "width"), rapid.IntRange(1, 40).Draw(rt, "height")
		f := &frame.Frame{Width: w, Height: h, Channels: 1, Encoding: frame.Raw, Data: rapid.SliceOfN(rapid.Byte(), w*h, w*h).Draw(rt, "pixels")}
		mean := func(i, j int) (sum, n int) {
			for y := j * h / 8; y < max((j+1)*h/8, j*h/8+1); y++ {
				for x := i * w / 9; x < max((i+1)*w/9, i*w/9+1); x++ {
					sum += int(f.Data[y*w+x])
					n++
				}
			}
			return sum, n
		}
		var want similarity.Hash
		for j := range 8 {
			for i := range 8 {
				a, n := mean(i, j)
				b, m := mean(i+1, j)
				if a*m < b*n {
					want |= 1 << (63 - 8*j - i)
				}
			}
		}
		if got := hashOf(t, f); got != want {
			rt.Fatalf("%016x, want %016x", uint64(got), uint64(want))
		}
	})
}

func keypointsOf(t testing.TB, cfg KeypointsConfig, f *frame.Frame) []similarity.Keypoint {
	t.Helper()
	a, err := NewKeypoints("keypoints", cfg)
	ks, err := similarity.ParseKeypoints(only(t, analyse(t, made(t, a, err), f), similarity.KindKeypoints))
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

func TestTheSamePictureIsFoundAgain(t *testing.T) {
	original, other := street(t), sample(t, "fruits.jpg")
	copied := changed(t, original, 500)

	same, different := similarity.Distance(hashOf(t, original), hashOf(t, copied)), similarity.Distance(hashOf(t, original), hashOf(t, other))
	if same > 6 || different < 16 {
		t.Errorf("hashes: %d bits differ from a copy, %d from another picture", same, different)
	}
	h := func(f *frame.Frame) similarity.Histogram { return histogramOf(t, DefaultHistogram(), f) }
	near, err1 := similarity.Intersection(h(original), h(copied))
	far, err2 := similarity.Intersection(h(original), h(other))
	if err1 != nil || err2 != nil || near < 0.7 || far > 0.5 {
		t.Errorf("histograms: %v with a copy, %v with another picture, %v, %v", near, far, err1, err2)
	}
	cfg := DefaultKeypoints()
	cfg.Count = 200
	a := keypointsOf(t, cfg, original)
	b := keypointsOf(t, cfg, copied)
	pairs := similarity.Match(a, b, 64, 0.8)
	right := 0
	for _, p := range pairs {
		dx, dy := int(a[p.A].X)-int(b[p.B].X), int(a[p.A].Y)-int(b[p.B].Y)
		if dx*dx+dy*dy < 1000*1000 { // 1.5 % of the picture
			right++
		}
	}
	wrong := len(similarity.Match(a, keypointsOf(t, cfg, other), 64, 0.8))
	if len(pairs) < 40 || right < len(pairs)*9/10 || wrong > len(pairs)/10 {
		t.Errorf("keypoints: %d pairs with a copy, %d of them in the same place; %d with another picture", len(pairs), right, wrong)
	}
	t.Logf("hash %d and %d bits, histogram %.2f and %.2f, keypoints %d pairs (%d right) and %d", same, different, near, far, len(pairs), right, wrong)
}

func TestKeypointsAreThoseOfPythonsOpenCV(t *testing.T) {
	f := sample(t, "messi5.jpg")
	cfg := DefaultKeypoints()
	cfg.Resize, cfg.Count = 0, 50
	got := keypointsOf(t, cfg, f)
	var want []struct {
		X, Y       float32
		Octave     uint8
		Descriptor string
	}
	if err := json.Unmarshal(reference(t, f, `{"what":"orb","nfeatures":50}`)[0], &want); err != nil {
		t.Fatal(err)
	}
	if len(got) != 50 || len(want) < 50 {
		t.Fatalf("%d keypoints, the reference has %d", len(got), len(want))
	}
	for _, k := range got {
		found := false
		for _, w := range want {
			found = found || relative(w.X, f.Width) == k.X && relative(w.Y, f.Height) == k.Y && w.Octave == k.Octave && w.Descriptor == hex.EncodeToString(k.Descriptor[:])
		}
		if !found {
			t.Errorf("%+v is not in the reference", k)
		}
	}
}

func TestKeypointsAreTheStrongestInAnOrderOfTheirOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) detectors.Keypoint {
			return detectors.Keypoint{X: float32(rapid.IntRange(0, 3).Draw(t, "x")), Y: float32(rapid.IntRange(0, 3).Draw(t, "y")), Response: float32(rapid.IntRange(0, 3).Draw(t, "response"))}
		}), 0, 20).Draw(t, "points")
		shuffled := rapid.Permutation(points).Draw(t, "shuffled")
		a, b := described(points, image.Pt(4, 4), 5), described(shuffled, image.Pt(4, 4), 5)
		if len(a) != min(len(points), 5) || string(similarity.MarshalKeypoints(a)) != string(similarity.MarshalKeypoints(b)) {
			t.Fatalf("%v, %v", a, b)
		}
	})
}

package perframe

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// ratio runs an analysis and the bare OpenCV calls that it is made of in turn, both
// on decoded pixels, and reports how much more the analysis takes.
func ratio(b *testing.B, a Analysis, f *frame.Frame, bare func(gray, color gocv.Mat)) {
	b.Helper()
	pixels.SingleThreaded()
	pic := picture{frame: f}
	defer pic.close()
	if err := pic.need(frame.ColorPixels); err != nil {
		b.Fatal(err)
	}
	look := func() {
		var out result.PerFrame
		if err := a.Analyse(&pic, &out); err != nil {
			b.Fatal(err)
		}
	}
	look()
	bare(*pic.gray, *pic.color)
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		look()
		middle := time.Now()
		bare(*pic.gray, *pic.color)
		ours += middle.Sub(start)
		theirs += time.Since(middle)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "us/frame")
}

// gocv 0.31's HOGDefaultPeopleDetector is a Mat over memory that is freed already, so
// the bare call is made without it.
func BenchmarkPeople(b *testing.B) {
	cfg := DefaultPeople()
	cfg.Height, cfg.Scale = 0, 1.05
	a, err := NewPeople("people", cfg)
	hog, err2 := detectors.NewHOG()
	if err2 != nil {
		b.Fatal(err2)
	}
	defer hog.Close()
	ratio(b, made(b, a, err), street(b), func(_, color gocv.Mat) {
		if _, err := hog.Detect(color, detectors.HOGOptions{Stride: 8, Scale: 1.05, Group: 2}); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkFaces(b *testing.B) {
	a, err := NewFaces("faces", DefaultFaces())
	c := gocv.NewCascadeClassifier()
	defer c.Close()
	c.Load("/usr/share/opencv4/haarcascades/haarcascade_frontalface_default.xml")
	ratio(b, made(b, a, err), sample(b, "messi5.jpg"), func(gray, _ gocv.Mat) {
		m := gocv.NewMat()
		defer m.Close()
		gocv.EqualizeHist(gray, &m)
		c.DetectMultiScale(m)
	})
}

// A network that takes as long as a small real one: Caffe's layers without weights.
func BenchmarkNetwork(b *testing.B) {
	proto := "input: \"data\" input_dim: 1 input_dim: 3 input_dim: 320 input_dim: 320\n"
	for i, from := range []string{"data", "p0", "p1"} {
		proto += fmt.Sprintf("layer { name: \"p%d\" type: \"Pooling\" bottom: %q top: \"p%d\" pooling_param { pool: AVE kernel_size: 15 } }\n", i, from, i)
	}
	proto += "layer { name: \"mean\" type: \"Pooling\" bottom: \"p2\" top: \"mean\" pooling_param { pool: AVE global_pooling: true } }\n"
	cfg := small("", "classify", func(c *NetworkConfig) { c.Width, c.Height = 320, 320 })
	cfg.Model, cfg.Prototxt = filepath.Join(b.TempDir(), "pools.caffemodel"), filepath.Join(b.TempDir(), "pools.prototxt")
	if err := errors.Join(os.WriteFile(cfg.Model, []byte("\n\x01p"), 0o600), os.WriteFile(cfg.Prototxt, []byte(proto), 0o600)); err != nil {
		b.Fatal(err)
	}
	a, err := NewNetwork("networks/n", cfg)
	net := gocv.ReadNetFromCaffe(cfg.Prototxt, cfg.Model)
	defer net.Close()
	ratio(b, made(b, a, err), street(b), func(_, color gocv.Mat) {
		blob := gocv.BlobFromImage(color, 1.0/255, image.Pt(320, 320), gocv.Scalar{}, true, false)
		defer blob.Close()
		net.SetInput(blob, "")
		out := net.Forward("")
		out.Close()
	})
}

func BenchmarkHistogram(b *testing.B) {
	a, err := NewHistogram("histogram", DefaultHistogram())
	ratio(b, made(b, a, err), street(b), func(_, color gocv.Mat) {
		m, mask, hist := gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
		defer m.Close()
		defer mask.Close()
		defer hist.Close()
		gocv.CvtColor(color, &m, gocv.ColorBGRToHSV)
		gocv.CalcHist([]gocv.Mat{m}, []int{0, 1, 2}, mask, &hist, []int{12, 4, 4}, []float64{0, 180, 0, 256, 0, 256}, false)
	})
}

func BenchmarkPerceptualHash(b *testing.B) {
	ratio(b, perceptualHash{"perceptual_hash"}, street(b), func(gray, _ gocv.Mat) {
		m := gocv.NewMat()
		defer m.Close()
		gocv.Resize(gray, &m, image.Pt(9, 8), 0, 0, gocv.InterpolationArea)
	})
}

func BenchmarkKeypoints(b *testing.B) {
	a, err := NewKeypoints("keypoints", DefaultKeypoints())
	orb := gocv.NewORBWithParams(64, 1.2, 8, 31, 0, 2, gocv.ORBScoreTypeHarris, 31, 20)
	defer orb.Close()
	ratio(b, made(b, a, err), street(b), func(gray, _ gocv.Mat) {
		m, mask := gocv.NewMat(), gocv.NewMat()
		defer m.Close()
		defer mask.Close()
		gocv.Resize(gray, &m, image.Pt(640, 480), 0, 0, gocv.InterpolationArea)
		_, d := orb.DetectAndCompute(m, mask)
		d.Close()
	})
}

// A pipe has no bare OpenCV calls. Beside it stands copying the picture once.
func BenchmarkPipe(b *testing.B) {
	a, err := NewPipe("pipes/p", helperPipe(func(c *PipeConfig) { c.Format = "bgr" }))
	ratio(b, made(b, a, err), street(b), func(_, color gocv.Mat) { color.ToBytes() })
}

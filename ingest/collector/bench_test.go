package collector

import (
	"context"
	"image"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/kafka/broker"
	"github.com/framebeam/framebeam/testdata/samples"
)

// BenchmarkCollector publishes vtest.avi at 640x480 to an embedded broker and
// reports frames/s, and how many times the frames/s of a bare loop that reads,
// resizes and encodes the same in one goroutine.
func BenchmarkCollector(b *testing.B) {
	path, err := samples.Path("vtest.avi")
	if err != nil {
		b.Fatal(err)
	}
	kafka, err := broker.Start(broker.Options{Topics: []broker.Topic{{Name: "frames", Partitions: partitions}}})
	if err != nil {
		b.Fatal(err)
	}
	defer kafka.Close()
	cfg := configOf(film(b, "vtest", "vtest.avi"))
	cfg.Cameras[0].Size = image.Pt(640, 480)
	opts := options(kafka)
	opts.Again = true

	var bare, whole time.Duration
	frames := 0
	for b.Loop() {
		begun := time.Now()
		frames += bareLoop(b, path)
		bare += time.Since(begun)
		begun = time.Now()
		if _, err := Run(context.Background(), cfg, opts); err != nil {
			b.Fatal(err)
		}
		whole += time.Since(begun)
	}
	b.ReportMetric(float64(frames)/whole.Seconds(), "frames/s")
	b.ReportMetric(bare.Seconds()/whole.Seconds(), "x-bare")
}

func bareLoop(b *testing.B, path string) (frames int) {
	v, err := gocv.VideoCaptureFile(path)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	img, resized := gocv.NewMat(), gocv.NewMat()
	defer img.Close()
	defer resized.Close()
	for v.Read(&img) {
		gocv.Resize(img, &resized, image.Pt(640, 480), 0, 0, gocv.InterpolationCubic)
		buf, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, resized, []int{gocv.IMWriteJpegQuality, 90})
		if err != nil {
			b.Fatal(err)
		}
		buf.Close()
		frames++
	}
	return frames
}

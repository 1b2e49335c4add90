package sequence

import (
	"fmt"
	"os"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

func TestProbe(t *testing.T) {
	text := os.Getenv("PROBE")
	if text == "" {
		t.Skip()
	}
	every := 5
	fmt.Sscan(os.Getenv("EVERY"), &every)
	step, err := NewHealth(DefaultHealth())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	debugView = func(at int64, v *view, c *comparison, q float64) {
		if n%every != 0 {
			return
		}
		fmt.Printf("%5d noise %5d grain %5d mean %4d | judgeable %.2f share %.2f | here %.3f contrast %.3f | sharp %.2f %v abs %.3f\n",
			n, v.noise, v.grain, v.means[100]/16, c.judgeable, c.share, c.here, c.contrast, c.sharp, c.sharpKnown, q)
	}
	debugFind = func(x, y int, there, share float64) {
		if n%every == 0 {
			fmt.Printf("      %5d find %d %d %.3f share %.2f\n", n, x, y, there, share)
		}
	}
	m := step.Start()
	show := func(w, h, ch int, fps float64, pix []byte) {
		f := frame.Frame{Camera: "c", Epoch: "e", Sequence: int64(n), Captured: time.Unix(0, int64(float64(n)*1e9/fps)+1e18), Width: w, Height: h, Channels: ch, Encoding: frame.Raw, Data: pix}
		out := result.Frame{Offset: int64(n)}
		in := newInput(&out, &f)
		if err := m.Next(in, &out); err != nil {
			t.Fatal(err)
		}
		in.close()
		for _, e := range out.Events {
			fmt.Printf("      %5d ===== %s %s %.3f %s\n", n, e.Type, e.Transition, e.Value, e.Detail)
		}
		n++
	}
	if _, err := os.Stat(text); err == nil {
		v, err := gocv.VideoCaptureFile(text)
		if err != nil {
			t.Fatal(err)
		}
		img := gocv.NewMat()
		for v.Read(&img) && !img.Empty() {
			show(img.Cols(), img.Rows(), 3, v.Get(gocv.VideoCaptureFPS), img.ToBytes())
		}
		return
	}
	s, err := scene.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Frames() {
		bgr, truth := s.Frame(i)
		if truth.Dropped {
			n++
			continue
		}
		show(s.Size().X, s.Size().Y, 3, s.FPS(), bgr)
	}
}

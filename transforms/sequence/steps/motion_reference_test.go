package steps

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Debian's python3-opencv belongs to Debian's Python, not to whatever python3
// comes first in the path.
const python = "/usr/bin/python3"

// box is x, y, width, height, area.
type box [5]float64

// reference runs testdata/reference/motion.py.
func reference(t *testing.T, args ...string) [][]box {
	t.Helper()
	cmd := exec.Command(python, append([]string{filepath.Join("..", "..", "..", "testdata", "reference", "motion.py")}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the reference failed (it needs OpenCV's Python binding, Debian's python3-opencv: make deps-test installs it): %v\n%s", err, stderr.Bytes())
	}
	var frames [][]box
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var boxes []box
		if err := json.Unmarshal(lines.Bytes(), &boxes); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, boxes)
	}
	return frames
}

// compare feeds the frames to a memory and compares box for box.
func compare(t *testing.T, step sequence.Step, frames []frame.Frame, want [][]box) {
	t.Helper()
	if len(want) != len(frames) {
		t.Fatalf("the reference has %d frames, not %d", len(want), len(frames))
	}
	m := step.Start()
	defer func() { m.Close() }()
	total := 0
	for i, f := range frames {
		got := []box{}
		for _, d := range look(t, m, f).Detections {
			got = append(got, box{float64(d.X), float64(d.Y), float64(d.Width), float64(d.Height), d.Area})
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Fatalf("frame %d differs from the reference: %s", i, diff)
		}
		total += len(got)
		if i%7 == 3 { // a restored memory must see the same
			saved := m.Save()
			m.Close()
			var err error
			if m, err = step.Restore(saved); err != nil {
				t.Fatal(err)
			}
		}
	}
	if total < len(frames)/2 {
		t.Errorf("only %d boxes in %d frames: the test proves little", total, len(frames))
	}
	t.Logf("%d frames, %d boxes", len(frames), total)
}

func TestMotionOnRealVideoIsThatOfPythonsOpenCV(t *testing.T) {
	path, err := samples.Path("vtest.avi")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		resize image.Point // zero: native
		png    bool
		count  int
		cfg    MotionConfig
	}{
		{"640x480 as in the original", image.Pt(640, 480), false, 200, DefaultMotion()},
		{"640x480 as PNG", image.Pt(640, 480), true, 25, DefaultMotion()},
		{"native size, other parameters", image.Point{}, false, 60, MotionConfig{Blur: 7, Threshold: 9, MinArea: 55.5, StateLimit: 1 << 20}},
	} {
		t.Run(c.name, func(t *testing.T) {
			step, err := NewMotion(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			args := append(parameters(c.cfg), "--video", path, "--frames", fmt.Sprint(c.count))
			if c.resize != (image.Point{}) {
				args = append(args, "--resize", fmt.Sprintf("%dx%d", c.resize.X, c.resize.Y))
			}
			compare(t, step, readVideo(t, path, c.count, c.resize, c.png), reference(t, args...))
		})
	}
}

func parameters(c MotionConfig) []string {
	return []string{"--blur", fmt.Sprint(c.Blur), "--threshold", fmt.Sprint(c.Threshold), "--min-area", fmt.Sprint(c.MinArea)}
}

func readVideo(t *testing.T, path string, count int, resize image.Point, png bool) (frames []frame.Frame) {
	t.Helper()
	capture, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer capture.Close()
	m := gocv.NewMat()
	defer m.Close()
	for range count {
		if !capture.Read(&m) {
			t.Fatalf("%s has only %d frames", path, len(frames))
		}
		if resize != (image.Point{}) {
			gocv.Resize(m, &m, resize, 0, 0, gocv.InterpolationCubic)
		}
		f := frame.Frame{Width: m.Cols(), Height: m.Rows(), Channels: 3, Encoding: frame.Raw, Data: m.ToBytes()}
		if png {
			b, err := gocv.IMEncode(gocv.PNGFileExt, m)
			if err != nil {
				t.Fatal(err)
			}
			f.Channels, f.Encoding, f.Data = 0, frame.PNG, bytes.Clone(b.GetBytes())
			b.Close()
		}
		frames = append(frames, f)
	}
	return frames
}

func TestMotionInNoiseIsThatOfPythonsOpenCV(t *testing.T) {
	const w, h, count = 333, 201, 40
	cfg := MotionConfig{Blur: 3, Threshold: 14, MinArea: 12, StateLimit: 192 << 10}
	step, err := NewMotion(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var frames []frame.Frame
	var file []byte
	seed := uint32(1)
	for i := range count {
		data := make([]byte, w*h*3)
		for p := range w * h {
			x, y := p%w, p/w
			for ch := range 3 {
				seed = seed*1664525 + 1013904223
				v := (x*(ch+1) + y) / 4 % 200
				if (x-7*i)%90 < 25 && (y+3*i)%60 < 30 {
					v += 35
				}
				data[3*p+ch] = byte(v + int(seed>>20)%20)
			}
		}
		file = append(file, data...)
		frames = append(frames, frame.Frame{Width: w, Height: h, Channels: 3, Encoding: frame.Raw, Data: data})
	}
	path := filepath.Join(t.TempDir(), "frames.bgr")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(parameters(cfg), "--raw", path, "--size", fmt.Sprintf("%dx%d", w, h), "--frames", fmt.Sprint(count))
	compare(t, step, frames, reference(t, args...))
}

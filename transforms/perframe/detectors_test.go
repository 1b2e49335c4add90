package perframe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Debian's python3-opencv belongs to Debian's Python.
const python = "/usr/bin/python3"

// analyse runs one analysis on one frame.
func analyse(t testing.TB, a Analysis, f *frame.Frame) result.PerFrame {
	t.Helper()
	pixels.SingleThreaded()
	pic := picture{frame: f}
	defer pic.close()
	var out result.PerFrame
	if err := a.Analyse(&pic, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// made closes the analysis when the test ends.
func made(t testing.TB, a Analysis, err error) Analysis {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := a.(interface{ Close() error }); ok {
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return a
}

// rawFrame is the Mat as a frame without loss; it closes the Mat.
func rawFrame(m gocv.Mat) *frame.Frame {
	defer m.Close()
	return &frame.Frame{Width: m.Cols(), Height: m.Rows(), Channels: m.Channels(), Encoding: frame.Raw, Data: m.ToBytes()}
}

// sample is a still of Debian's opencv-doc.
func sample(t testing.TB, name string) *frame.Frame {
	t.Helper()
	path, err := samples.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	return rawFrame(gocv.IMRead(path, gocv.IMReadColor))
}

// street is frame 30 of vtest.avi.
func street(t testing.TB) *frame.Frame {
	t.Helper()
	path, err := samples.Path("vtest.avi")
	if err != nil {
		t.Fatal(err)
	}
	video, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	m := gocv.NewMat()
	for range 30 {
		if !video.Read(&m) {
			t.Fatal("vtest.avi is too short")
		}
	}
	return rawFrame(m)
}

// reference runs testdata/reference/detectors.py on the frame, once for all jobs.
func reference(t *testing.T, f *frame.Frame, jobs ...string) [][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picture.bgr")
	if err := os.WriteFile(path, f.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{filepath.Join("..", "..", "testdata", "reference", "detectors.py"), path, fmt.Sprint(f.Width), fmt.Sprint(f.Height)}
	cmd := exec.Command(python, append(args, jobs...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the reference failed (it needs OpenCV's Python binding, Debian's python3-opencv: make deps-test installs it): %v\n%s", err, stderr.Bytes())
	}
	return bytes.Split(bytes.TrimSpace(out), []byte("\n"))
}

// box is x, y, width, height, and the score.
type box [5]float64

// boxes are those of the reference: x, y, width, height, weight.
func boxes(t *testing.T, line []byte) (all []box) {
	t.Helper()
	if err := json.Unmarshal(line, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// sameBoxes compares with what the reference found.
func sameBoxes(t *testing.T, want []box, got []result.Detection) {
	t.Helper()
	if len(want) == 0 {
		t.Error("the reference found nothing: the test proves nothing")
	}
	left := map[box]int{}
	for _, b := range want {
		b[4] = scored(b[4])
		left[b]++
	}
	for _, d := range got {
		b := box{float64(d.X), float64(d.Y), float64(d.Width), float64(d.Height), d.Score}
		if left[b]--; left[b] < 0 {
			t.Errorf("%v is not in the reference", b)
		}
	}
	for b, n := range left {
		if n > 0 {
			t.Errorf("%v of the reference is missing", b)
		}
	}
	t.Logf("%d boxes", len(got))
}

func TestPeopleAreThoseOfPythonsOpenCV(t *testing.T) {
	f := street(t)
	cases := []struct {
		name   string
		change func(*PeopleConfig)
		job    string
	}{
		{"grouped", func(c *PeopleConfig) { c.Scale = 1.1 }, `{"what":"people","winStride":[8,8],"scale":1.1}`},
		{"each window", func(c *PeopleConfig) {
			c.Grouping, c.Stride, c.Padding, c.Scale, c.HitThreshold = "none", 16, 16, 1.2, -0.2
		},
			`{"what":"people","groupThreshold":0,"winStride":[16,16],"padding":[16,16],"scale":1.2,"hitThreshold":-0.2}`},
		{"by mean shift", func(c *PeopleConfig) { c.Grouping, c.Group, c.Scale, c.Gray = "mean_shift", 1, 1.1, false },
			`{"what":"people","useMeanshiftGrouping":true,"groupThreshold":1,"winStride":[8,8],"scale":1.1}`},
	}
	var jobs []string
	for _, c := range cases {
		jobs = append(jobs, c.job)
	}
	want := reference(t, f, jobs...)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := DefaultPeople()
			cfg.Height, cfg.Scale, cfg.Overlap = 0, 1.05, 1
			c.change(&cfg)
			a, err := NewPeople("people", cfg)
			people := boxes(t, want[i])
			for i, b := range people {
				// Its windows have a margin around the person, of a quarter of the
				// width and an eighth of the height on each side.
				dx, dy := math.Floor(b[2]/4), math.Floor(b[3]/8)
				people[i] = box{b[0] + dx, b[1] + dy, b[2] - 2*dx, b[3] - 2*dy, b[4]}
			}
			sameBoxes(t, people, analyse(t, made(t, a, err), f).Detections)
		})
	}
}

func TestPeopleAreLookedAtInTheSizeInWhichTheyAreFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   image.Point
		change func(*PeopleConfig)
		want   int
	}{
		{"a small picture is enlarged", image.Pt(640, 480), func(*PeopleConfig) {}, 1280},
		{"a large one made smaller", image.Pt(1920, 1080), func(*PeopleConfig) {}, 1706},
		{"one that stands", image.Pt(480, 640), func(*PeopleConfig) {}, 960},
		{"larger people need less", image.Pt(640, 480), func(c *PeopleConfig) { c.Height = 0.2 }, 640},
		{"no end to small ones", image.Pt(640, 480), func(c *PeopleConfig) { c.Height = 1e-9 }, mostLonger},
		{"resize comes first", image.Pt(640, 480), func(c *PeopleConfig) { c.Resize = 800 }, 800},
		{"as it is", image.Pt(640, 480), func(c *PeopleConfig) { c.Height = 0 }, 0},
	} {
		cfg := DefaultPeople()
		c.change(&cfg)
		if got := cfg.longer(c.size); got != c.want {
			t.Errorf("%s: %v is looked at with a longer side of %d, want %d", c.name, c.size, got, c.want)
		}
	}
}

func TestPeopleAreFoundInFramesOfOtherSizes(t *testing.T) {
	f := street(t)
	cfg := DefaultPeople()
	cfg.Height = 0
	cfg.Gray, cfg.Padding, cfg.Scale = true, 16, 1.2
	var ds []result.Detection
	for _, cfg.Resize = range []int{0, 1000} {
		a, err := NewPeople("people", cfg)
		ds = analyse(t, made(t, a, err), f).Detections
		found := false
		for _, d := range ds {
			if d.X < 0 || d.Y < 0 || int(d.X+d.Width) > f.Width || int(d.Y+d.Height) > f.Height || d.Label != "person" || d.Analysis != "people" {
				t.Errorf("resized to %d: %+v", cfg.Resize, d)
			}
			found = found || d.X > 580 && d.X < 660 && d.Y > 200 && d.Y < 260
		}
		if !found {
			t.Errorf("resized to %d, the man in front is not found: %+v", cfg.Resize, ds)
		}
	}
	cfg.MinScore = (ds[0].Score + ds[len(ds)-1].Score) / 2
	a, err := NewPeople("people", cfg)
	if got := analyse(t, made(t, a, err), f).Detections; len(got) == 0 || len(got) >= len(ds) || got[len(got)-1].Score < cfg.MinScore {
		t.Errorf("of score %v and above: %+v", cfg.MinScore, got)
	}
}

func TestFacesAreThoseOfPythonsOpenCV(t *testing.T) {
	f := sample(t, "messi5.jpg")
	const folder = "/usr/share/opencv4/"
	cases := []struct {
		cascade string
		change  func(*FacesConfig)
		job     string
	}{
		{"haarcascade_frontalface_default", func(*FacesConfig) {},
			`{"what":"cascade","file":"` + folder + `haarcascades/haarcascade_frontalface_default.xml","equalize":true}`},
		{"lbpcascade_frontalface", func(c *FacesConfig) { c.Equalize = false },
			`{"what":"cascade","file":"` + folder + `lbpcascades/lbpcascade_frontalface.xml"}`},
		{"haarcascade_frontalface_alt2", func(c *FacesConfig) { c.Neighbours, c.Scale, c.MinSize = 1, 1.05, 40.1/342 },
			`{"what":"cascade","file":"` + folder + `haarcascades/haarcascade_frontalface_alt2.xml","equalize":true,"minNeighbors":1,"scaleFactor":1.05,"minSize":[40,40]}`},
	}
	var jobs []string
	for _, c := range cases {
		jobs = append(jobs, c.job)
	}
	want := reference(t, f, jobs...)
	for i, c := range cases {
		t.Run(c.cascade, func(t *testing.T) {
			cfg := DefaultFaces()
			cfg.Cascade, cfg.Overlap = c.cascade, 1
			c.change(&cfg)
			a, err := NewFaces("faces", cfg)
			got := analyse(t, made(t, a, err), f).Detections
			sameBoxes(t, boxes(t, want[i]), got)
			for _, d := range got {
				if d.Label != "face" {
					t.Errorf("label %q", d.Label)
				}
			}
		})
	}
}

func TestEveryCascadeOfOpenCVIsReadAndNamed(t *testing.T) {
	for _, dir := range cascadeFolders[:2] {
		files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no cascades in %s: %v (make deps installs opencv-data)", dir, err)
		}
		for _, file := range files {
			cfg := DefaultFaces()
			cfg.Cascade = strings.TrimSuffix(filepath.Base(file), ".xml")
			a, err := NewFaces("faces", cfg)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if l := a.(*faces).label; l == "" || strings.Contains(l, "cascade") || strings.Contains(file, "_profileface") && l != "face" {
				t.Errorf("%s finds %q", file, l)
			}
		}
	}
}

func TestSizesOfFacesAreLimited(t *testing.T) {
	f := sample(t, "messi5.jpg")
	cfg := DefaultFaces()
	cfg.MaxSize = 0.15 // 51 pixels
	a, err := NewFaces("faces", cfg)
	ds := analyse(t, made(t, a, err), f).Detections
	for _, d := range ds {
		if d.Width > 51 {
			t.Errorf("a face of %d pixels", d.Width)
		}
	}
	cfg.MaxSize, cfg.Resize, cfg.Label = 1, 1096, "head"
	a, err = NewFaces("faces", cfg)
	for _, d := range analyse(t, made(t, a, err), f).Detections {
		ds = append(ds, d)
		if d.Label != "head" || int(d.X+d.Width) > f.Width || int(d.Y+d.Height) > f.Height {
			t.Errorf("%+v", d)
		}
	}
	if len(ds) < 2 {
		t.Error("nothing found: the test proves nothing")
	}
}

// Sizes at which a detector's window, pyramid or resize might trip.
func TestNoSizeOfAPictureIsAnError(t *testing.T) {
	folder := "testdata/"
	specs := []params.Spec{
		{Kind: "people", Params: json.RawMessage(`{"padding":32,"scale":1.5}`)}, {Kind: "people", Params: json.RawMessage(`{"grouping":"mean_shift","resize":200,"scale":1.5}`)},
		{Kind: "faces"}, {Kind: "cascades", Params: json.RawMessage(`{"cascade":"lbpcascade_frontalface","max_size":0.01,"resize":64}`)},
		{Kind: "cascades", Params: json.RawMessage(`{"cascade":"haarcascade_russian_plate_number","neighbours":0,"max_size":0.9}`)},
		{Kind: "networks", Params: json.RawMessage(`{"model":"` + folder + `cells_yolov8.onnx","width":32,"height":32}`)},
		{Kind: "histogram"}, {Kind: "perceptual_hash"}, {Kind: "keypoints"}, {Kind: "keypoints", Params: json.RawMessage(`{"resize":0,"count":1}`)}, {Kind: "quality"},
	}
	for _, s := range specs {
		s.Name = s.Kind
		a, err := Make(s)
		a = made(t, a, err)
		for _, size := range [][2]int{{1, 1}, {1, 300}, {300, 1}, {2, 3}, {17, 33}, {31, 64}, {62, 63}, {63, 127}, {64, 128}, {65, 129}, {200, 10}} {
			for _, channels := range []int{1, 3} {
				f := &frame.Frame{Width: size[0], Height: size[1], Channels: channels, Encoding: frame.Raw, Data: noise(size[0] * size[1] * channels)}
				out := analyse(t, a, f)
				if diff := cmp.Diff(out, analyse(t, a, f)); diff != "" {
					t.Errorf("%s at %v: the same frame gives something else the second time: %s", s.Kind, size, diff)
				}
				for _, d := range out.Detections {
					if d.X < 0 || d.Y < 0 || d.Width <= 0 || d.Height <= 0 || int(d.X+d.Width) > size[0] || int(d.Y+d.Height) > size[1] || d.Score < 0 || d.Score > 1 {
						t.Errorf("%s at %v: %+v", s.Kind, size, d)
					}
				}
			}
		}
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	v := uint32(1)
	for i := range b {
		v = v*1664525 + 1013904223
		b[i] = byte(v >> 24)
	}
	return b
}

func TestWhatOpenCVThrowsIsAnError(t *testing.T) {
	m := gocv.NewMatWithSize(10, 10, gocv.MatTypeCV32F) // of no use to any of them
	defer m.Close()
	h, err := detectors.NewHOG()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Detect(m, detectors.HOGOptions{Stride: 8, Scale: 1.05}); err == nil || !strings.Contains(err.Error(), "OpenCV") {
		t.Errorf("people: %v", err)
	}
	if _, err := detectors.ORB(m, detectors.ORBOptions{Count: 5, Scale: 1.2, Levels: 0}); err == nil {
		t.Error("ORB without levels: no error")
	}
	for _, xml := range []string{"", "<", "<?xml version=\"1.0\"?><opencv_storage><a/></opencv_storage>", "%YAML:1.0\n---\na: 1\n"} {
		if _, err := detectors.NewCascade([]byte(xml)); err == nil {
			t.Errorf("%q is a cascade", xml)
		}
	}
	if _, err := detectors.Cells(m, 9, 8); err == nil {
		t.Error("cells of floats: no error")
	}
	var tables [3][256]uint16
	if _, err := detectors.Bins(m, &tables, 1); err == nil {
		t.Error("bins of floats: no error")
	}
	tables[2][255] = 1
	if _, err := detectors.Bins(m, &tables, 1); err == nil {
		t.Error("bins out of range: no error")
	}
}

package perframe

import (
	"encoding/json"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/models"
	"github.com/framebeam/framebeam/transforms/vision/models/modelstest"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// roughly takes scores for equal that differ in the last digits of 32-bit floats.
var roughly = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-5 })

// added puts a network of testdata under a name into a models folder of its own.
func added(t *testing.T, name, file string, cfg NetworkConfig) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv(models.Env, dir)
	b, err := Described(read(t, filepath.Join("testdata", file)), cfg)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name+models.Extension)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestObjectsAreFoundAsTheModelsFileSays(t *testing.T) {
	added(t, "cells", "cells_yolov8.onnx", small("cells_yolov8.onnx", "yolov8", func(c *NetworkConfig) { c.Classes = []string{"red", "blue"} }))
	f := painted(64, 64, 16, map[[4]int]rgb{{1, 1, 1, 1}: {255, 0, 0}, {3, 2, 1, 1}: {0, 0, 255}, {0, 0, 1, 1}: {102, 0, 0}})
	found := func(params string) []result.Detection {
		t.Helper()
		a, err := Make(specOf("objects", params))
		return analyse(t, made(t, a, err), f).Detections
	}
	one := func(label string, x, y int32, score float64) result.Detection {
		return result.Detection{Analysis: "objects", Label: label, X: x, Y: y, Width: 16, Height: 16, Score: score}
	}
	for params, want := range map[string][]result.Detection{
		`{"model":"cells"}`:                                   {one("blue", 48, 32, 1), one("red", 16, 16, 1)},
		`{"model":"cells","labels":["red"]}`:                  {one("red", 16, 16, 1)},
		`{"model":"cells","most":1}`:                          {one("blue", 48, 32, 1)},
		`{"model":"cells","threshold":0.39,"labels":["red"]}`: {one("red", 16, 16, 1), one("red", 0, 0, 0.4)},
	} {
		if diff := cmp.Diff(want, found(params), roughly); diff != "" {
			t.Errorf("%s: %s", params, diff)
		}
	}
}

func specOf(kind, p string) params.Spec {
	return params.Spec{Kind: kind, Name: kind, Params: json.RawMessage(p)}
}

// A job is described where the file is, or with its digest; a worker without it says what to do.
func TestAModelIsPinnedWhereAJobIsDescribed(t *testing.T) {
	path := added(t, "cells", "cells_yolov8.onnx", small("cells_yolov8.onnx", "yolov8"))
	f := painted(32, 32, 8, nil)
	spec, err := Resolve(specOf("objects", `{"model":"cells"}`))
	if err != nil {
		t.Fatal(err)
	}
	good := read(t, path)
	if !strings.Contains(string(spec.Params), models.SHA256(good)) {
		t.Fatalf("no digest in %s", spec.Params)
	}
	if again, err := Resolve(spec); err != nil || string(again.Params) != string(spec.Params) {
		t.Errorf("complete parameters become %s, %v", again.Params, err)
	}
	digest := func(s params.Spec) string {
		a, err := Make(s)
		return made(t, a, err).Digest()
	}
	if digest(spec) != digest(specOf("objects", `{"model":"`+path+`"}`)) {
		t.Error("the path of a file changes the digest")
	}
	if digest(spec) == digest(specOf("objects", `{"model":"cells","threshold":0.4}`)) {
		t.Error("another threshold gives the same digest")
	}

	if err := os.WriteFile(path, models.Describe(good, "{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, spec, f, "SHA-256")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refused(t, spec, f, `model "cells" is not in `)
	if _, err := Resolve(specOf("objects", `{"model":"cells"}`)); err == nil || !strings.Contains(err.Error(), "framebeam models add") {
		t.Errorf("without a file: %v", err)
	}
	if _, err := Resolve(specOf("objects", `{}`)); err == nil || !strings.Contains(err.Error(), "framebeam models fetch "+models.Objects) {
		t.Errorf("without one of the catalogue: %v", err)
	}
	if err := os.WriteFile(path, read(t, "testdata/cells_yolov8.onnx"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(specOf("objects", `{"model":"cells"}`)); err == nil || !strings.Contains(err.Error(), "does not say how it is used") {
		t.Errorf("without a description: %v", err)
	}
}

func TestObjectsRefuseWhatNoModelHas(t *testing.T) {
	cfg := DefaultObjects()
	cfg.Labels, cfg.Model, cfg.Threshold = []string{"person", "unicorn"}, models.Objects, 2
	err := cfg.Validate()
	for _, want := range []string{`labels/1: "unicorn" is not what ssdlite`, "threshold: 2 is not 0 to 1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	cfg = DefaultObjects()
	cfg.Model = "A B"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "model: ") {
		t.Errorf("error %v", err)
	}
	added(t, "cells", "cells_yolov8.onnx", small("cells_yolov8.onnx", "yolov8", func(c *NetworkConfig) { c.Classes = []string{"red", "blue"} }))
	if _, err := Resolve(specOf("objects", `{"model":"cells","labels":["green"]}`)); err == nil || !strings.Contains(err.Error(), `"green" is not one of the classes`) {
		t.Errorf("error %v", err)
	}
}

// The cells of YOLOX on an input of 64x32 pixels: 8x4 of 8 pixels, 4x2 of 16, 2x1 of 32.
func TestYOLOXCountsInCells(t *testing.T) {
	cfg := small("cells_yolov5.onnx", "yolox")
	cfg.Width, cfg.Height = 64, 32
	a := newNetwork(cfg)
	a.name = "networks/n"
	data := make([]float32, 42*6)
	row := func(i int, v ...float32) { copy(data[6*i:], v) }
	row(8*2+3, 0.5, 0.5, 0, 0, 1, 0.9)                   // of 8 pixels: row 2, column 3
	row(32+4+1, 0, 0, 0, 0.6931472, 1, 0.8)              // of 16: row 1, column 1, twice as high
	row(40+1, 0.25, 0.5, -0.6931472, -0.6931472, 0.7, 1) // of 32: column 1
	found, err := a.read(detectors.Output{Dims: []int{1, 42, 6}, Data: data}, a.fit(image.Pt(64, 32)))
	if err != nil {
		t.Fatal(err)
	}
	want := []result.Detection{at("0", 24, 16, 8, 8, 0.9), at("0", 8, 0, 16, 32, 0.8), at("0", 32, 8, 16, 16, 0.7)}
	if diff := cmp.Diff(want, found.all, roughly); diff != "" {
		t.Error(diff)
	}
}

// In every 60th frame of vtest.avi both parked vehicles are found, and most of the persons.
func TestTheCataloguesNetworkFindsPersonsAndCars(t *testing.T) {
	modelstest.Path(t, models.Objects)
	pixels.SingleThreaded()
	path, err := samples.Path("vtest.avi")
	if err != nil {
		t.Fatal(err)
	}
	video, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	a, err := Make(specOf("objects", `{"labels":["person","car","bus","truck"]}`))
	a = made(t, a, err)
	m := gocv.NewMat()
	defer m.Close()
	persons, parked, frames := 0, 0, 0
	for n := 0; video.Read(&m); n++ {
		if n%60 != 0 {
			continue
		}
		frames++
		f := &frame.Frame{Width: m.Cols(), Height: m.Rows(), Channels: 3, Encoding: frame.Raw, Data: m.ToBytes()}
		ds := analyse(t, a, f).Detections
		if again := analyse(t, a, f).Detections; !slices.Equal(ds, again) {
			t.Errorf("frame %d: the second time %v, the first %v", n, again, ds)
		}
		for _, d := range ds {
			switch {
			case d.Label == "person":
				persons++
			case d.Y < 150:
				parked++
			}
			if d.Score < 0.5 || d.Analysis != "objects" {
				t.Errorf("frame %d: %+v", n, d)
			}
		}
	}
	t.Logf("%d frames, %d persons, %d parked vehicles", frames, persons, parked)
	if frames != 14 || persons < 50 || parked < 2*frames || parked > 3*frames {
		t.Errorf("%d frames, %d persons, %d parked vehicles", frames, persons, parked)
	}
}

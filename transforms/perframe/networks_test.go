package perframe

import (
	"encoding/json"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/models"
)

// rgb is red, green, blue.
type rgb [3]byte

// painted is a picture of w x h pixels with rectangles of colours in units of so many
// pixels: x, y, width, height.
func painted(w, h, unit int, cells map[[4]int]rgb) *frame.Frame {
	f := &frame.Frame{Width: w, Height: h, Channels: 3, Encoding: frame.Raw, Data: make([]byte, 3*w*h)}
	for at, c := range cells {
		for y := at[1] * unit; y < (at[1]+at[3])*unit; y++ {
			for x := at[0] * unit; x < (at[0]+at[2])*unit; x++ {
				copy(f.Data[3*(y*w+x):], []byte{c[2], c[1], c[0]})
			}
		}
	}
	return f
}

// small is a configuration for one of the networks of testdata/reference/network.py.
func small(model, output string, change ...func(*NetworkConfig)) NetworkConfig {
	c := DefaultNetwork()
	c.Model, c.Width, c.Height, c.Fit, c.Output, c.Threshold = filepath.Join("testdata", model), 32, 32, "stretch", output, 0.5
	for _, ch := range change {
		ch(&c)
	}
	return c
}

func at(label string, x, y, w, h int32, score float64) result.Detection {
	return result.Detection{Analysis: "networks/n", Label: label, X: x, Y: y, Width: w, Height: h, Score: score}
}

func TestNetworksFindWhatTheirArithmeticSays(t *testing.T) {
	red, blue, dim, white := rgb{255, 0, 0}, rgb{0, 0, 255}, rgb{51, 51, 51}, rgb{255, 255, 255}
	classes := func(c *NetworkConfig) { c.Classes = []string{"red", "blue"} }
	two := map[[4]int]rgb{{1, 1, 1, 1}: red, {3, 2, 1, 1}: blue, {0, 0, 1, 1}: dim}
	for _, c := range []struct {
		name string
		cfg  NetworkConfig
		f    *frame.Frame
		want []result.Detection
	}{
		{"yolov8", small("cells_yolov8.onnx", "yolov8", classes), painted(32, 32, 8, two),
			[]result.Detection{at("blue", 24, 16, 8, 8, 1), at("red", 8, 8, 8, 8, 1)}},
		{"classes without names", small("cells_yolov8.onnx", "yolov8"), painted(32, 32, 8, two),
			[]result.Detection{at("0", 8, 8, 8, 8, 1), at("1", 24, 16, 8, 8, 1)}},
		{"only some labels", small("cells_yolov8.onnx", "yolov8", classes, func(c *NetworkConfig) { c.Labels = []string{"red"} }), painted(32, 32, 8, two),
			[]result.Detection{at("red", 8, 8, 8, 8, 1)}},
		{"a lower threshold", small("cells_yolov8.onnx", "yolov8", classes, func(c *NetworkConfig) { c.Threshold = 0.19 }), painted(32, 32, 8, two),
			[]result.Detection{at("blue", 24, 16, 8, 8, 1), at("red", 8, 8, 8, 8, 1), at("red", 0, 0, 8, 8, 0.2)}},
		{"at most one", small("cells_yolov8.onnx", "yolov8", classes, func(c *NetworkConfig) { c.Most = 1 }), painted(32, 32, 8, two),
			[]result.Detection{at("blue", 24, 16, 8, 8, 1)}},
		{"blue first", small("cells_yolov8.onnx", "yolov8", classes, func(c *NetworkConfig) { c.SwapRB = false }), painted(32, 32, 8, two),
			[]result.Detection{at("blue", 8, 8, 8, 8, 1), at("red", 24, 16, 8, 8, 1)}},
		{"stretched", small("cells_yolov8.onnx", "yolov8", classes), painted(64, 96, 8, map[[4]int]rgb{{2, 3, 2, 3}: red}),
			[]result.Detection{at("red", 16, 24, 16, 24, 1)}},
		{"a wide picture in a letterbox", small("cells_yolov8.onnx", "yolov8", classes, func(c *NetworkConfig) { c.Fit = "letterbox" }),
			painted(64, 32, 16, map[[4]int]rgb{{1, 0, 1, 1}: red, {3, 1, 1, 1}: blue}),
			[]result.Detection{at("blue", 48, 16, 16, 16, 1), at("red", 16, 0, 16, 16, 1)}},
		{"a high picture in a letterbox", small("cells_yolov8.onnx", "yolov8", classes, func(c *NetworkConfig) { c.Fit = "letterbox" }),
			painted(16, 32, 8, map[[4]int]rgb{{1, 3, 1, 1}: red}),
			[]result.Detection{at("red", 8, 24, 8, 8, 1)}},
		// Bars of white are red and blue alike, and lie outside of the picture.
		{"nothing in the bars", small("cells_yolov8.onnx", "yolov8", classes, func(c *NetworkConfig) { c.Fit, c.Bars = "letterbox", 255 }),
			painted(64, 32, 16, nil), nil},
		// Boxes of 12x12 pixels 8 apart share 12*4 of 12*20: 0.2; at the edge they are cut.
		{"yolov5, overlapping", small("cells_yolov5.onnx", "yolov5", classes, func(c *NetworkConfig) { c.Threshold, c.Overlap = 0.3, 0.19 }),
			painted(32, 32, 8, map[[4]int]rgb{{1, 1, 1, 1}: {255, 255, 0}, {2, 1, 1, 1}: {204, 204, 0}, {2, 2, 1, 1}: {0, 255, 255}}),
			[]result.Detection{at("blue", 14, 14, 12, 12, 2.0/3), at("red", 6, 6, 12, 12, 2.0/3)}},
		{"yolov5, overlapping less than allowed", small("cells_yolov5.onnx", "yolov5", classes, func(c *NetworkConfig) { c.Threshold, c.Overlap = 0.3, 0.21 }),
			painted(32, 32, 8, map[[4]int]rgb{{1, 1, 1, 1}: {255, 255, 0}, {2, 1, 1, 1}: {204, 204, 0}}),
			[]result.Detection{at("red", 6, 6, 12, 12, 2.0/3), at("red", 14, 6, 12, 12, 0.8*0.8*2/3)}},
		{"ssd", small("cells_ssd.onnx", "ssd", func(c *NetworkConfig) { c.Classes = []string{"background", "light"} }),
			painted(64, 64, 16, map[[4]int]rgb{{0, 3, 1, 1}: white, {1, 1, 1, 1}: dim, {3, 3, 1, 1}: {200, 200, 200}}),
			[]result.Detection{at("light", 0, 48, 16, 16, 1), at("light", 48, 48, 16, 16, 200.0/255)}},
		{"classify", small("color.onnx", "classify", func(c *NetworkConfig) { c.Classes = []string{"red", "green", "blue"} }),
			painted(20, 10, 10, map[[4]int]rgb{{0, 0, 2, 1}: {102, 153, 255}}),
			[]result.Detection{at("blue", 0, 0, 20, 10, 1), at("green", 0, 0, 20, 10, 0.6)}},
		{"classify by softmax", small("color.onnx", "classify", func(c *NetworkConfig) { c.Softmax, c.Threshold, c.Most = true, 0, 2 }),
			painted(20, 10, 10, map[[4]int]rgb{{0, 0, 2, 1}: {102, 153, 255}}),
			[]result.Detection{
				at("2", 0, 0, 20, 10, math.E/(math.Exp(0.4)+math.Exp(0.6)+math.E)), at("1", 0, 0, 20, 10, math.Exp(0.6)/(math.Exp(0.4)+math.Exp(0.6)+math.E)),
			}},
		{"mean and deviation per channel", small("color.onnx", "classify", func(c *NetworkConfig) {
			c.Scale, c.Mean, c.Std, c.Threshold = 1, []float64{2, 53, 155}, []float64{100, 200, 400}, 0.1
		}), painted(20, 10, 10, map[[4]int]rgb{{0, 0, 2, 1}: {102, 153, 255}}),
			[]result.Detection{at("0", 0, 0, 20, 10, 1), at("1", 0, 0, 20, 10, 0.5), at("2", 0, 0, 20, 10, 0.25)}},
		{"one channel", small("gray.onnx", "classify", func(c *NetworkConfig) { c.Gray, c.Mean = true, []float64{51} }),
			painted(8, 8, 8, map[[4]int]rgb{{0, 0, 1, 1}: {204, 204, 204}}), []result.Detection{at("0", 0, 0, 8, 8, 0.6)}},
		{"a named output", small("two.onnx", "classify", func(c *NetworkConfig) { c.Layer = "double" }),
			painted(8, 8, 8, map[[4]int]rgb{{0, 0, 1, 1}: {51, 76, 102}}),
			[]result.Detection{at("2", 0, 0, 8, 8, 0.8), at("1", 0, 0, 8, 8, 152.0/255)}},
		{"Caffe", small("color.caffemodel", "classify", func(c *NetworkConfig) { c.Prototxt, c.Threshold = "testdata/color.prototxt", 0.1 }),
			painted(8, 8, 8, map[[4]int]rgb{{0, 0, 1, 1}: white}),
			[]result.Detection{at("0", 0, 0, 8, 8, 0.5), at("1", 0, 0, 8, 8, 0.25), at("2", 0, 0, 8, 8, 0.125)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := NewNetwork("networks/n", c.cfg)
			got := analyse(t, made(t, a, err), c.f).Detections
			near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-5 })
			if diff := cmp.Diff(c.want, got, near); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestANetworksOutputIsThatOfPythonsOpenCV(t *testing.T) {
	f := &frame.Frame{Width: 32, Height: 32, Channels: 3, Encoding: frame.Raw, Data: noise(32 * 32 * 3)}
	m, err := gocv.NewMatFromBytes(32, 32, gocv.MatTypeCV8UC3, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	models := []string{"cells_yolov5.onnx", "cells_yolov8.onnx", "cells_ssd.onnx", "color.onnx"}
	var jobs []string
	for _, name := range models {
		jobs = append(jobs, `{"what":"network","model":"testdata/`+name+`","side":32}`)
	}
	for i, line := range reference(t, f, jobs...) {
		var want []float32
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		net, err := detectors.NewONNX(read(t, "testdata/"+models[i]))
		if err != nil {
			t.Fatal(err)
		}
		defer net.Close()
		got, err := net.Forward(m, detectors.NetworkInput{Scale: 1.0 / 255, Std: [3]float64{1, 1, 1}, SwapRB: true}, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Data); diff != "" {
			t.Errorf("%s: %s", models[i], diff)
		}
	}
}

func TestAnOutputThatIsNotWhatIsConfiguredIsAnError(t *testing.T) {
	f := painted(32, 32, 8, nil)
	for _, c := range []struct {
		cfg  NetworkConfig
		want string
	}{
		{small("color.onnx", "yolov8"), "[1,3], that of yolov8 is [1,4+C,N]"},
		{small("cells_yolov8.onnx", "ssd"), "[1,6,16], that of ssd is [1,1,N,7]"},
		{small("cells_yolov5.onnx", "yolov5", func(c *NetworkConfig) { c.Classes = []string{"a"} }), "that of yolov5 is [1,N,5+1]"},
		{small("cells_ssd.onnx", "classify"), "that of classify is [1,C]"},
		{small("color.onnx", "classify", func(c *NetworkConfig) { c.Classes = []string{"a"} }), "is [1,1]"},
		{small("two.onnx", "classify"), "several outputs, one must be named: "},
		{small("two.onnx", "classify", func(c *NetworkConfig) { c.Layer = "triple" }), "triple"},
		{small("gray.onnx", "classify", func(c *NetworkConfig) { c.Output = "yolov5" }), "that of yolov5"},
	} {
		if _, err := NewNetwork("networks/n", c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %s: error %v, want %q", c.cfg.Model, c.cfg.Output, err, c.want)
		}
		// A worker, for which the files are pinned, finds out at its first frame.
		c.cfg.ModelSHA256 = models.SHA256(read(t, c.cfg.Model))
		a, err := NewNetwork("networks/n", c.cfg)
		a = made(t, a, err)
		pic := picture{frame: f}
		var out result.PerFrame
		if err := a.Analyse(&pic, &out); err == nil || !strings.Contains(err.Error(), c.want) || asPoison(err) != nil {
			t.Errorf("%s as %s: error %v, want %q", c.cfg.Model, c.cfg.Output, err, c.want)
		}
		pic.close()
	}
}

// Each output has a good box, and one that is no box.
func TestABoxOfANetworkOutsideIsDroppedAndOneThatIsNoNumberIsAWrongAnswer(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name          string
		output        string
		data          []float32 // rows
		found, droppd int
		wrong         bool
	}{
		{"ssd, outside", "ssd", []float32{0, 1, 0.9, 0.1, 0.1, 0.5, 0.5, 0, 1, 0.8, 1.5, 0.1, 2, 0.5}, 1, 1, false},
		{"ssd, without height", "ssd", []float32{0, 1, 0.9, 0.1, 0.1, 0.5, 0.5, 0, 1, 0.8, 0.1, 0.2, 0.5, 0.2}, 1, 1, false},
		{"ssd, upside down", "ssd", []float32{0, 1, 0.9, 0.1, 0.1, 0.5, 0.5, 0, 1, 0.8, 0.1, 0.5, 0.5, 0.2}, 1, 1, false},
		{"ssd, an edge that is no number", "ssd", []float32{0, 1, 0.9, 0.1, 0.1, 0.5, 0.5, 0, 1, 0.8, nan, 0.1, 0.5, 0.5}, 0, 0, true},
		{"ssd, an infinite edge", "ssd", []float32{0, 1, 0.9, 0.1, 0.1, 0.5, 0.5, 0, 1, 0.8, 0, 0.1, inf, 0.5}, 0, 0, true},
		{"ssd, a score that is no number", "ssd", []float32{0, 1, 0.9, 0.1, 0.1, 0.5, 0.5, 0, 1, nan, 0.1, 0.1, 0.5, 0.5}, 0, 0, true},
		{"ssd, nothing found", "ssd", []float32{-1, nan, nan, nan, nan, nan, nan}, 0, 0, false},
		{"yolov5, hardly there", "yolov5", []float32{16, 16, 8, 8, 1, 0.9, 16, 16, 1e-9, 8, 1, 0.9}, 1, 1, false},
		{"yolov5, a middle that is no number", "yolov5", []float32{16, 16, 8, 8, 1, 0.9, nan, 16, 8, 8, 1, 0.9}, 0, 0, true},
		{"yolov5, whether there is anything is no number", "yolov5", []float32{16, 16, 8, 8, nan, 0.9}, 0, 0, true},
		{"yolov5, no number where nothing is", "yolov5", []float32{16, 16, 8, 8, 1, 0.9, nan, nan, 8, 8, 0, 0.9}, 1, 0, false},
		{"yolov5, the score of a second class is no number", "yolov5", []float32{16, 16, 8, 8, 1, 0.9, nan}, 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := small("cells_yolov5.onnx", c.output)
			cfg.Fit, cfg.Classes, cfg.Threshold = "stretch", nil, 0.25
			a := newNetwork(cfg)
			wide := map[string]int{"ssd": 7, "yolov5": 6}[c.output]
			if len(c.data)%wide != 0 {
				wide = len(c.data)
			}
			found, err := a.read(detectors.Output{Dims: []int{1, len(c.data) / wide, wide}, Data: c.data}, a.fit(image.Pt(32, 32)))
			if errors.Is(err, errNoNumber) != c.wrong || err != nil && !c.wrong {
				t.Fatalf("error %v", err)
			}
			if !c.wrong && (len(found.all) != c.found || found.dropped != c.droppd) {
				t.Errorf("%+v", found)
			}
		})
	}
}

func TestDamagedModelsAreErrors(t *testing.T) {
	dir := t.TempDir()
	try := func(model, proto []byte) error {
		c := small("", "classify")
		c.Model = filepath.Join(dir, "model")
		if err := os.WriteFile(c.Model, model, 0o600); err != nil {
			t.Fatal(err)
		}
		if proto != nil {
			c.Prototxt = filepath.Join(dir, "prototxt")
			if err := os.WriteFile(c.Prototxt, proto, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := NewNetwork("networks/n", c)
		if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 600) {
			t.Errorf("error %v", err)
		}
		return err
	}
	good := read(t, "testdata/cells_yolov5.onnx")
	for n := 0; n < len(good)/2; n += 13 {
		if try(good[:n], nil) == nil {
			t.Errorf("the first %d of %d bytes are a network", n, len(good))
		}
	}
	if err := try(noise(5000), nil); err == nil || !strings.Contains(err.Error(), "model: ONNX network: OpenCV: ") {
		t.Errorf("noise: %v", err)
	}
	proto, weights := read(t, "testdata/color.prototxt"), read(t, "testdata/color.caffemodel")
	for name, c := range map[string][2][]byte{
		"half a prototxt":          {weights, proto[:len(proto)/2]},
		"noise for a prototxt":     {weights, noise(500)},
		"an empty prototxt":        {weights, {}},
		"half the weights":         {weights[:len(weights)/2], proto},
		"noise for weights":        {noise(500), proto},
		"an ONNX file for weights": {good, proto},
		"no weights":               {{}, proto},
	} {
		if try(c[0], c[1]) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

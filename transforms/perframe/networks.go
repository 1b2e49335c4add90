package perframe

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"slices"
	"strconv"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func init() {
	Register(Kind{
		Kind:    params.KindOf("networks", "what neural networks find, each named (ONNX or Caffe, by OpenCV on the CPU)", true, DefaultNetwork()),
		Detects: true,
		Resolve: func(p params.Params) (params.Params, error) { return p.(NetworkConfig).resolve() },
		Make:    func(name string, p params.Params) (Analysis, error) { return NewNetwork(name, p.(NetworkConfig)) },
	})
}

// NetworkConfig are the parameters of a network; see [DefaultNetwork].
type NetworkConfig struct {
	Model          string `json:"model" doc:"path of the network: an ONNX file with its weights in it, or Caffe's weights (.caffemodel)"`
	ModelSHA256    string `json:"model_sha256" doc:"SHA-256 of the model, in hex; filled in where the job is described if the file is there"`
	Prototxt       string `json:"prototxt" doc:"path of the description of a Caffe network; empty: ONNX"`
	PrototxtSHA256 string `json:"prototxt_sha256" doc:"SHA-256 of the prototxt, likewise"`

	Width     int       `json:"width" min:"1" max:"4096" doc:"pixels of the network's input"`
	Height    int       `json:"height" min:"1" max:"4096" doc:"pixels of the network's input"`
	Gray      bool      `json:"gray" doc:"the input has one channel, not three"`
	SwapRB    bool      `json:"swap_rb" doc:"the input's channels are red, green, blue, not OpenCV's blue, green, red"`
	Scale     float64   `json:"scale" doc:"the input is (pixel - mean) * scale / std, the pixel 0 to 255"`
	Mean      []float64 `json:"mean" items:"1,3" doc:"one number, or one per channel in the order of the input, 0 to 255"`
	Std       []float64 `json:"std" items:"1,3" doc:"one number, or one per channel in the order of the input"`
	Fit       string    `json:"fit" enum:"stretch,letterbox,corner" doc:"the picture is stretched to the input's size, or keeps its proportions between bars; corner: with the bars to the right and below"`
	Bars      int       `json:"bars" min:"0" max:"255" doc:"gray of the letterbox's bars"`
	Layer     string    `json:"layer" doc:"name of the output; empty: the only one"`
	Output    string    `json:"output" enum:"ssd,yolov5,yolov8,yolox,classify" doc:"what the output means: ssd [1,1,N,7], yolov5 [1,N,5+C], yolov8 [1,4+C,N], yolox [1,N,5+C] in cells of its three grids, classify [1,C]"`
	Softmax   bool      `json:"softmax" doc:"the output of classify is not yet probabilities"`
	Classes   []string  `json:"classes" items:"0,10000" doc:"labels of the classes, from class 0 on; of a class without one, its number"`
	Labels    []string  `json:"labels" items:"0,10000" doc:"keep only these labels; empty: all"`
	Threshold float64   `json:"threshold" min:"0" max:"1" doc:"least score"`
	Overlap   float64   `json:"overlap" min:"0" max:"1" doc:"share of what two boxes of a class cover above which the weaker is dropped"`
	Most      int       `json:"most" min:"1" max:"1000" doc:"most detections in a frame, the strongest"`
}

// DefaultNetwork are the parameters of YOLO networks as they are commonly exported,
// but for the model: 640x640 pixels, red first, 0 to 1, letterbox with bars of 114.
func DefaultNetwork() NetworkConfig {
	return NetworkConfig{
		Width: 640, Height: 640, SwapRB: true, Scale: 1.0 / 255, Mean: []float64{0}, Std: []float64{1}, Fit: "letterbox", Bars: 114,
		Output: "yolov8", Threshold: 0.25, Overlap: 0.45, Most: 300,
	}
}

// Validate returns every violation, joined.
func (c NetworkConfig) Validate() error {
	errs := []error{params.Check(c), checkSHA("model_sha256", c.ModelSHA256), checkSHA("prototxt_sha256", c.PrototxtSHA256)}
	wrong := func(field, format string, args ...any) { errs = append(errs, params.Wrong(field, format, args...)) }
	if c.Model == "" {
		wrong("model", "is missing")
	}
	if c.Prototxt == "" && c.PrototxtSHA256 != "" {
		wrong("prototxt_sha256", "is given without a prototxt")
	}
	channels := func(field string, list []float64) {
		if len(list) == 2 || c.Gray && len(list) > 1 {
			wrong(field, "has %d numbers, the input another number of channels", len(list))
		}
	}
	channels("mean", c.Mean)
	channels("std", c.Std)
	if c.Scale == 0 {
		wrong("scale", "is 0")
	}
	if slices.ContainsFunc(c.Std, func(s float64) bool { return s <= 0 }) {
		wrong("std", "has a number that is not above 0")
	}
	if c.Softmax && c.Output != "classify" {
		wrong("softmax", "is for classify only")
	}
	for _, l := range c.Labels {
		if len(c.Classes) > 0 && !slices.Contains(c.Classes, l) {
			wrong("labels", "%q is not one of the classes", l)
		}
	}
	return errors.Join(errs...)
}

// resolve pins the files, and finds out early whether they are a network of that input
// and output.
func (c NetworkConfig) resolve() (NetworkConfig, error) {
	if c.ModelSHA256 != "" && (c.Prototxt == "" || c.PrototxtSHA256 != "") {
		return c, nil
	}
	if err := pin(c.Model, &c.ModelSHA256); err != nil {
		return c, err
	}
	if c.Prototxt != "" {
		if err := pin(c.Prototxt, &c.PrototxtSHA256); err != nil {
			return c, err
		}
	}
	a := newNetwork(c)
	if err := errors.Join(a.tryOnBlack(), a.Close()); err != nil {
		return c, err
	}
	return c, nil
}

// tryOnBlack runs the network once, on a black picture of its size.
func (a *network) tryOnBlack() error {
	kind := gocv.MatTypeCV8UC3
	if a.Gray {
		kind = gocv.MatTypeCV8UC1
	}
	black := gocv.Zeros(a.Height, a.Width, kind)
	defer black.Close()
	if _, err := a.look(black); err != nil {
		return fmt.Errorf("tried on a black picture: %w", err)
	}
	return nil
}

func (c NetworkConfig) load() (*detectors.Network, error) {
	model, err := readPinned(c.Model, c.ModelSHA256)
	if err != nil {
		return nil, err
	}
	var net *detectors.Network
	if c.Prototxt == "" {
		net, err = detectors.NewONNX(model)
	} else {
		var proto []byte
		if proto, err = readPinned(c.Prototxt, c.PrototxtSHA256); err != nil {
			return nil, err
		}
		net, err = detectors.NewCaffe(proto, model)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(c.Model), err)
	}
	return net, nil
}

// network runs a neural network on the CPU, by OpenCV's module DNN and its own code.
// Equal pictures give equal results on the same OpenCV build and CPU dispatch; what
// is said of floats in the last bits of a score holds here more than anywhere.
type network struct {
	NetworkConfig
	name, digest string
	input        detectors.NetworkInput
	net          *detectors.Network
}

// NewNetwork makes the analysis, or says what is wrong with cfg. If cfg has no digests
// of the files, they must be there; else they are read, and checked, by the first
// Analyse. Each analyzer of a process holds a network of its own.
func NewNetwork(name string, cfg NetworkConfig) (Analysis, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	content := cfg
	content.Model, content.Prototxt = "", "" // where the files lie changes nothing
	digest, err := params.Digest("networks", 1, content)
	if err != nil {
		return nil, err
	}
	a := newNetwork(cfg)
	a.name, a.digest = name, digest
	return a, nil
}

func newNetwork(cfg NetworkConfig) *network {
	a := &network{NetworkConfig: cfg, input: detectors.NetworkInput{Scale: cfg.Scale, SwapRB: cfg.SwapRB && !cfg.Gray}}
	for i := range 3 {
		a.input.Mean[i], a.input.Std[i] = cfg.Mean[min(i, len(cfg.Mean)-1)], cfg.Std[min(i, len(cfg.Std)-1)]
	}
	return a
}

func (a *network) Name() string   { return a.name }
func (a *network) Digest() string { return a.digest }

func (a *network) Pixels() frame.Pixels { return grayOrColor(a.Gray) }

func (a *network) Analyse(in pixels.Input, out *result.PerFrame) error {
	m, err := pixelsOf(in, a.Gray)
	if err != nil {
		return err
	}
	found, err := a.look(m)
	if errors.Is(err, errNoNumber) {
		return &frame.Poison{Reason: frame.ReasonAnalysisFailed, Detail: fmt.Sprintf("%.150s gave a box or a score that is %v", a.name, errNoNumber)}
	}
	out.Detections = append(out.Detections, found.all...)
	out.Dropped += found.dropped
	return err
}

// look is what the network finds in a picture.
func (a *network) look(m gocv.Mat) (found placed, err error) {
	if a.net == nil {
		if a.net, err = a.load(); err != nil {
			return found, err
		}
	}
	fit := a.fit(image.Pt(m.Cols(), m.Rows()))
	framed := fit.picture(m, a.Bars)
	defer framed.Close()
	o, err := a.net.Forward(framed, a.input, a.Layer)
	if err != nil {
		return found, err
	}
	return a.read(o, fit)
}

// fitting says where in the network's input the picture lies.
type fitting struct {
	frame, input image.Point
	inside       image.Rectangle // of the input
}

func (a *network) fit(size image.Point) fitting {
	f := fitting{frame: size, input: image.Pt(a.Width, a.Height), inside: image.Rect(0, 0, a.Width, a.Height)}
	if a.Fit == "stretch" {
		return f
	}
	// The side that fits exactly, and the other, rounded and in the middle.
	w, h := a.Width, a.Height
	if a.Width*size.Y <= a.Height*size.X {
		h = max(1, (2*size.Y*a.Width+size.X)/(2*size.X))
	} else {
		w = max(1, (2*size.X*a.Height+size.Y)/(2*size.Y))
	}
	left, top := (a.Width-w)/2, (a.Height-h)/2
	if a.Fit == "corner" {
		left, top = 0, 0
	}
	f.inside = image.Rect(left, top, left+w, top+h)
	return f
}

// picture is the network's input; the caller closes it.
func (f fitting) picture(m gocv.Mat, bars int) gocv.Mat {
	to := gocv.NewMat()
	gocv.Resize(m, &to, f.inside.Size(), 0, 0, gocv.InterpolationLinear)
	if f.inside.Size() != f.input {
		gray := uint8(bars)
		gocv.CopyMakeBorder(to, &to, f.inside.Min.Y, f.input.Y-f.inside.Max.Y, f.inside.Min.X, f.input.X-f.inside.Max.X,
			gocv.BorderConstant, color.RGBA{R: gray, G: gray, B: gray})
	}
	return to
}

// add adds the detection with a box in pixels of the input.
func (f fitting) add(to *placed, d result.Detection, left, top, right, bottom float64) error {
	at := f.inside.Min
	return to.add(d, left-float64(at.X), top-float64(at.Y), right-float64(at.X), bottom-float64(at.Y), f.inside.Size(), f.frame)
}

// label is the name of a class.
func (a *network) label(class int) string {
	if class < len(a.Classes) {
		return a.Classes[class]
	}
	return strconv.Itoa(class)
}

// detection is one of a class, if its score and label are asked for.
func (a *network) detection(class int, score float64) (d result.Detection, ok bool, err error) {
	if !finite(score) {
		return d, false, errNoNumber
	}
	if score < a.Threshold || class < 0 {
		return d, false, nil
	}
	d = result.Detection{Analysis: a.name, Label: a.label(class), Score: min(score, 1)}
	return d, len(a.Labels) == 0 || slices.Contains(a.Labels, d.Label), nil
}

// Close releases the network.
func (a *network) Close() error {
	if a.net == nil {
		return nil
	}
	n := a.net
	a.net = nil
	return n.Close()
}

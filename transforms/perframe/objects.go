package perframe

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/models"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func init() {
	Register(Kind{
		Kind:    params.KindOf("objects", "persons, cars and other things, by a neural network that framebeam models fetch gets", false, DefaultObjects()),
		Detects: true,
		Resolve: func(p params.Params) (params.Params, error) { return p.(ObjectsConfig).resolve() },
		Make:    func(name string, p params.Params) (Analysis, error) { return NewObjects(name, p.(ObjectsConfig)) },
	})
}

// ObjectsConfig are the parameters of objects; see [DefaultObjects].
type ObjectsConfig struct {
	Model     string   `json:"model" doc:"name of a model in the models folder (framebeam models list shows them), or the path of a file that framebeam models add wrote"`
	SHA256    string   `json:"sha256" doc:"SHA-256 of the model's file, in hex; filled in where the job is described if the file is there"`
	Labels    []string `json:"labels" items:"0,10000" doc:"keep only these labels; empty: all that the model finds"`
	Threshold float64  `json:"threshold" min:"0" max:"1" doc:"least score"`
	Overlap   float64  `json:"overlap" min:"0" max:"1" doc:"share of what two boxes of a label cover above which the weaker is dropped"`
	Most      int      `json:"most" min:"1" max:"1000" doc:"most detections in a frame, the strongest"`
}

// DefaultObjects are the parameters for the catalogue's network with COCO's classes.
func DefaultObjects() ObjectsConfig {
	return ObjectsConfig{Model: models.Objects, Threshold: 0.5, Overlap: 0.5, Most: 300}
}

// Validate returns every violation, joined.
func (c ObjectsConfig) Validate() error {
	errs := []error{params.Check(c), checkSHA("sha256", c.SHA256)}
	if err := models.CheckReference(c.Model); err != nil {
		errs = append(errs, params.Wrong("model", "%v", err))
	}
	if m, ok := models.Get(c.Model); ok {
		for i, l := range c.Labels {
			if !slices.Contains(m.Labels, l) {
				errs = append(errs, params.Wrong(fmt.Sprintf("labels/%d", i), "%q is not what %s finds (framebeam models list --format jsonl has its labels)", l, m.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// resolve pins the file, and finds out early whether it is a network as it says itself.
func (c ObjectsConfig) resolve() (ObjectsConfig, error) {
	if c.SHA256 != "" {
		return c, nil
	}
	if err := pinModel(c.Model, &c.SHA256); err != nil {
		return c, err
	}
	n, err := c.load("objects")
	if err != nil {
		return c, err
	}
	return c, errors.Join(n.tryOnBlack(), n.Close())
}

// load is the network of the model's file.
func (c ObjectsConfig) load(name string) (*network, error) {
	file, err := readModel(c.Model, c.SHA256)
	if err != nil {
		return nil, err
	}
	n, err := c.network(name, file)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", c.Model, err)
	}
	return n, nil
}

// network is that in the content of a model's file, as the file says that it is used.
func (c ObjectsConfig) network(name string, file []byte) (*network, error) {
	text, err := models.Description(file)
	if err != nil {
		return nil, err
	}
	cfg := DefaultNetwork()
	if err := params.Decode([]byte(text), &cfg); err != nil {
		return nil, fmt.Errorf("what it says of itself: %w", err)
	}
	cfg.Model, cfg.ModelSHA256, cfg.Prototxt, cfg.PrototxtSHA256 = c.Model, c.SHA256, "", ""
	cfg.Labels, cfg.Threshold, cfg.Overlap, cfg.Most = c.Labels, c.Threshold, c.Overlap, c.Most
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := newNetwork(cfg)
	n.name = name
	n.net, err = detectors.NewONNX(file)
	return n, err
}

// use is what a model's file says of how pixels become the network's input and what its output
// means: so much of a [NetworkConfig]. What were not said would follow from the program's
// defaults, so everything is said.
type use struct {
	Width   int       `json:"width"`
	Height  int       `json:"height"`
	Gray    bool      `json:"gray"`
	SwapRB  bool      `json:"swap_rb"`
	Scale   float64   `json:"scale"`
	Mean    []float64 `json:"mean"`
	Std     []float64 `json:"std"`
	Fit     string    `json:"fit"`
	Bars    int       `json:"bars"`
	Layer   string    `json:"layer"`
	Output  string    `json:"output"`
	Softmax bool      `json:"softmax"`
	Classes []string  `json:"classes"`
}

// Described is the content of a model's file: an ONNX file, which says besides how it is used.
// What cfg says of files, and of which detections are kept, is not part of it. The network is
// tried on a black picture.
func Described(onnx []byte, cfg NetworkConfig) ([]byte, error) {
	text, err := json.Marshal(use{
		Width: cfg.Width, Height: cfg.Height, Gray: cfg.Gray, SwapRB: cfg.SwapRB, Scale: cfg.Scale, Mean: cfg.Mean, Std: cfg.Std,
		Fit: cfg.Fit, Bars: cfg.Bars, Layer: cfg.Layer, Output: cfg.Output, Softmax: cfg.Softmax, Classes: cfg.Classes,
	})
	if err != nil {
		return nil, err
	}
	file := models.Describe(onnx, string(text))
	n, err := DefaultObjects().network("objects", file)
	if err != nil {
		return nil, err
	}
	return file, errors.Join(n.tryOnBlack(), n.Close())
}

// objects finds what the network in a model's file was trained for: see [NewNetwork]. The file
// says how it is used, so its digest stands for that too.
type objects struct {
	ObjectsConfig
	name, digest string
	network      *network
}

// NewObjects makes the analysis, or says what is wrong with cfg. If cfg has no digest of the
// model's file, the file must be there; else it is read, and checked, by the first Analyse.
func NewObjects(name string, cfg ObjectsConfig) (Analysis, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	content := cfg
	content.Model = "" // where the file lies changes nothing
	digest, err := params.Digest("objects", 1, content)
	if err != nil {
		return nil, err
	}
	return &objects{ObjectsConfig: cfg, name: name, digest: digest}, nil
}

func (a *objects) Name() string   { return a.name }
func (a *objects) Digest() string { return a.digest }

// Pixels is color: a network for gray pictures is given what color gives.
func (a *objects) Pixels() frame.Pixels { return frame.ColorPixels }

func (a *objects) Analyse(in pixels.Input, out *result.PerFrame) (err error) {
	if a.network == nil {
		if a.network, err = a.load(a.name); err != nil {
			return err
		}
	}
	return a.network.Analyse(in, out)
}

// Close releases the network.
func (a *objects) Close() error {
	if a.network == nil {
		return nil
	}
	n := a.network
	a.network = nil
	return n.Close()
}

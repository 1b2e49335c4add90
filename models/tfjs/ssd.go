package tfjs

import (
	"errors"
	"fmt"
	"math"

	"github.com/framebeam/framebeam/models/onnx"
)

// SSD says where in a graph of TensorFlow's Object Detection API a single-shot detector has its
// parts (W. Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016). What that graph has
// before and behind them, with loops, is done here, or by who reads the output.
type SSD struct {
	Input         string // the preprocessed picture, -1 to 1, red first
	Height, Width int
	// Boxes and Scores are the outputs of each map of features, of the same number of boxes.
	Boxes, Scores []string
	// Anchors is the constant [1,N,4] of all anchors: top, left, bottom, right, from 0 to 1.
	Anchors string
	// Columns are those of the scores that are wanted, in order. Of Of there are; the rest is
	// background, and numbers without a class.
	Columns []int
	Of      int
}

// The scales of the box code: offsets are tenths of the anchor's size, sizes fifths of an
// exponent (the Object Detection API's FasterRcnnBoxCoder, as its SSDs are configured).
const offsetScale, sizeScale = 10, 5

// SSD makes a network of input [1,3,H,W] whose output is [1,4+C,N]: of each of N boxes middle x
// and y, width and height in pixels of the input, then a score from 0 to 1 for each of C
// classes. Boxes that overlap are left to who reads it.
func (g *Graph) SSD(s SSD) (*onnx.Graph, error) {
	if len(s.Boxes) == 0 || len(s.Boxes) != len(s.Scores) || s.Height < 1 || s.Width < 1 || s.Height > mostSide || s.Width > mostSide {
		return nil, errors.New("an SSD has as many outputs of boxes as of scores")
	}
	var outputs []string
	for i := range s.Boxes {
		outputs = append(outputs, s.Boxes[i], s.Scores[i])
	}
	c, values, err := g.convert(s.Input, s.Height, s.Width, outputs)
	if err != nil {
		return nil, err
	}
	anchors, ok := g.constant(s.Anchors)
	if n := len(anchors.floats) / 4; !ok || len(anchors.shape) != 3 || anchors.shape[2] != 4 || 4*n != len(anchors.floats) || n == 0 {
		return nil, fmt.Errorf("the anchors %s have the shape %v, not [1,N,4]", s.Anchors, anchors.shape)
	}
	h := &head{conversion: c}
	var boxes, scores []string
	total := 0
	for i := 0; i < len(values); i += 2 {
		box, n, err := h.rows(s.Boxes[i/2], values[i], 4, []int{1, 0, 3, 2}) // of y, x, height, width
		if err != nil {
			return nil, err
		}
		score, m, err := h.rows(s.Scores[i/2], values[i+1], s.Of, s.Columns)
		if err != nil {
			return nil, err
		}
		if m != n {
			return nil, fmt.Errorf("%s has %d boxes, %s scores of %d", s.Boxes[i/2], n, s.Scores[i/2], m)
		}
		boxes, scores, total = append(boxes, box), append(scores, score), total+n
	}
	if 4*total != len(anchors.floats) {
		return nil, fmt.Errorf("there are %d boxes, and %d anchors", total, len(anchors.floats)/4)
	}
	h.decode(anchors.floats, boxes, scores, s)
	c.finish()
	c.out.Producer = "framebeam"
	c.out.Output = onnx.Value{Name: "output", Shape: []int{1, 4 + len(s.Columns), total}}
	return &c.out, nil
}

// head is the part behind the convolutions.
type head struct{ *conversion }

func (h *head) floats(name string, shape []int, v []float32) string {
	h.out.Tensors = append(h.out.Tensors, onnx.Tensor{Name: name, Shape: shape, Floats: v})
	return name
}

func (h *head) ints(name string, v ...int64) string {
	h.out.Tensors = append(h.out.Tensors, onnx.Tensor{Name: name, Shape: []int{len(v)}, Ints: v})
	return name
}

// rows makes [1,n,len(columns)] of the output of a convolution, which has wide channels for each
// box of a cell, of which these columns stay.
func (h *head) rows(ref string, v value, wide int, columns []int) (name string, n int, err error) {
	v = h.alone(ref, v)
	if v.conv == nil || v.sum || wide < 1 || v.channels%wide != 0 {
		return "", 0, fmt.Errorf("%s is not a convolution's output of %d channels a box", ref, wide)
	}
	each := v.channels / wide
	var channels []int
	for b := range each {
		for _, k := range columns {
			if k < 0 || k >= wide {
				return "", 0, fmt.Errorf("%s has no column %d", ref, k)
			}
			channels = append(channels, b*wide+k)
		}
	}
	v.conv.keep(channels)
	n = each * v.height * v.width
	h.node("Transpose", []string{v.name}, v.name+"/t", onnx.Attribute{Name: "perm", Value: []int{0, 2, 3, 1}})
	h.node("Reshape", []string{v.name + "/t", h.ints(v.name+"/shape", 1, int64(n), int64(len(columns)))}, v.name+"/rows")
	return v.name + "/rows", n, nil
}

// decode makes pixels of the box code, and scores of what are not yet scores.
func (h *head) decode(anchors []float32, boxes, scores []string, s SSD) {
	n := len(anchors) / 4
	middle, size, log := make([]float32, 2*n), make([]float32, 2*n), make([]float32, 2*n)
	for i := range n {
		top, left, bottom, right := float64(anchors[4*i]), float64(anchors[4*i+1]), float64(anchors[4*i+2]), float64(anchors[4*i+3])
		width, height := float64((right-left)*float64(s.Width)), float64((bottom-top)*float64(s.Height))
		middle[2*i], middle[2*i+1] = float32((left+right)/2*float64(s.Width)), float32((top+bottom)/2*float64(s.Height))
		size[2*i], size[2*i+1] = float32(width/offsetScale), float32(height/offsetScale)
		log[2*i], log[2*i+1] = float32(math.Log(width)), float32(math.Log(height))
	}
	shape := []int{1, n, 2}
	fifth := make([]float32, 2*n)
	for i := range fifth {
		fifth[i] = 1.0 / sizeScale
	}
	h.node("Concat", boxes, "boxes", onnx.Attribute{Name: "axis", Value: 1})
	h.node("Concat", scores, "logits", onnx.Attribute{Name: "axis", Value: 1})
	h.node("Sigmoid", []string{"logits"}, "scores")
	slice := func(from, to int64, out string) {
		h.node("Slice", []string{"boxes", h.ints(out+"/from", from), h.ints(out+"/to", to), h.ints(out+"/axis", 2)}, out)
	}
	slice(0, 2, "offset")
	slice(2, 4, "scale")
	h.node("Mul", []string{"offset", h.floats("anchor/tenth", shape, size)}, "offset/pixels")
	h.node("Add", []string{"offset/pixels", h.floats("anchor/middle", shape, middle)}, "middle")
	h.node("Mul", []string{"scale", h.floats("fifth", shape, fifth)}, "scale/fifth")
	h.node("Add", []string{"scale/fifth", h.floats("anchor/log", shape, log)}, "size/log")
	h.node("Exp", []string{"size/log"}, "size")
	h.node("Concat", []string{"middle", "size", "scores"}, "rows", onnx.Attribute{Name: "axis", Value: 2})
	h.node("Transpose", []string{"rows"}, "output", onnx.Attribute{Name: "perm", Value: []int{0, 2, 1}})
}

package tfjs

import (
	"fmt"
	"math"
	"slices"

	"github.com/framebeam/framebeam/models/onnx"
)

// conversion makes an ONNX graph, in ONNX's order of dimensions (channels, height, width), of
// the part of a graph that lies between its input and what is asked for. What is multiplied with
// or added to a convolution that nothing else reads becomes part of its weights.
type conversion struct {
	*Graph
	input   string
	size    [2]int // height, width
	readers map[string]int
	done    map[string]value
	convs   []*convolution
	out     onnx.Graph
}

// value is what flows: a picture of that many channels.
type value struct {
	name                    string
	channels, height, width int
	// conv is the convolution whose weights may still change, since only one operation reads
	// this value; sum: of which only the bias may, since something was added already.
	conv *convolution
	sum  bool
}

// convolution is one whose weights may still change.
type convolution struct {
	name          string
	shape         [4]int // of weights: output channels, input channels of a group, height, width
	weights, bias []float32
}

const inputName = "input"

// convert begins a conversion. input is the operation whose output the network takes in its
// place, a picture of three channels; outputs are what is asked for.
func (g *Graph) convert(input string, height, width int, outputs []string) (*conversion, []value, error) {
	c := &conversion{Graph: g, input: input, size: [2]int{height, width}, readers: map[string]int{}, done: map[string]value{}}
	c.count(outputs)
	var values []value
	for _, o := range outputs {
		v, err := c.value(o)
		if err != nil {
			return nil, nil, err
		}
		values = append(values, v)
	}
	c.out.Input = onnx.Value{Name: inputName, Shape: []int{1, 3, height, width}}
	return c, values, nil
}

// count counts who reads what, an output being read from outside.
func (c *conversion) count(outputs []string) {
	wanted := slices.Clone(outputs)
	seen := map[string]bool{}
	for len(wanted) > 0 {
		name := base(wanted[len(wanted)-1])
		wanted = wanted[:len(wanted)-1]
		c.readers[name]++
		n := c.nodes[name]
		if seen[name] || n == nil || name == c.input {
			continue
		}
		seen[name] = true
		wanted = append(wanted, n.Input...)
	}
}

// alone is the value with its convolution only if nobody else reads it.
func (c *conversion) alone(ref string, v value) value {
	if c.readers[base(ref)] != 1 {
		v.conv = nil
	}
	return v
}

// value converts the operation of that name, and all before it.
func (c *conversion) value(ref string) (v value, err error) {
	name := base(ref)
	if done, ok := c.done[name]; ok {
		return done, nil
	}
	if name == c.input {
		v = value{name: inputName, channels: 3, height: c.size[0], width: c.size[1]}
		c.done[name] = v
		return v, nil
	}
	n := c.nodes[name]
	switch {
	case n == nil:
		return v, fmt.Errorf("the model has no operation %s", name)
	case n.marked:
		return v, fmt.Errorf("operation %s depends on itself", name)
	}
	n.marked = true
	defer func() { n.marked = false }()
	convert, ok := operators[n.Op]
	if !ok {
		return v, fmt.Errorf("operation %s is a %s, which is not understood", name, n.Op)
	}
	if v, err = convert(c, n); err != nil {
		return v, fmt.Errorf("operation %s: %w", name, err)
	}
	c.done[name] = v
	return v, nil
}

// operators are those that are understood.
var operators map[string]func(*conversion, *node) (value, error)

func init() {
	operators = map[string]func(*conversion, *node) (value, error){
		"Conv2D":                func(c *conversion, n *node) (value, error) { return c.convolve(n, false) },
		"DepthwiseConv2dNative": func(c *conversion, n *node) (value, error) { return c.convolve(n, true) },
		"Mul":                   (*conversion).multiply,
		"Add":                   (*conversion).add,
		"AddV2":                 (*conversion).add,
		"AddN":                  (*conversion).add,
		"BiasAdd":               (*conversion).add,
		"FusedBatchNorm":        (*conversion).normalize,
		"FusedBatchNormV3":      (*conversion).normalize,
		"Relu":                  func(c *conversion, n *node) (value, error) { return c.activate(n, "Relu") },
		"Relu6": func(c *conversion, n *node) (value, error) {
			return c.activate(n, "Clip", onnx.Attribute{Name: "min", Value: float32(0)}, onnx.Attribute{Name: "max", Value: float32(6)})
		},
		"Identity": func(c *conversion, n *node) (value, error) {
			if err := inputs(n, 1); err != nil {
				return value{}, err
			}
			v, err := c.value(n.Input[0])
			return c.alone(n.Input[0], v), err
		},
	}
}

func inputs(n *node, want int) error {
	if len(n.Input) < want {
		return fmt.Errorf("it has %d inputs, not %d", len(n.Input), want)
	}
	return nil
}

// convolve converts a convolution; its weights in TensorFlow are height, width, input channels,
// and output channels or, of a depthwise one, output channels of each input channel.
func (c *conversion) convolve(n *node, depthwise bool) (v value, err error) {
	if err = inputs(n, 2); err != nil {
		return v, err
	}
	layout, err := n.text("data_format", "NHWC")
	switch {
	case err != nil:
		return v, err
	case layout != "NHWC":
		return v, fmt.Errorf("its data_format is %q, not NHWC", layout)
	}
	x, err := c.value(n.Input[0])
	if err != nil {
		return v, err
	}
	w, ok := c.constant(n.Input[1])
	if !ok || len(w.shape) != 4 || w.shape[2] != x.channels || len(w.floats) == 0 {
		return v, fmt.Errorf("its weights have the shape %v, and are for %d channels", w.shape, x.channels)
	}
	strideY, strideX, err := n.four("strides")
	if err != nil {
		return v, err
	}
	dilationY, dilationX, err := n.four("dilations")
	if err != nil {
		return v, err
	}
	padding, err := n.text("padding", "")
	switch {
	case err != nil:
		return v, err
	case padding != "SAME" && padding != "VALID":
		return v, fmt.Errorf("its padding is %q, not SAME or VALID", padding)
	}
	kh, kw, in, of := w.shape[0], w.shape[1], w.shape[2], w.shape[3]
	conv := &convolution{name: n.Name, shape: [4]int{of, in, kh, kw}}
	group := 1
	if depthwise {
		conv.shape, group = [4]int{in * of, 1, kh, kw}, in
	}
	conv.bias = make([]float32, conv.shape[0])
	conv.weights = make([]float32, 0, len(w.floats))
	for o := range conv.shape[0] {
		for i := range conv.shape[1] {
			for k := range kh * kw {
				at := (k*in+i)*of + o
				if depthwise { // the channel o/of, its o%of-th output
					at = k*in*of + o
				}
				conv.weights = append(conv.weights, w.floats[at])
			}
		}
	}
	v = value{name: n.Name, channels: conv.shape[0], conv: conv}
	var top, bottom, left, right int
	v.height, top, bottom = extent(x.height, kh, strideY, dilationY, padding == "SAME")
	v.width, left, right = extent(x.width, kw, strideX, dilationX, padding == "SAME")
	if v.height < 1 || v.width < 1 {
		return v, fmt.Errorf("nothing is left of %dx%d", x.width, x.height)
	}
	c.convs = append(c.convs, conv)
	c.node("Conv", []string{x.name, n.Name + "/w", n.Name + "/b"}, n.Name,
		onnx.Attribute{Name: "kernel_shape", Value: []int{kh, kw}}, onnx.Attribute{Name: "strides", Value: []int{strideY, strideX}},
		onnx.Attribute{Name: "dilations", Value: []int{dilationY, dilationX}}, onnx.Attribute{Name: "group", Value: group},
		onnx.Attribute{Name: "pads", Value: []int{top, left, bottom, right}})
	return v, nil
}

// extent is the side of a convolution's output, and what the input's is padded with before and
// behind, as TensorFlow does it.
func extent(side, kernel, stride, dilation int, same bool) (to, before, behind int) {
	kernel = (kernel-1)*dilation + 1
	if !same {
		if side < kernel {
			return 0, 0, 0
		}
		return (side-kernel)/stride + 1, 0, 0
	}
	to = (side + stride - 1) / stride
	pad := max((to-1)*stride+kernel-side, 0)
	return to, pad / 2, pad - pad/2
}

func (c *conversion) node(operator string, in []string, out string, attributes ...onnx.Attribute) {
	c.out.Nodes = append(c.out.Nodes, onnx.Node{Operator: operator, Inputs: in, Output: out, Attributes: attributes})
}

// activate converts an operation on each number alone.
func (c *conversion) activate(n *node, operator string, attributes ...onnx.Attribute) (v value, err error) {
	if err = inputs(n, 1); err != nil {
		return v, err
	}
	if v, err = c.value(n.Input[0]); err != nil {
		return v, err
	}
	c.node(operator, []string{v.name}, n.Name, attributes...)
	v.name, v.conv = n.Name, nil
	return v, nil
}

// multiply multiplies with a constant per channel.
func (c *conversion) multiply(n *node) (v value, err error) {
	v, k, err := c.withConstant(n)
	if err != nil {
		return v, err
	}
	if v.conv == nil || v.sum {
		return v, fmt.Errorf("it multiplies what is not a convolution's alone, which is not understood")
	}
	v.conv.scale(k)
	return v, nil
}

// add adds two values, or a constant per channel.
func (c *conversion) add(n *node) (v value, err error) {
	if len(n.Input) != 2 {
		return v, fmt.Errorf("it adds %d values, not 2", len(n.Input))
	}
	_, first := c.constant(n.Input[0])
	_, second := c.constant(n.Input[1])
	if !first && !second {
		return c.sum(n)
	}
	v, k, err := c.withConstant(n)
	if err != nil {
		return v, err
	}
	if v.conv == nil {
		return v, fmt.Errorf("it adds to what is not a convolution's alone, which is not understood")
	}
	v.conv.shift(k)
	return v, nil
}

// sum adds two values of one shape. What is added to the sum later may go into the bias of a
// convolution that is a part of it.
func (c *conversion) sum(n *node) (v value, err error) {
	a, err := c.value(n.Input[0])
	if err != nil {
		return v, err
	}
	b, err := c.value(n.Input[1])
	if err != nil {
		return v, err
	}
	if a.channels != b.channels || a.height != b.height || a.width != b.width {
		return v, fmt.Errorf("it adds %dx%dx%d to %dx%dx%d", a.channels, a.height, a.width, b.channels, b.height, b.width)
	}
	c.node("Add", []string{a.name, b.name}, n.Name)
	v = c.alone(n.Input[0], a)
	if v.conv == nil {
		v = c.alone(n.Input[1], b)
	}
	v.name, v.sum = n.Name, true
	return v, nil
}

// withConstant is the value of an operation on a value and a constant per channel, and the
// constant.
func (c *conversion) withConstant(n *node) (v value, k []float32, err error) {
	if err = inputs(n, 2); err != nil {
		return v, nil, err
	}
	of, with := n.Input[0], n.Input[1]
	t, ok := c.constant(with)
	if !ok {
		of, with = with, of
		t, ok = c.constant(with)
	}
	if !ok {
		return v, nil, fmt.Errorf("neither %s nor %s is a constant, which is not understood", of, with)
	}
	if v, err = c.value(of); err != nil {
		return v, nil, err
	}
	if len(t.floats) != v.channels || len(t.shape) == 0 || t.shape[len(t.shape)-1] != v.channels {
		return v, nil, fmt.Errorf("%s has the shape %v, and is for %d channels", base(with), t.shape, v.channels)
	}
	return c.alone(of, v), t.floats, nil
}

// normalize converts a normalization by constants: (x - mean) * scale / sqrt(variance + epsilon) + offset.
func (c *conversion) normalize(n *node) (v value, err error) {
	if err = inputs(n, 5); err != nil {
		return v, err
	}
	if v, err = c.value(n.Input[0]); err != nil {
		return v, err
	}
	if v = c.alone(n.Input[0], v); v.conv == nil || v.sum {
		return v, fmt.Errorf("it normalizes what is not a convolution's alone, which is not understood")
	}
	var of [4][]float32
	for i := range of {
		t, ok := c.constant(n.Input[1+i])
		if !ok || len(t.floats) != v.channels {
			return v, fmt.Errorf("%s is not a constant for each of %d channels", base(n.Input[1+i]), v.channels)
		}
		of[i] = t.floats
	}
	epsilon, err := n.number("epsilon", 1e-4)
	if err != nil {
		return v, err
	}
	scale, offset := make([]float32, v.channels), make([]float32, v.channels)
	for i := range scale {
		k := float64(of[0][i]) / math.Sqrt(float64(of[3][i])+epsilon)
		if math.IsNaN(k) || math.IsInf(k, 0) {
			return v, fmt.Errorf("the variance of channel %d is %v", i, of[3][i])
		}
		scale[i], offset[i] = float32(k), float32(float64(of[1][i])-float64(float64(of[2][i])*k))
	}
	v.conv.scale(scale)
	v.conv.shift(offset)
	return v, nil
}

// scale multiplies the output, channel by channel.
func (c *convolution) scale(by []float32) {
	n := len(c.weights) / len(c.bias)
	for o, k := range by {
		for i := range n {
			c.weights[o*n+i] *= k
		}
		c.bias[o] *= k
	}
}

// shift adds to the output, channel by channel. A product that was rounded is added: no
// processor may do both at once.
func (c *convolution) shift(by []float32) {
	for o, k := range by {
		c.bias[o] += k
	}
}

// keep leaves only these channels of the output, in this order.
func (c *convolution) keep(channels []int) {
	n := len(c.weights) / len(c.bias)
	var weights, bias []float32
	for _, o := range channels {
		weights, bias = append(weights, c.weights[o*n:(o+1)*n]...), append(bias, c.bias[o])
	}
	c.weights, c.bias, c.shape[0] = weights, bias, len(channels)
}

// finish adds the weights, as they are now.
func (c *conversion) finish() {
	var all []onnx.Tensor
	for _, v := range c.convs {
		all = append(all, onnx.Tensor{Name: v.name + "/w", Shape: v.shape[:], Floats: v.weights},
			onnx.Tensor{Name: v.name + "/b", Shape: v.shape[:1], Floats: v.bias})
	}
	c.out.Tensors = append(all, c.out.Tensors...)
}

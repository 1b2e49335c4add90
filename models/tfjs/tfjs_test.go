package tfjs

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/vision/detectors"
)

// drawing makes models, as TensorFlow.js writes them.
type drawing struct {
	nodes   []map[string]any
	entries []map[string]any
	data    []byte
}

func (d *drawing) op(op, name string, attr map[string]any, in ...string) string {
	d.nodes = append(d.nodes, map[string]any{"name": name, "op": op, "input": in, "attr": attr})
	return name
}

func (d *drawing) weights(name string, shape []int, v []float32) string {
	d.op("Const", name, nil)
	d.entries = append(d.entries, map[string]any{"name": name, "shape": shape, "dtype": "float32"})
	for _, f := range v {
		d.data = binary.LittleEndian.AppendUint32(d.data, math.Float32bits(f))
	}
	return name
}

func (d *drawing) model(t interface{ Fatal(...any) }) []byte {
	b, err := json.Marshal(map[string]any{
		"modelTopology":   map[string]any{"node": d.nodes},
		"weightsManifest": []any{map[string]any{"paths": []string{"a", "b"}, "weights": d.entries}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// file gives the weights in two parts.
func (d *drawing) file(name string) ([]byte, error) {
	half := len(d.data) / 8 * 4
	switch name {
	case "a":
		return d.data[:half], nil
	case "b":
		return d.data[half:], nil
	}
	return nil, errors.New("no such file")
}

func text(s string) map[string]any {
	codes := make([]int, len(s))
	for i := range s {
		codes[i] = int(s[i])
	}
	return map[string]any{"s": codes}
}

func four(h, w int) map[string]any {
	return map[string]any{"list": map[string]any{"i": []string{"1", fmt.Sprint(h), fmt.Sprint(w), "1"}}}
}

// pixels is what a network of ours gets and what an oracle computes with: height, width, channels.
type volume struct {
	h, w, c int
	v       []float64
}

func (p volume) at(y, x, c int) float64 {
	if y < 0 || x < 0 || y >= p.h || x >= p.w {
		return 0
	}
	return p.v[(y*p.w+x)*p.c+c]
}

// convolved is a convolution as TensorFlow's documentation has it, number by number.
func convolved(p volume, shape [4]int, weights []float32, stride int, same, depthwise bool) volume {
	kh, kw, in, of := shape[0], shape[1], shape[2], shape[3]
	side := func(n, k int) (to, before int) {
		if !same {
			return (n - k + stride) / stride, 0
		}
		to = (n + stride - 1) / stride
		return to, max((to-1)*stride+k-n, 0) / 2
	}
	out := volume{c: of}
	if depthwise {
		out.c = in * of
	}
	var top, left int
	out.h, top = side(p.h, kh)
	out.w, left = side(p.w, kw)
	for y := range out.h {
		for x := range out.w {
			for o := range out.c {
				sum := 0.0
				for i := range kh {
					for j := range kw {
						for c := range in {
							w := weights[((i*kw+j)*in+c)*of+o%of]
							if depthwise && o/of != c {
								continue
							}
							sum += float64(w) * p.at(y*stride+i-top, x*stride+j-left, c)
						}
					}
				}
				out.v = append(out.v, sum)
			}
		}
	}
	return out
}

func (p volume) each(f func(v float64, channel int) float64) volume {
	q := p
	q.v = make([]float64, len(p.v))
	for i, v := range p.v {
		q.v[i] = f(v, i%p.c)
	}
	return q
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// A detector of every operator that is understood, of random weights, gives in OpenCV what the
// oracle computes in TensorFlow's order.
func TestAConvertedNetworkComputesWhatTheGraphSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d drawing
		number := rapid.Float32Range(-1, 1)
		draw := func(name string, shape ...int) []float32 {
			n := 1
			for _, s := range shape {
				n *= s
			}
			v := rapid.SliceOfN(number, n, n).Draw(t, name)
			d.weights(name, shape, v)
			return v
		}
		side := rapid.IntRange(5, 9).Draw(t, "side")
		stride := rapid.IntRange(1, 2).Draw(t, "stride")
		same := rapid.Bool().Draw(t, "same")
		padding := "VALID"
		if same {
			padding = "SAME"
		}
		conv := func(op, name, in, weights string, stride int, padding string) string {
			return d.op(op, name, map[string]any{"strides": four(stride, stride), "padding": text(padding), "data_format": text("NHWC")}, in, weights)
		}
		d.op("Placeholder", "in", nil)

		// A convolution, normalized, with a limit.
		w1 := draw("w1", 3, 3, 3, 4)
		gamma, beta, mean := draw("gamma", 4), draw("beta", 4), draw("mean", 4)
		variance := rapid.SliceOfN(rapid.Float32Range(0.1, 2), 4, 4).Draw(t, "variance")
		d.weights("variance", []int{4}, variance)
		conv("Conv2D", "c1", "in", "w1", stride, padding)
		d.op("FusedBatchNorm", "n1", map[string]any{"epsilon": map[string]any{"f": 0.001}}, "c1", "gamma", "beta", "mean", "variance")
		d.op("Relu6", "r1", nil, "n1")

		// A depthwise one, multiplied and added to, and a path beside it that is added.
		w2, mul, add := draw("w2", 3, 3, 4, 1), draw("mul", 4), draw("add", 4)
		conv("DepthwiseConv2dNative", "c2", "r1", "w2", 1, "SAME")
		d.op("Mul", "m2", nil, "c2", "mul")
		d.op("AddN", "s2", nil, "m2", "r1")
		d.op("Add", "a2", nil, "s2", "add")
		d.op("Relu", "r2", nil, "a2")

		// The head: two boxes a cell, of three columns of scores.
		wb, bb, ws, bs := draw("wb", 1, 1, 4, 8), draw("bb", 8), draw("ws", 1, 1, 4, 6), draw("bs", 6)
		conv("Conv2D", "cb", "r2", "wb", 1, "SAME")
		d.op("BiasAdd", "boxes", nil, "cb", "bb")
		conv("Conv2D", "cs", "r2", "ws", 1, "SAME")
		d.op("BiasAdd", "scores", nil, "cs", "bs")

		picture := rapid.SliceOfN(rapid.Byte(), 3*side*side, 3*side*side).Draw(t, "picture")
		in := volume{h: side, w: side, c: 3}
		for _, p := range picture {
			in.v = append(in.v, float64(p)/255)
		}
		x := convolved(in, [4]int{3, 3, 3, 4}, w1, stride, same, false).each(func(v float64, c int) float64 {
			v = (v-float64(mean[c]))/math.Sqrt(float64(variance[c])+0.001)*float64(gamma[c]) + float64(beta[c])
			return min(max(v, 0), 6)
		})
		y := convolved(x, [4]int{3, 3, 4, 1}, w2, 1, true, true)
		for i := range y.v {
			c := i % y.c
			y.v[i] = max(y.v[i]*float64(mul[c])+x.v[i]+float64(add[c]), 0)
		}
		boxes := convolved(y, [4]int{1, 1, 4, 8}, wb, 1, true, false).each(func(v float64, c int) float64 { return v + float64(bb[c]) })
		scores := convolved(y, [4]int{1, 1, 4, 6}, ws, 1, true, false).each(func(v float64, c int) float64 { return v + float64(bs[c]) })

		n := y.h * y.w * 2
		anchors := make([]float32, 0, 4*n)
		for i := range n {
			top, left := rapid.Float32Range(0, 0.5).Draw(t, "top"), rapid.Float32Range(0, 0.5).Draw(t, "left")
			anchors = append(anchors, top, left, top+0.1+float32(i%2)/10, left+0.2)
		}
		d.weights("anchors", []int{1, n, 4}, anchors)

		g, err := Read(d.model(t), d.file)
		if err != nil {
			t.Fatal(err)
		}
		spec := SSD{Input: "in", Height: side, Width: side, Boxes: []string{"boxes"}, Scores: []string{"scores"}, Anchors: "anchors", Columns: []int{2, 1}, Of: 3}
		network, err := g.SSD(spec)
		if err != nil {
			t.Fatal(err)
		}
		file := network.Marshal()
		if again, err := g.SSD(spec); err != nil || string(again.Marshal()) != string(file) {
			t.Fatal("the same graph gives other bytes", err)
		}
		got := forward(t, file, picture, side)

		var want []float64
		value := func(v volume, i, wide, column int) float64 { return v.v[i/2*v.c+i%2*wide+column] }
		size := func(i, from int) float64 { return float64(anchors[4*i+from+2]-anchors[4*i+from]) * float64(side) }
		middle := func(i, from int) float64 {
			return float64(anchors[4*i+from+2]+anchors[4*i+from]) / 2 * float64(side)
		}
		for row := range 6 {
			for i := range n {
				switch row {
				case 0:
					want = append(want, value(boxes, i, 4, 1)/10*size(i, 1)+middle(i, 1))
				case 1:
					want = append(want, value(boxes, i, 4, 0)/10*size(i, 0)+middle(i, 0))
				case 2:
					want = append(want, math.Exp(value(boxes, i, 4, 3)/5)*size(i, 1))
				case 3:
					want = append(want, math.Exp(value(boxes, i, 4, 2)/5)*size(i, 0))
				default:
					want = append(want, sigmoid(value(scores, i, 3, spec.Columns[row-4])))
				}
			}
		}
		if !slices.Equal(got.Dims, []int{1, 6, n}) || len(got.Data) != len(want) {
			t.Fatalf("the output is %v, not [1,6,%d]", got.Dims, n)
		}
		for i, v := range want {
			if d := math.Abs(float64(got.Data[i]) - v); d > 1e-3*(1+math.Abs(v)) {
				t.Fatalf("number %d is %v, not %v", i, got.Data[i], v)
			}
		}
	})
}

// forward runs a network on a picture, 0 to 1.
func forward(t *rapid.T, file, picture []byte, side int) detectors.Output {
	net, err := detectors.NewONNX(file)
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	m, err := gocv.NewMatFromBytes(side, side, gocv.MatTypeCV8UC3, picture)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	out, err := net.Forward(m, detectors.NetworkInput{Scale: 1.0 / 255, Std: [3]float64{1, 1, 1}}, "")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tiny is a detector of one convolution each for boxes and scores.
func tiny() *drawing {
	var d drawing
	d.op("Placeholder", "in", nil)
	attr := map[string]any{"strides": four(1, 1), "padding": map[string]any{"s": "U0FNRQ=="}} // SAME, as base64
	d.weights("wb", []int{1, 1, 3, 4}, make([]float32, 12))
	d.weights("ws", []int{1, 1, 3, 1}, make([]float32, 3))
	d.op("Conv2D", "boxes", attr, "in", "wb")
	d.op("Conv2D", "scores", attr, "in:0", "ws")
	d.weights("anchors", []int{1, 1, 4}, []float32{0, 0, 1, 1})
	return &d
}

var tinySSD = SSD{Input: "in", Height: 1, Width: 1, Boxes: []string{"boxes"}, Scores: []string{"scores"}, Anchors: "anchors", Columns: []int{0}, Of: 1}

func convertTiny(model []byte, file func(string) ([]byte, error)) error {
	g, err := Read(model, file)
	if err != nil {
		return err
	}
	_, err = g.SSD(tinySSD)
	return err
}

func TestWhatIsNotUnderstoodIsRefusedWithASentence(t *testing.T) {
	if d := tiny(); convertTiny(d.model(t), d.file) != nil {
		t.Fatal("the model as it is is refused")
	}
	attr := func(name string, v any) func(*drawing) {
		return func(d *drawing) { d.nodes[len(d.nodes)-3]["attr"].(map[string]any)[name] = v }
	}
	for _, c := range []struct {
		name   string
		change func(*drawing)
		want   string
	}{
		{"an unknown operator", func(d *drawing) { d.op("Softmax", "soft", nil, "in"); d.nodes[3]["input"] = []string{"soft", "wb"} }, "operation soft is a Softmax, which is not understood"},
		{"a loop", func(d *drawing) {
			d.op("Relu", "a", nil, "b")
			d.op("Relu", "b", nil, "a")
			d.nodes[3]["input"] = []string{"a", "wb"}
		}, "depends on itself"},
		{"an operation that is not there", func(d *drawing) { d.nodes[3]["input"] = []string{"c", "wb"} }, "the model has no operation c"},
		{"no weights", func(d *drawing) { d.nodes[3]["input"] = []string{"in"} }, "it has 1 inputs, not 2"},
		{"weights for other channels", func(d *drawing) { d.entries[0]["shape"] = []int{1, 3, 1, 4} }, "are for 3 channels"},
		{"quantized weights", func(d *drawing) { d.entries[0]["quantization"] = map[string]any{"scale": 1} }, "quantized"},
		{"weights beyond the end", func(d *drawing) { d.data = d.data[:12] }, "beyond the end"},
		{"a weight that is no number", func(d *drawing) { copy(d.data, []byte{0, 0, 192, 127}) }, "no number"},
		{"a shape below 0", func(d *drawing) { d.entries[0]["shape"] = []int{-1, 1, 3, 4} }, "has the shape"},
		{"a huge shape", func(d *drawing) { d.entries[0]["shape"] = []int{65536, 65536, 65536, 65536} }, "has the shape"},
		{"two operations of a name", func(d *drawing) { d.op("Relu", "in", nil) }, "that of another one"},
		{"another padding", attr("padding", text("EXPLICIT")), `"EXPLICIT", not SAME or VALID`},
		{"a stride of pictures", attr("strides", map[string]any{"list": map[string]any{"i": []string{"2", "1", "1", "1"}}}), "only height and width"},
		{"a stride of 0", attr("strides", four(0, 1)), "not 1 to 64"},
		{"another order of dimensions", attr("data_format", text("NCHW")), "not NHWC"},
		{"other anchors", func(d *drawing) { d.entries[2]["shape"] = []int{4} }, "not [1,N,4]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := tiny()
			c.change(d)
			if err := convertTiny(d.model(t), d.file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if err := convertTiny([]byte("["), nil); err == nil || !strings.Contains(err.Error(), "not a TensorFlow.js model") {
		t.Errorf("no JSON: %v", err)
	}
	d := tiny()
	if err := convertTiny(d.model(t), func(string) ([]byte, error) { return nil, errors.New("gone") }); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("without files: %v", err)
	}
}

// Whatever a model says, reading and converting it ends, with a network or an error.
func FuzzRead(f *testing.F) {
	d := tiny()
	f.Add(d.model(f), d.data)
	f.Add([]byte(`{"modelTopology":{"node":[null]}}`), []byte{})
	f.Add([]byte(`{"modelTopology":{"node":[{"name":"boxes","op":"Add","input":["boxes","boxes"]}]}}`), []byte{})
	f.Fuzz(func(t *testing.T, model, data []byte) {
		g, err := Read(model, func(string) ([]byte, error) { return data, nil })
		if err != nil {
			return
		}
		if n, err := g.SSD(tinySSD); err == nil {
			n.Marshal()
		}
	})
}

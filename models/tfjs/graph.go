// Package tfjs makes ONNX networks of TensorFlow.js graph models (model.json and files of
// weights), of the few operators that networks made of convolutions have. Whatever else a graph
// has on the way to what is asked for is refused. The same model gives the same bytes.
package tfjs

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bounds of what is read, far above what a network for CPUs has.
const (
	mostNodes   = 10_000
	mostWeights = 64 << 20 // values
	mostSide    = 1 << 16
)

// Graph is a model: its operations, and its constants in TensorFlow's order of dimensions
// (height, width, channels).
type Graph struct {
	nodes   map[string]*node
	weights map[string]tensor
}

type node struct {
	Name   string                     `json:"name"`
	Op     string                     `json:"op"`
	Input  []string                   `json:"input"`
	Attr   map[string]json.RawMessage `json:"attr"`
	marked bool                       // on the way that is being walked
}

type tensor struct {
	shape  []int
	floats []float32
}

type manifest struct {
	Paths   []string `json:"paths"`
	Weights []struct {
		Name         string          `json:"name"`
		Shape        []int           `json:"shape"`
		DType        string          `json:"dtype"`
		Quantization json.RawMessage `json:"quantization"`
	} `json:"weights"`
}

// Read reads model.json; file gives the content of a file of weights that it names.
func Read(model []byte, file func(name string) ([]byte, error)) (*Graph, error) {
	var m struct {
		Topology struct {
			Node []*node `json:"node"`
		} `json:"modelTopology"`
		Manifest []manifest `json:"weightsManifest"`
	}
	if err := json.Unmarshal(model, &m); err != nil {
		return nil, fmt.Errorf("not a TensorFlow.js model: %w", err)
	}
	if n := len(m.Topology.Node); n == 0 || n > mostNodes {
		return nil, fmt.Errorf("the model has %d operations, not 1 to %d (is it a graph model?)", n, mostNodes)
	}
	g := &Graph{nodes: map[string]*node{}, weights: map[string]tensor{}}
	for _, n := range m.Topology.Node {
		if n == nil || n.Name == "" || g.nodes[n.Name] != nil {
			return nil, errors.New("an operation has no name, or that of another one")
		}
		g.nodes[n.Name] = n
	}
	for _, group := range m.Manifest {
		if err := g.readWeights(group, file); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// readWeights reads a group of weights, one after the other in the group's files.
func (g *Graph) readWeights(group manifest, file func(string) ([]byte, error)) error {
	var data []byte
	for _, path := range group.Paths {
		b, err := file(path)
		if err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		if data = append(data, b...); len(data) > 4*mostWeights {
			return fmt.Errorf("the model has more than %d weights", mostWeights)
		}
	}
	for _, w := range group.Weights {
		if len(w.Quantization) > 0 && string(w.Quantization) != "null" {
			return fmt.Errorf("%s is quantized, which is not understood", w.Name)
		}
		n := 1
		for _, d := range w.Shape {
			if d < 0 || d > mostSide || n*d > mostWeights {
				return fmt.Errorf("%s has the shape %v", w.Name, w.Shape)
			}
			n *= d
		}
		size := 4
		if w.DType == "bool" {
			size = 1
		}
		if len(data) < n*size {
			return fmt.Errorf("%s goes beyond the end of the files of weights", w.Name)
		}
		of := data[:n*size]
		data = data[n*size:]
		if w.DType != "float32" { // counts and shapes, which no convolution has
			continue
		}
		t := tensor{shape: w.Shape, floats: make([]float32, n)}
		for i := range t.floats {
			v := math.Float32frombits(binary.LittleEndian.Uint32(of[4*i:]))
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("%s has a weight that is no number, or infinite", w.Name)
			}
			t.floats[i] = v
		}
		if _, twice := g.weights[w.Name]; twice {
			return fmt.Errorf("%s is there twice", w.Name)
		}
		g.weights[w.Name] = t
	}
	return nil
}

// base is the operation that a reference such as "^a:0" means.
func base(ref string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(ref, "^"), ":")
	return name
}

// constant is the value behind a reference, if it is one.
func (g *Graph) constant(ref string) (tensor, bool) {
	t, ok := g.weights[base(ref)]
	return t, ok
}

// text is an attribute that is a string: bytes as base64, or as numbers.
func (n *node) text(name, missing string) (string, error) {
	raw, ok := n.Attr[name]
	if !ok {
		return missing, nil
	}
	var a struct{ S json.RawMessage }
	if err := json.Unmarshal(raw, &a); err != nil || a.S == nil {
		return "", fmt.Errorf("%s has no text in %s", n.Name, name)
	}
	var s string
	if json.Unmarshal(a.S, &s) == nil {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", fmt.Errorf("%s, %s: %w", n.Name, name, err)
		}
		return string(b), nil
	}
	var codes []uint8
	var numbers []int
	if err := json.Unmarshal(a.S, &numbers); err != nil {
		return "", fmt.Errorf("%s, %s: %w", n.Name, name, err)
	}
	for _, c := range numbers {
		codes = append(codes, uint8(c))
	}
	return string(codes), nil
}

// four is an attribute of four numbers, one for each dimension, of which those of pictures and
// channels must be 1: height and width.
func (n *node) four(name string) (h, w int, err error) {
	raw, ok := n.Attr[name]
	if !ok {
		return 1, 1, nil
	}
	var a struct{ List struct{ I []json.RawMessage } }
	if err := json.Unmarshal(raw, &a); err != nil {
		return 0, 0, fmt.Errorf("%s, %s: %w", n.Name, name, err)
	}
	var v [4]int
	if len(a.List.I) != len(v) {
		return 0, 0, fmt.Errorf("%s has %d numbers in %s, not 4", n.Name, len(a.List.I), name)
	}
	for i, r := range a.List.I {
		if v[i], err = strconv.Atoi(strings.Trim(string(r), `"`)); err != nil || v[i] < 1 || v[i] > 64 {
			return 0, 0, fmt.Errorf("%s has %s in %s, not 1 to 64", n.Name, r, name)
		}
	}
	if v[0] != 1 || v[3] != 1 {
		return 0, 0, fmt.Errorf("%s has %v in %s: only height and width may differ from 1", n.Name, v, name)
	}
	return v[1], v[2], nil
}

// number is an attribute that is a float.
func (n *node) number(name string, missing float64) (float64, error) {
	raw, ok := n.Attr[name]
	if !ok {
		return missing, nil
	}
	var a struct{ F *float64 }
	if err := json.Unmarshal(raw, &a); err != nil || a.F == nil {
		return 0, fmt.Errorf("%s has no number in %s", n.Name, name)
	}
	return *a.F, nil
}

// Package onnx writes neural networks as ONNX files (ONNX IR version 6, operator set 10, whose
// operators OpenCV 4.6 and later read). The same graph gives the same bytes.
//
// The numbers of fields are those of onnx.proto, version 1.5.
package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Versions of the intermediate representation and of the operators.
const irVersion, operatorSet = 6, 10

// Types of tensors, as TensorProto.DataType numbers them.
const (
	floats = 1
	ints   = 7
)

// Types of attributes, as AttributeProto.AttributeType numbers them.
const (
	attributeFloat = 1
	attributeInt   = 2
	attributeInts  = 7
)

// Graph is a network with one input and one output, both of 32-bit floats.
type Graph struct {
	Producer string // which program made it
	Input    Value
	Output   Value
	Nodes    []Node   // each after those whose outputs it reads
	Tensors  []Tensor // constants
}

// Value is the name and shape of what flows in a graph.
type Value struct {
	Name  string
	Shape []int
}

// Node is one operation with one output, by which it is called too.
type Node struct {
	Operator   string
	Inputs     []string
	Output     string
	Attributes []Attribute
}

// Attribute is a parameter of an operation: a float32, an int or an []int.
type Attribute struct {
	Name  string
	Value any
}

// Tensor is a constant: Floats or Ints, whichever is not nil, row by row.
type Tensor struct {
	Name   string
	Shape  []int
	Floats []float32
	Ints   []int64
}

// Marshal is the content of the file.
func (g *Graph) Marshal() []byte {
	var graph []byte
	for _, n := range g.Nodes {
		graph = message(graph, 1, n.marshal())
	}
	graph = text(graph, 2, "graph")
	for _, t := range g.Tensors {
		graph = message(graph, 5, t.marshal())
	}
	graph = message(graph, 11, g.Input.marshal())
	graph = message(graph, 12, g.Output.marshal())

	file := number(nil, 1, irVersion)
	file = text(file, 2, g.Producer)
	file = message(file, 7, graph)
	return message(file, 8, number(text(nil, 1, ""), 2, operatorSet))
}

func (n *Node) marshal() (b []byte) {
	for _, i := range n.Inputs {
		b = text(b, 1, i)
	}
	b = text(b, 2, n.Output)
	b = text(b, 3, n.Output)
	b = text(b, 4, n.Operator)
	for _, a := range n.Attributes {
		b = message(b, 5, a.marshal())
	}
	return b
}

func (a Attribute) marshal() []byte {
	b := text(nil, 1, a.Name)
	switch v := a.Value.(type) {
	case float32:
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(v))
		return number(b, 20, attributeFloat)
	case int:
		return number(number(b, 3, v), 20, attributeInt)
	case []int:
		for _, i := range v {
			b = number(b, 8, i)
		}
		return number(b, 20, attributeInts)
	}
	panic("onnx: an attribute is a float32, an int or an []int")
}

func (t *Tensor) marshal() (b []byte) {
	for _, d := range t.Shape {
		b = number(b, 1, d)
	}
	kind, raw := floats, make([]byte, 0, 4*len(t.Floats)+8*len(t.Ints))
	for _, f := range t.Floats {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	if t.Floats == nil {
		kind = ints
		for _, i := range t.Ints {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(i))
		}
	}
	b = number(b, 2, kind)
	b = text(b, 8, t.Name)
	return message(b, 9, raw)
}

func (v Value) marshal() []byte {
	var shape []byte
	for _, d := range v.Shape {
		shape = message(shape, 1, number(nil, 1, d))
	}
	tensor := message(number(nil, 1, floats), 2, shape)
	return message(text(nil, 1, v.Name), 2, message(nil, 1, tensor))
}

func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func number(b []byte, field protowire.Number, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
}

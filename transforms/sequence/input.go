package sequence

import (
	"errors"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// input decodes a frame when a step first asks for its pixels, and once.
type input struct {
	res         *result.Frame
	frame       *frame.Frame
	gray, color *gocv.Mat
}

func newInput(res *result.Frame, f *frame.Frame) *input { return &input{res: res, frame: f} }

func (in *input) Frame() *frame.Frame { return in.frame }

func (in *input) Gray() (gocv.Mat, error) {
	if in.gray == nil {
		m, err := pixels.TakeGray(in.res.Topic, in.res.Partition, in.res.Offset, in.frame)
		if err != nil {
			return gocv.Mat{}, err
		}
		in.gray = &m
	}
	return *in.gray, nil
}

func (in *input) Color() (gocv.Mat, error) {
	if in.color == nil {
		m, err := pixels.Color(in.frame)
		if err != nil {
			return gocv.Mat{}, err
		}
		in.color = &m
	}
	return *in.color, nil
}

func (in *input) close() {
	for _, m := range []*gocv.Mat{in.gray, in.color} {
		if m != nil {
			m.Close()
		}
	}
}

func asPoison(err error) *frame.Poison {
	var p *frame.Poison
	if errors.As(err, &p) {
		return p
	}
	return nil
}

package steps

import (
	"errors"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// input is a frame that is decoded when a step first asks for its pixels, and once.
type input struct {
	frame *frame.Frame
	gray  *gocv.Mat
}

func (in *input) Frame() *frame.Frame { return in.frame }

func (in *input) Gray() (gocv.Mat, error) {
	if in.gray == nil {
		m, err := pixels.Gray(in.frame)
		if err != nil {
			return gocv.Mat{}, err
		}
		in.gray = &m
	}
	return *in.gray, nil
}

func (in *input) Color() (gocv.Mat, error) { return gocv.Mat{}, errors.New("no step looks at colours") }

func (in *input) close() {
	if in.gray != nil {
		in.gray.Close()
	}
}

// look feeds a frame to the memory and returns what that gave.
func look(t interface{ Fatal(...any) }, m sequence.Memory, f frame.Frame) result.Frame {
	var out result.Frame
	in := &input{frame: &f}
	defer in.close()
	if err := m.Next(in, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

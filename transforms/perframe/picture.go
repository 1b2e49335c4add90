package perframe

import (
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// picture is a frame with its pixels, decoded when first asked for and once.
type picture struct {
	frame       *frame.Frame
	gray, color *gocv.Mat
}

func (p *picture) Frame() *frame.Frame { return p.frame }

func (p *picture) Gray() (gocv.Mat, error) { return once(&p.gray, p.frame, pixels.Gray) }

func (p *picture) Color() (gocv.Mat, error) { return once(&p.color, p.frame, pixels.Color) }

func once(to **gocv.Mat, f *frame.Frame, decode func(*frame.Frame) (gocv.Mat, error)) (gocv.Mat, error) {
	if *to == nil {
		m, err := decode(f)
		if err != nil {
			return gocv.Mat{}, err
		}
		*to = &m
	}
	return **to, nil
}

// grayOrColor is what an analysis asks for that looks at gray, or else at colour.
func grayOrColor(gray bool) frame.Pixels {
	if gray {
		return frame.GrayPixels
	}
	return frame.ColorPixels
}

// pixelsOf is the frame in gray, or else in colour.
func pixelsOf(in pixels.Input, gray bool) (gocv.Mat, error) {
	if gray {
		return in.Gray()
	}
	return in.Color()
}

// need decodes the pixels; gray always, for it says whether there are any.
func (p *picture) need(what frame.Pixels) error {
	_, err := p.Gray()
	if err == nil && what == frame.ColorPixels {
		_, err = p.Color()
	}
	return err
}

// handOver gives the gray pixels away.
func (p *picture) handOver(k pixels.Key) {
	if p.gray != nil {
		pixels.Handover.Put(k, *p.gray)
		p.gray = nil
	}
}

func (p *picture) close() {
	for _, m := range []*gocv.Mat{p.gray, p.color} {
		if m != nil {
			m.Close()
		}
	}
}

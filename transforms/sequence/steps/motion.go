package steps

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"slices"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

const motionName = "motion"

func init() {
	sequence.Register(sequence.Kind{
		Kind: params.KindOf(motionName, "what changed since the frame before, as the original system finds it", false, DefaultMotion()),
		Fit: func(p params.Params, room int) params.Params {
			c := p.(MotionConfig)
			c.StateLimit = room
			return c
		},
		Fits: func(p params.Params, f sequence.FrameSize) bool { return p.(MotionConfig).fits(f) },
		Make: func(_ string, p params.Params) (sequence.Step, error) { return NewMotion(p.(MotionConfig)) },
	})
}

// MotionConfig are the parameters of motion detection; see [DefaultMotion].
type MotionConfig struct {
	// Blur's sigma follows from it as in OpenCV.
	Blur      int     `json:"blur" min:"1" max:"31" doc:"side of the Gaussian kernel in pixels, odd; 1 does not blur"`
	Threshold int     `json:"threshold" min:"0" max:"254" doc:"difference in gray above which a pixel has changed"`
	MinArea   float64 `json:"min_area" min:"0" doc:"what a contour's area in pixels must exceed"`
	// StateLimit follows from the configuration's state_limit.
	StateLimit int `json:"state_limit" hidden:"true"`
}

// DefaultMotion are the parameters of the original system: blur 3, threshold 20,
// minimal area 300; and a state of at most 192 KiB, which is enough for any
// 640x480 frame but noise.
func DefaultMotion() MotionConfig {
	return MotionConfig{Blur: 3, Threshold: 20, MinArea: 300, StateLimit: 192 << 10}
}

// Validate returns every violation, joined.
func (c MotionConfig) Validate() error {
	errs := []error{params.Check(c)}
	if c.Blur%2 == 0 {
		errs = append(errs, params.Wrong("blur", "%d is not odd", c.Blur))
	}
	if c.StateLimit < 1<<10 || c.StateLimit > 8<<20 {
		errs = append(errs, fmt.Errorf("state limit of %d bytes is not 1024 to %d", c.StateLimit, 8<<20))
	}
	return errors.Join(errs...)
}

// fits reports whether the frame surely is remembered: as it is, or at the worst as
// pixels that zstd could not compress, which then take a few bytes more in every block.
func (c MotionConfig) fits(f sequence.FrameSize) bool {
	room := int64(c.StateLimit - motionOverhead)
	pixels := int64(f.Width) * int64(f.Height)
	return !f.Raw && f.Bytes <= room || pixels+pixels/1000+64 <= room
}

// motion finds what changed since the camera's previous frame, as the original
// system does: gray, Gaussian blur, absolute difference, binary threshold,
// external contours, and the bounding boxes of those that are large enough.
type motion struct{ MotionConfig }

// NewMotion makes the step "motion", or says all that is wrong with cfg. A
// camera's first frame has no motion, nor has the first after a new epoch, a
// silence, or a change of size; a few missing frames change nothing.
func NewMotion(cfg MotionConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &motion{cfg}, nil
}

func (s *motion) Name() string { return motionName }

func (s *motion) Digest() string {
	return fmt.Sprintf("motion v2 blur=%d threshold=%d min_area=%v state_limit=%d", s.Blur, s.Threshold, s.MinArea, s.StateLimit)
}

func (s *motion) Pixels() frame.Pixels { return frame.GrayPixels }

func (s *motion) Start() sequence.Memory { return &motionMemory{step: s} }

// blur returns the gray picture blurred; the caller closes it.
func (s *motion) blur(gray gocv.Mat) gocv.Mat {
	blurred := gocv.NewMat()
	gocv.GaussianBlur(gray, &blurred, image.Pt(s.Blur, s.Blur), 0, 0, gocv.BorderDefault)
	return blurred
}

// mostBoxes bounds a frame's result, however many dots somebody paints.
const mostBoxes = 10_000

// moved returns the boxes of what differs between two blurred pictures of the
// same size, by y, x, width, height, area, of more than mostBoxes the largest, and how
// many there are. It overwrites before.
func (s *motion) moved(before *gocv.Mat, now gocv.Mat) (found []result.Detection, all int) {
	gocv.AbsDiff(now, *before, before)
	gocv.Threshold(*before, before, float32(s.Threshold), 255, gocv.ThresholdBinary)
	contours := gocv.FindContours(*before, gocv.RetrievalExternal, gocv.ChainApproxSimple)
	defer contours.Close()
	place := func(a, b result.Detection) int {
		return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X),
			cmp.Compare(a.Width, b.Width), cmp.Compare(a.Height, b.Height), cmp.Compare(a.Area, b.Area))
	}
	cut := func() {
		if len(found) > mostBoxes {
			slices.SortFunc(found, func(a, b result.Detection) int { return cmp.Or(cmp.Compare(b.Area, a.Area), place(a, b)) })
			found = found[:mostBoxes]
		}
	}
	for i := range contours.Size() {
		c := contours.At(i) // belongs to contours
		area := gocv.ContourArea(c)
		if area <= s.MinArea {
			continue
		}
		box := gocv.BoundingRect(c)
		found = append(found, result.Detection{
			Analysis: motionName, Label: motionName,
			X: int32(box.Min.X), Y: int32(box.Min.Y), Width: int32(box.Dx()), Height: int32(box.Dy()),
			Area: area, Score: 1,
		})
		if all++; len(found) == 2*mostBoxes {
			cut()
		}
	}
	cut()
	slices.SortFunc(found, place)
	return found, all
}

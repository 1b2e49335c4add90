package perframe

import (
	"bytes"
	"cmp"
	"image"
	"slices"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

func init() {
	Register(Kind{
		Kind: params.KindOf("keypoints", "corners and what is around them (ORB), to find the same thing in other pictures", false, DefaultKeypoints()),
		Make: func(name string, p params.Params) (Analysis, error) { return NewKeypoints(name, p.(KeypointsConfig)) },
	})
}

// KeypointsConfig are the parameters of keypoints; see [DefaultKeypoints].
type KeypointsConfig struct {
	Count     int     `json:"count" min:"1" max:"2000" doc:"most keypoints, the strongest; 38 bytes each"`
	Resize    int     `json:"resize" min:"0" max:"4096" doc:"pixels of the picture's longer side when it is looked at; 0: as it is"`
	Scale     float64 `json:"scale" min:"1.05" max:"2" doc:"factor from one level of the pyramid to the next"`
	Levels    int     `json:"levels" min:"1" max:"16" doc:"levels of the pyramid"`
	Threshold int     `json:"threshold" min:"1" max:"254" doc:"difference in gray that makes a corner"`
}

// DefaultKeypoints are OpenCV's own parameters, but for 64 keypoints of a picture of
// 640 pixels: about 2.4 KB a frame.
func DefaultKeypoints() KeypointsConfig {
	return KeypointsConfig{Count: 64, Resize: 640, Scale: 1.2, Levels: 8, Threshold: 20}
}

// Validate returns every violation, joined.
func (c KeypointsConfig) Validate() error { return params.Check(c) }

// keypoints finds corners and describes them; see [detectors.ORB].
type keypoints struct {
	KeypointsConfig
	name, digest string
}

// NewKeypoints makes the analysis, or says all that is wrong with cfg. It adds a
// feature of similarity.KindKeypoints, with no keypoints where there are none.
func NewKeypoints(name string, cfg KeypointsConfig) (Analysis, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	digest, err := params.Digest("keypoints", 1, cfg)
	if err != nil {
		return nil, err
	}
	return &keypoints{cfg, name, digest}, nil
}

func (a *keypoints) Name() string         { return a.name }
func (a *keypoints) Digest() string       { return a.digest }
func (a *keypoints) Pixels() frame.Pixels { return frame.GrayPixels }

func (a *keypoints) Analyse(in pixels.Input, out *result.PerFrame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	v := view(in, gray, a.Resize)
	defer v.close()
	var points []detectors.Keypoint
	if levels := a.levels(v.size()); levels > 0 {
		if points, err = detectors.ORB(v.Mat, detectors.ORBOptions{Count: a.Count, Scale: a.Scale, Levels: levels, Threshold: a.Threshold}); err != nil {
			return err
		}
	}
	out.Features = append(out.Features, result.Feature{
		Analysis: a.name, Kind: similarity.KindKeypoints, Data: similarity.MarshalKeypoints(described(points, v.size(), a.Count)),
	})
	return nil
}

// orbEdge is how near to an edge ORB finds nothing, in pixels of each level.
const orbEdge = 31

// levels is how many levels a picture of that size has, up to those that are asked for:
// OpenCV does not bear one of no pixels.
func (a *keypoints) levels(size image.Point) int {
	side := float64(min(size.X, size.Y))
	if side <= 2*orbEdge {
		return 0
	}
	n := 1
	for ; n < a.Levels && side >= 2*a.Scale; n++ {
		side /= a.Scale
	}
	return n
}

// described is the strongest of the points, in an order that says nothing of how
// OpenCV came upon them.
func described(points []detectors.Keypoint, size image.Point, most int) []similarity.Keypoint {
	slices.SortFunc(points, func(a, b detectors.Keypoint) int {
		return cmp.Or(cmp.Compare(b.Response, a.Response), cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X), cmp.Compare(a.Octave, b.Octave),
			cmp.Compare(a.Angle, b.Angle), bytes.Compare(a.Descriptor[:], b.Descriptor[:]))
	})
	var ks []similarity.Keypoint
	for _, p := range points[:min(len(points), most)] {
		ks = append(ks, similarity.Keypoint{
			X: relative(p.X, size.X), Y: relative(p.Y, size.Y), Octave: uint8(p.Octave),
			Angle: uint8(int(float64(p.Angle)*256/360) & 255), Descriptor: p.Descriptor,
		})
	}
	return ks
}

// relative is where in a side of so many pixels something lies, in 1/65536.
func relative(v float32, side int) uint16 {
	return uint16(min(max(float64(v)*65536/float64(side), 0), 65535))
}

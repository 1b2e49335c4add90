package perframe

import (
	"fmt"
	"math"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// quality measures brightness (mean gray), contrast (standard deviation of
// gray) and sharpness (variance of the Laplacian: J. L. Pech-Pacheco et al.,
// Diatom autofocusing in brightfield microscopy, ICPR 2000).
//
// The sums are exact integers and everything after them is a fixed handful of
// correctly rounded operations, so equal pixels give equal bits everywhere. One
// pass over the pixels, about 0.1 ms at 640x480.
type quality struct{}

// qualityParams are none.
type qualityParams struct{}

func (qualityParams) Validate() error { return nil }

func init() {
	Register(Kind{
		Kind: params.KindOf("quality", "brightness, contrast and sharpness of every frame", false, qualityParams{}),
		Make: func(string, params.Params) (Analysis, error) { return quality{}, nil },
	})
}

func (quality) Name() string         { return "quality" }
func (quality) Digest() string       { return "quality v1" }
func (quality) Pixels() frame.Pixels { return frame.GrayPixels }

func (quality) Analyse(in pixels.Input, out *result.PerFrame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	s, err := pixels.SumsOf(gray)
	if err != nil {
		return fmt.Errorf("quality: %w", err)
	}
	out.Quality = &result.Quality{
		Brightness: float64(s.Gray) / float64(s.Pixels),
		Contrast:   math.Sqrt(variance(s.Pixels, s.Gray, s.GraySquares)),
		Sharpness:  variance(s.Pixels, s.Laplacian, s.LaplacianSquares),
	}
	return nil
}

// variance is E[v²] - E[v]² of n values. The explicit conversions forbid the
// compiler to fuse the multiplication with the subtraction, which some
// architectures would and others would not.
func variance(n, sum, squares int64) float64 {
	mean := float64(sum) / float64(n)
	return max(0, float64(squares)/float64(n)-float64(mean*mean))
}

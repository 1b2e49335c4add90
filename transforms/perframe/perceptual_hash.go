package perframe

import (
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

func init() {
	Register(Kind{
		Kind: params.KindOf("perceptual_hash", "64 bits that stay when a picture is scaled or encoded anew, to find copies", false, perceptualHashParams{}),
		Make: func(name string, _ params.Params) (Analysis, error) { return perceptualHash{name}, nil },
	})
}

// perceptualHashParams are none.
type perceptualHashParams struct{}

func (perceptualHashParams) Validate() error { return nil }

// perceptualHash compares means of gray in 9x8 cells; see [similarity.Hash]. Exact
// integers from gray on: equal pixels give equal bits everywhere.
type perceptualHash struct{ name string }

func (a perceptualHash) Name() string       { return a.name }
func (perceptualHash) Digest() string       { return "perceptual_hash v1" }
func (perceptualHash) Pixels() frame.Pixels { return frame.GrayPixels }

func (a perceptualHash) Analyse(in pixels.Input, out *result.PerFrame) error {
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	sums, err := detectors.Cells(gray, 9, 8)
	if err != nil {
		return err
	}
	var pixels [72]int64
	for i := range pixels {
		pixels[i] = cell(gray.Cols(), 9, i%9) * cell(gray.Rows(), 8, i/9)
	}
	h := similarity.NewHash((*[72]int64)(sums), &pixels)
	out.Features = append(out.Features, result.Feature{Analysis: a.name, Kind: similarity.KindHash, Data: h.Marshal()})
	return nil
}

// cell is how many pixels of a side lie in cell i of n; see [detectors.Cells].
func cell(side, n, i int) int64 { return int64(max((i+1)*side/n-i*side/n, 1)) }

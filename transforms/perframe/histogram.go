package perframe

import (
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/detectors"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
	"github.com/framebeam/framebeam/transforms/vision/similarity"
)

func init() {
	Register(Kind{
		Kind: params.KindOf("histogram", "how the colours of a frame are spread, for search and similarity", false, DefaultHistogram()),
		Make: func(name string, p params.Params) (Analysis, error) { return NewHistogram(name, p.(HistogramConfig)) },
	})
}

// HistogramConfig are the parameters of histogram; see [DefaultHistogram].
type HistogramConfig struct {
	Hue        int `json:"hue" min:"1" max:"180" doc:"bins of hue; the first lies around red"`
	Saturation int `json:"saturation" min:"1" max:"16" doc:"bins of saturation; what is in the first has no hue"`
	Value      int `json:"value" min:"1" max:"16" doc:"bins of value, that is of brightness"`
}

// DefaultHistogram is 12x4x4 bins: 388 bytes a frame.
func DefaultHistogram() HistogramConfig { return HistogramConfig{Hue: 12, Saturation: 4, Value: 4} }

// Validate returns every violation, joined.
func (c HistogramConfig) Validate() error { return params.Check(c) }

// histogram counts pixels by colour; see [similarity.Histogram]. All in integers,
// from OpenCV's 8-bit HSV on (hue 0 to 179, saturation and value 0 to 255).
type histogram struct {
	HistogramConfig
	name, digest string
	tables       [3][256]uint16
}

// NewHistogram makes the analysis, or says all that is wrong with cfg. It adds a
// feature of similarity.KindHistogram.
func NewHistogram(name string, cfg HistogramConfig) (Analysis, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	digest, err := params.Digest("histogram", 1, cfg)
	if err != nil {
		return nil, err
	}
	a := &histogram{HistogramConfig: cfg, name: name, digest: digest}
	for v := range 256 {
		// Half a bin further, so that reds of both ends of the circle share one.
		a.tables[0][v] = uint16((2*v*cfg.Hue + 180) % (360 * cfg.Hue) / 360 * cfg.Saturation * cfg.Value)
		a.tables[1][v] = uint16(v * cfg.Saturation / 256 * cfg.Value)
		a.tables[2][v] = uint16(v * cfg.Value / 256)
	}
	return a, nil
}

func (a *histogram) Name() string         { return a.name }
func (a *histogram) Digest() string       { return a.digest }
func (a *histogram) Pixels() frame.Pixels { return frame.ColorPixels }

func (a *histogram) Analyse(in pixels.Input, out *result.PerFrame) error {
	m, err := in.Color()
	if err != nil {
		return err
	}
	hsv := gocv.NewMat()
	defer hsv.Close()
	gocv.CvtColor(m, &hsv, gocv.ColorBGRToHSV)
	counts, err := detectors.Bins(hsv, &a.tables, a.Hue*a.Saturation*a.Value)
	if err != nil {
		return err
	}
	h := similarity.NewHistogram(a.Hue, a.Saturation, a.Value, counts)
	out.Features = append(out.Features, result.Feature{Analysis: a.name, Kind: similarity.KindHistogram, Data: h.Marshal()})
	return nil
}

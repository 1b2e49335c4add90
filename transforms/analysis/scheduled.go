package analysis

import (
	"encoding/json"
	"errors"
	"image"
	"io"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// scheduled is an analysis whose parameters follow the time of day: that of the
// frames' capture.
type scheduled struct{ *params.Scheduled[Analysis] }

func newScheduled(s params.Spec, one func(json.RawMessage) (Analysis, error)) (Analysis, error) {
	all, err := params.NewScheduled(s, one)
	if err != nil {
		return nil, err
	}
	return &scheduled{all}, nil
}

func (s *scheduled) Analyse(in pixels.Input, out *result.PerFrame) error {
	if a, ok := s.Variant(s.At(in.Frame().Captured)); ok {
		return a.Analyse(in, out)
	}
	return nil
}

func (s *scheduled) Close() error {
	var errs []error
	s.Each(func(a Analysis) {
		if c, ok := a.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	})
	return errors.Join(errs...)
}

func (s *scheduled) Regions(whole image.Point) (least image.Point, apart bool) {
	apart = true
	s.Each(func(a Analysis) {
		l, is := Regions(a, whole)
		least = image.Pt(max(least.X, l.X), max(least.Y, l.Y))
		apart = apart && is
	})
	return least, apart
}

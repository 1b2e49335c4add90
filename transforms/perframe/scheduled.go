package perframe

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/params"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// scheduled is an analysis whose parameters follow the time of day: that of the
// frames' capture.
type scheduled struct {
	*params.Scheduled[Analysis]
	name string
}

func newScheduled(s params.Spec, one func(json.RawMessage) (Analysis, error)) (Analysis, error) {
	all, err := params.NewScheduled(s, one)
	if err != nil {
		return nil, err
	}
	return &scheduled{all, s.Name}, nil
}

func (s *scheduled) Name() string { return s.name }

func (s *scheduled) Pixels() frame.Pixels {
	need := frame.NoPixels
	s.Each(func(a Analysis) { need = max(need, a.Pixels()) })
	return need
}

func (s *scheduled) Analyse(in sequence.Input, out *result.PerFrame) error {
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

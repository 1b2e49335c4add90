package perframe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/params"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/schedule"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// scheduled is an analysis whose parameters follow the time of day: that of the
// frames' capture.
type scheduled struct {
	name      string
	schedules []schedule.Schedule // of all variants but the last
	variants  []Analysis          // the last holds when no schedule does; nil: off
	digest    string
}

func newScheduled(s params.Spec, one func(json.RawMessage) (Analysis, error)) (Analysis, error) {
	sc := &scheduled{name: s.Name}
	var digests []string
	add := func(off bool, raw json.RawMessage) error {
		if off {
			sc.variants, digests = append(sc.variants, nil), append(digests, "off")
			return nil
		}
		a, err := one(raw)
		if err != nil {
			return err
		}
		sc.variants, digests = append(sc.variants, a), append(digests, a.Digest())
		return nil
	}
	for _, v := range s.During {
		if err := add(v.Off, v.Params); err != nil {
			return nil, err
		}
		sc.schedules = append(sc.schedules, v.Schedule)
		digests = append(digests, fmt.Sprintf("%+v", v.Schedule))
	}
	if err := add(s.Off, s.Params); err != nil {
		return nil, err
	}
	sc.digest = "scheduled v1 " + strings.Join(digests, "; ")
	return sc, nil
}

func (s *scheduled) Name() string   { return s.name }
func (s *scheduled) Digest() string { return s.digest }

func (s *scheduled) Pixels() frame.Pixels {
	need := frame.NoPixels
	for _, v := range s.variants {
		if v != nil {
			need = max(need, v.Pixels())
		}
	}
	return need
}

func (s *scheduled) Analyse(in sequence.Input, out *result.PerFrame) error {
	holds := s.variants[len(s.schedules)]
	for i, sc := range s.schedules {
		if sc.Covers(in.Frame().Captured) {
			holds = s.variants[i]
			break
		}
	}
	if holds == nil {
		return nil
	}
	return holds.Analyse(in, out)
}

func (s *scheduled) Close() error {
	var errs []error
	for _, v := range s.variants {
		if c, ok := v.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

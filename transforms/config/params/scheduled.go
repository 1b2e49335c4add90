package params

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/config/schedule"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Analysis is what a variant must be.
type Analysis interface {
	Digest() string
	Pixels() frame.Pixels
}

// Scheduled is an analysis in all its variants, of which the time of capture chooses.
type Scheduled[A Analysis] struct {
	name      string
	schedules []schedule.Schedule // of all variants but the last
	variants  []variant[A]        // the last holds when no schedule does
	digest    string
}

type variant[A any] struct {
	analysis A
	on       bool
}

// NewScheduled makes the variants of a spec, one for each set of parameters.
func NewScheduled[A Analysis](s Spec, one func(json.RawMessage) (A, error)) (*Scheduled[A], error) {
	sc := &Scheduled[A]{name: s.Name}
	var digests []string
	add := func(off bool, raw json.RawMessage) error {
		v, digest := variant[A]{on: !off}, "off"
		if v.on {
			var err error
			if v.analysis, err = one(raw); err != nil {
				return err
			}
			digest = v.analysis.Digest()
		}
		sc.variants, digests = append(sc.variants, v), append(digests, digest)
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

// Name is that of all variants.
func (s *Scheduled[A]) Name() string { return s.name }

// Pixels is the most that any variant asks for.
func (s *Scheduled[A]) Pixels() frame.Pixels {
	need := frame.NoPixels
	s.Each(func(a A) { need = max(need, a.Pixels()) })
	return need
}

// Digest names all variants and their schedules.
func (s *Scheduled[A]) Digest() string { return s.digest }

// At is the number of the variant that holds at t.
func (s *Scheduled[A]) At(t time.Time) int {
	for i, sc := range s.schedules {
		if sc.Covers(t) {
			return i
		}
	}
	return len(s.schedules)
}

// Variant is the i-th; ok is false if it is off, or not there.
func (s *Scheduled[A]) Variant(i int) (a A, ok bool) {
	if i < 0 || i >= len(s.variants) {
		return a, false
	}
	return s.variants[i].analysis, s.variants[i].on
}

// Each calls do for every variant that is not off.
func (s *Scheduled[A]) Each(do func(A)) {
	for _, v := range s.variants {
		if v.on {
			do(v.analysis)
		}
	}
}

// Has reports whether there is an i-th variant, on or off.
func (s *Scheduled[A]) Has(i int) bool { return i >= 0 && i < len(s.variants) }

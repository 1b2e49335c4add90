package backtest

import (
	"fmt"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// era is a stretch of a partition of the output, with the configuration that made it.
type era struct {
	from, to int64 // offsets, to excluded
	begun    int64 // from which on its analyses have seen the frames
	record   *profiles.Record
}

// eraAt is the one that an offset lies in.
func eraAt(eras []era, offset int64) *era {
	for i := range eras {
		if offset < eras[i].to {
			return &eras[i]
		}
	}
	return nil
}

// footing is what a recipe can stand on in a partition.
type footing struct {
	partition chunk.Partition
	eras      []era // of the output, from its base on; none: there is no output
	from      int64 // the first offset that is computed
	base      int64 // the first of the output, or of the log
	twin      *recipe
	pixels    bool // frames can be had
	// forced are cameras of which no step may be taken from anywhere, and why.
	forced map[string]string
}

// planned is what becomes of one step of a camera.
type planned struct {
	params.Spec
	from   origin
	fits   func(sequence.FrameSize) bool
	why    string // it is computed
	pixels frame.Pixels
}

// plan is how a recipe's row of a camera's frames is made.
type plan struct {
	profile *profiles.ProfileRecord
	steps   []planned
	forced  bool
	// look: steps that are computed need pixels.
	look bool
}

// NeedsFrames is the error of a comparison for which results are not enough.
type NeedsFrames struct {
	Name     string   // of the configuration
	Analyses []string // that have to be computed, and why
	Cameras  []string
}

func (e *NeedsFrames) Error() string {
	return fmt.Sprintf("%s: results are not enough for %s of %s: say with --archive or --brokers where the frames are",
		e.Name, strings.Join(e.Analyses, ", "), named(e.Cameras))
}

// plan decides for a camera which steps are computed. The error is a *[NeedsFrames].
func (r *recipe) plan(camera string, on *footing) (*plan, error) {
	p := &plan{profile: r.Of(camera)}
	if p.profile == nil {
		return nil, fmt.Errorf("%s: no profile is for camera %s", r.name, camera)
	}
	why, forced := on.forced[camera]
	p.forced = forced
	var reasons []string
	missing := map[string][]string{}
	lacks := func(name, why string) {
		if missing[why] == nil {
			reasons = append(reasons, why)
		}
		missing[why] = append(missing[why], name)
	}
	for _, spec := range p.profile.PerFrame {
		if from, lack := r.from(camera, p.profile, spec.Name, on); from == computed && !on.pixels {
			lacks(spec.Name, lack)
		}
	}
	for _, spec := range p.profile.Steps {
		s := planned{Spec: spec, why: why}
		step, err := sequence.Make(spec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		s.pixels = step.Pixels()
		if !forced {
			s.from, s.why = r.from(camera, p.profile, spec.Name, on)
		}
		switch s.from {
		case ofTwin:
			s.fits = r.same(p.profile, on.twin.Record, on.twin.Of(camera)).fits[spec.Name]
		case ofStore:
			s.fits = r.fits(camera, p.profile, spec.Name, on)
		case computed:
			if s.pixels != frame.NoPixels {
				p.look = true
				if !on.pixels {
					lacks(spec.Name, s.why)
				}
			}
		}
		p.steps = append(p.steps, s)
	}
	if len(missing) > 0 {
		e := &NeedsFrames{Name: r.name, Cameras: []string{camera}}
		for _, why := range reasons {
			e.Analyses = append(e.Analyses, fmt.Sprintf("%s (%s)", strings.Join(missing[why], ", "), why))
		}
		return p, e
	}
	return p, nil
}

// from is where an analysis' results of all frames come from, or why they are computed.
func (r *recipe) from(camera string, p *profiles.ProfileRecord, name string, on *footing) (origin, string) {
	if on.twin != nil {
		if with := on.twin.Of(camera); with != nil && r.same(p, on.twin.Record, with).analyses[name] {
			return ofTwin, ""
		}
	}
	if len(on.eras) == 0 {
		if on.twin == nil {
			return computed, "there is no output"
		}
		return computed, "the two configurations differ in it"
	}
	before := ""
	for i := range on.eras {
		e := &on.eras[i]
		if e.to <= on.from {
			continue
		}
		with := e.record.Of(camera)
		if with == nil || !r.same(p, e.record, with).analyses[name] {
			return computed, r.difference(p, name, e, with)
		}
		// A step that differs only by how much it may remember began afresh all the same.
		if before != "" && before != with.Digests[name] {
			return computed, fmt.Sprintf("in the output it began anew at offset %d", e.begun)
		}
		before = with.Digests[name]
	}
	return ofStore, ""
}

// difference says why the results of an era are not those of the analysis.
func (r *recipe) difference(p *profiles.ProfileRecord, name string, e *era, with *profiles.ProfileRecord) string {
	where := "the output"
	if e.to != chunk.MaxOffset {
		where = fmt.Sprintf("the output, offsets %d to %d,", e.from, e.to-1)
	}
	switch {
	case with == nil || with.Digests[name] == "":
		return where + " has no results of it"
	case r.Settings.Parse != e.record.Settings.Parse:
		return "frames are read with other settings than for " + where
	case name == "":
		return ""
	}
	for _, s := range append(p.Steps[:len(p.Steps):len(p.Steps)], p.PerFrame...) {
		if s.Name != name {
			continue
		}
		reads, _ := sequence.Reads(s)
		for _, read := range reads {
			if p.Digests[read] != with.Digests[read] {
				return fmt.Sprintf("what it reads, %s, is another than in %s", read, strings.TrimSuffix(where, ","))
			}
		}
	}
	return where + " was made with another"
}

// fits is the condition under which a step's results of all eras are taken; nil: none.
func (r *recipe) fits(camera string, p *profiles.ProfileRecord, name string, on *footing) func(sequence.FrameSize) bool {
	var all []func(sequence.FrameSize) bool
	for i := range on.eras {
		if e := &on.eras[i]; e.to > on.from {
			if f := r.same(p, e.record, e.record.Of(camera)).fits[name]; f != nil {
				all = append(all, f)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return func(size sequence.FrameSize) bool {
		for _, f := range all {
			if !f(size) {
				return false
			}
		}
		return true
	}
}

// bounds says of each step of a camera that was known before the first frame why its
// memory there may not be that of a run from the beginning; "" of those of which it is.
func (r *recipe) bounds(camera string, p *plan, on *footing, restored int64) (all []string) {
	for _, s := range p.steps {
		if s.from == ofTwin {
			continue // as the twin's own
		}
		if why := r.bound(camera, p.profile, s, on, restored); why != "" {
			all = append(all, why)
		}
	}
	return all
}

// restored is the offset of the frame whose state was restored; chunk.None: none was.
func (r *recipe) bound(camera string, p *profiles.ProfileRecord, s planned, on *footing, restored int64) string {
	if restored == chunk.None {
		return fmt.Sprintf("%s began anew", s.Name)
	}
	for i := len(on.eras) - 1; i >= 0; i-- {
		e := &on.eras[i]
		if e.from > restored {
			continue
		}
		if with := e.record.Of(camera); with != nil && p.Digests[s.Name] == with.Digests[s.Name] && r.same(p, e.record, with).analyses[s.Name] {
			continue
		}
		if s.from == ofStore {
			return "" // said of the store
		}
		if e.to > restored {
			return fmt.Sprintf("%s began anew", s.Name)
		}
		return fmt.Sprintf("%s went on from a memory that began at offset %d of %v, where the output's configuration changed", s.Name, e.to, on.partition)
	}
	return ""
}

// late says of each step that is taken from the store where the output's configuration
// gave it a beginning that a run of the recipe would not have had.
func (r *recipe) late(camera string, p *plan, on *footing) (all []string) {
	of := func(e *era, name string) string {
		if with := e.record.Of(camera); with != nil {
			return with.Digests[name]
		}
		return ""
	}
	for _, s := range p.steps {
		if s.from != ofStore {
			continue
		}
		for i := len(on.eras) - 1; i > 0; i-- {
			if of(&on.eras[i-1], s.Name) != of(&on.eras[i], s.Name) {
				all = append(all, fmt.Sprintf("%s is taken from the output, in which it began at offset %d of %v, where the configuration changed", s.Name, on.eras[i].begun, on.partition))
				break
			}
		}
	}
	return all
}

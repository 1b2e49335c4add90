package backtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// recipe is a configuration that is computed.
type recipe struct {
	*profiles.Record
	name   string
	stages profiles.Stages
	parser *frame.Parser

	mu       sync.Mutex
	sameness map[[2]*profiles.ProfileRecord]*sameness
	free     map[string][]*perframe.Analyzer
	made     []*perframe.Analyzer
}

func newRecipe(name string, stages profiles.Stages) (*recipe, error) {
	r := &recipe{name: name, stages: stages, sameness: map[[2]*profiles.ProfileRecord]*sameness{}, free: map[string][]*perframe.Analyzer{}}
	var err error
	if r.Record, err = profiles.ReadRecord(stages.Text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if r.parser, err = frame.NewParser(stages.PerFrame.Parse); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// looks reports whether an analysis of the recipe looks at some frames only.
func (r *recipe) looks() bool {
	return r != nil && slices.ContainsFunc(r.Profiles, func(p profiles.ProfileRecord) bool {
		return slices.ContainsFunc(p.Steps, func(s params.Spec) bool { return s.When != nil })
	})
}

// steps is the profile as the sequence stage has it.
func (r *recipe) steps(p *profiles.ProfileRecord) *sequence.Profile {
	return &r.stages.Sequence.Profiles[r.index(p)]
}

func (r *recipe) index(p *profiles.ProfileRecord) int {
	for i := range r.Profiles {
		if &r.Profiles[i] == p {
			return i
		}
	}
	panic("backtest: the profile is of another configuration")
}

// analyzer lends an analyzer of frames that makes only those analyses of the profile;
// giveBack takes it again. Analyzers are used by one goroutine, and networks are large.
func (r *recipe) analyzer(p *profiles.ProfileRecord, only []params.Spec, handOver bool) (a *perframe.Analyzer, giveBack func(), err error) {
	key := fmt.Sprint(r.index(p), handOver)
	for _, s := range only {
		key += "\x00" + s.Name
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if all := r.free[key]; len(all) > 0 {
		a, r.free[key] = all[len(all)-1], all[:len(all)-1]
	} else {
		a, err = perframe.NewAnalyzer(perframe.Config{
			Parse: r.stages.PerFrame.Parse, HandOver: handOver,
			Profiles: []perframe.Profile{{Analyses: only, Pixels: p.Pixels, Digest: p.Digest}},
		})
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.name, err)
		}
		r.made = append(r.made, a)
	}
	return a, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.free[key] = append(r.free[key], a)
	}, nil
}

// close releases the analyzers.
func (r *recipe) close() (err error) {
	for _, a := range r.made {
		if e := a.Close(); err == nil {
			err = e
		}
	}
	r.made, r.free = nil, map[string][]*perframe.Analyzer{}
	return err
}

// sameness is what of a profile's analyses gives the same as that of a profile by which
// rows were made.
type sameness struct {
	analyses map[string]bool
	// fits are what to ask of a frame before a step's result is taken for the same: see
	// [sequence.Kind.Fits].
	fits map[string]func(sequence.FrameSize) bool
	// reads: the records are read alike, so that what a dead letter is does not differ.
	reads bool
	// dies: what is a dead letter there because of its picture or an analysis is one here.
	dies bool
}

// same compares the profile with one of a record.
func (r *recipe) same(p *profiles.ProfileRecord, of *profiles.Record, with *profiles.ProfileRecord) *sameness {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]*profiles.ProfileRecord{p, with}
	if s := r.sameness[key]; s != nil {
		return s
	}
	s := &sameness{analyses: map[string]bool{}, fits: map[string]func(sequence.FrameSize) bool{}}
	s.reads = r.Settings.Parse == of.Settings.Parse
	s.dies = with.Pixels <= p.Pixels
	for _, a := range with.PerFrame {
		s.dies = s.dies && p.Digests[a.Name] == with.Digests[a.Name]
	}
	for _, a := range with.Steps {
		// What such a step could not look at had been seen by those before it.
		s.dies = s.dies && a.When == nil
	}
	for _, a := range slices.Concat(p.PerFrame, p.Steps) {
		s.analyses[a.Name] = s.reads && p.Digests[a.Name] != "" && p.Digests[a.Name] == with.Digests[a.Name]
	}
	for _, a := range p.Steps {
		if s.analyses[a.Name] || !s.reads {
			continue
		}
		i := slices.IndexFunc(with.Steps, func(o params.Spec) bool { return o.Name == a.Name })
		if i < 0 {
			continue
		}
		if fits := fitsAlike(a, with.Steps[i], p.Digests[a.Name], with.Digests[a.Name]); fits != nil {
			s.analyses[a.Name], s.fits[a.Name] = true, fits
		}
	}
	r.sameness[key] = s
	return s
}

// fitsAlike is the condition under which two steps give the same that differ only by how
// much room they have; nil if they differ otherwise.
func fitsAlike(a, b params.Spec, ofA, ofB string) func(sequence.FrameSize) bool {
	i := slices.IndexFunc(sequence.Kinds(), func(k sequence.Kind) bool { return k.Name == a.Kind })
	if i < 0 || a.Kind != b.Kind || len(a.During) != len(b.During) {
		return nil
	}
	k := sequence.Kinds()[i]
	if k.Fit == nil || k.Fits == nil || k.Reads != nil {
		return nil
	}
	// Of the same program: it would give both the digests that they have.
	var in []params.Params
	alike := func(s params.Spec, digest string) (string, bool) {
		step, err := sequence.Make(s)
		if err != nil || step.Digest() != digest {
			return "", false
		}
		fit := func(raw []byte) []byte {
			p, err := k.Check(raw)
			if err != nil {
				return raw
			}
			in = append(in, p)
			return text(k.Fit(p, 0))
		}
		if !s.Off {
			s.Params = fit(s.Params)
		}
		s.During = slices.Clone(s.During)
		for i := range s.During {
			if v := &s.During[i]; !v.Off {
				v.Params = fit(v.Params)
			}
		}
		return string(text(s)), true
	}
	textA, okA := alike(a, ofA)
	textB, okB := alike(b, ofB)
	if !okA || !okB || textA != textB {
		return nil
	}
	return func(f sequence.FrameSize) bool {
		return !slices.ContainsFunc(in, func(p params.Params) bool { return !k.Fits(p, f) })
	}
}

// text is a value in one spelling.
func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("backtest: %v", err)) // parameters were read from JSON
	}
	return b
}

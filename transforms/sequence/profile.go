package sequence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
)

// Profile is how the cameras are analysed whose ids match a pattern.
type Profile struct {
	// Match is a camera's id, or a pattern of path.Match; "": every camera.
	Match string
	Steps []params.Spec // see [Order]
	// Reads are the digests of the per-frame analyses that steps may read.
	Reads map[string]string
	// Silence is the gap in capture times that is an interruption; 0: DefaultSilence.
	Silence time.Duration
}

// Order sorts specs as the steps must run: by stage, then by name.
func Order(specs []params.Spec) error {
	stages := map[string]Stage{}
	for _, s := range specs {
		k, err := KindOf(s)
		if err != nil {
			return err
		}
		stages[s.Name] = k.Stage
	}
	slices.SortStableFunc(specs, func(a, b params.Spec) int {
		if d := int(stages[a.Name]) - int(stages[b.Name]); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return nil
}

// Reads names what a spec's step reads, in all of its variants.
func Reads(s params.Spec) ([]string, error) {
	k, err := KindOf(s)
	if err != nil || k.Reads == nil {
		return nil, err
	}
	var all []string
	raws := [][]byte{s.Params}
	for _, v := range s.During {
		if !v.Off {
			raws = append(raws, v.Params)
		}
	}
	if s.When != nil {
		raws = [][]byte{s.When}
	}
	for _, raw := range raws {
		p, err := k.Check(raw)
		if err != nil {
			return nil, err
		}
		for _, name := range k.Reads(p) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, nil
}

// ReadingDigest is the digest of a step of a kind, whose own is given, that reads the
// analyses of these names; digests are theirs. So a step that reads what has changed is
// another step.
func ReadingDigest(kind, own string, reads []string, digests map[string]string) string {
	if len(reads) == 0 {
		return own
	}
	text := own
	for _, name := range reads {
		text += "; " + name + ": " + digests[name]
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s %s", kind, hex.EncodeToString(sum[:8]))
}

// Analyzer makes the profile's analyzer, with at most limit bytes of state per camera (0:
// DefaultStateLimit). instead may put another step of the same name and digest in the
// place of one; it returns nil, or is nil, where the step is to be the profile's own. Close
// it.
func (p *Profile) Analyzer(limit int, instead func(Step) Step) (*Analyzer, error) {
	return p.analyzer(limit, instead, Make)
}

func (p *Profile) analyzer(limit int, instead func(Step) Step, makeStep func(params.Spec) (Step, error)) (*Analyzer, error) {
	digests := map[string]string{}
	for name, d := range p.Reads {
		digests[name] = d
	}
	var steps []Step
	for _, spec := range p.Steps {
		s, err := makeStep(spec)
		if err != nil {
			return nil, err
		}
		reads, err := Reads(spec)
		if err != nil {
			return nil, err
		}
		if len(reads) > 0 {
			s = &reader{s, ReadingDigest(spec.Kind, s.Digest(), reads, digests)}
		}
		digests[spec.Name] = s.Digest()
		if instead != nil {
			if other := instead(s); other != nil {
				s = other
			}
		}
		steps = append(steps, s)
	}
	return NewAnalyzer(steps, p.Silence, limit)
}

// reader is a step with the digest of what it reads.
type reader struct {
	Step
	digest string
}

func (r *reader) Digest() string { return r.digest }

func (r *reader) Close() error { return closeStep(r.Step) }

// analyzers are those of a configuration's profiles, made when first asked for.
type analyzers struct {
	cfg  *Config
	made []*Analyzer
}

func newAnalyzers(cfg *Config) (*analyzers, error) {
	a := &analyzers{cfg: cfg, made: make([]*Analyzer, len(cfg.Profiles))}
	shared := map[string]Step{} // equal ones that hold something: networks are large
	makeStep := func(s params.Spec) (Step, error) {
		if s.When == nil {
			return Make(s)
		}
		key, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("analysis %s: %w", s.Name, err)
		}
		if shared[string(key)] == nil {
			if shared[string(key)], err = Make(s); err != nil {
				return nil, err
			}
		}
		return shared[string(key)], nil
	}
	for i := range cfg.Profiles {
		var err error
		if a.made[i], err = cfg.Profiles[i].analyzer(cfg.StateLimit, nil, makeStep); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	return a, nil
}

// close releases what the steps hold.
func (a *analyzers) close() error {
	var errs []error
	for _, x := range a.made {
		if x != nil {
			errs = append(errs, x.Close())
		}
	}
	return errors.Join(errs...)
}

// of is the camera's analyzer.
func (a *analyzers) of(camera string) (*Analyzer, error) {
	i := params.Select(camera, func(i int) string { return a.cfg.Profiles[i].Match }, len(a.made))
	if i < 0 {
		return nil, fmt.Errorf("no profile is for camera %s", camera)
	}
	return a.made[i], nil
}

// Pixels is the most that any step needs.
func (p *Profile) Pixels(limit int) (frame.Pixels, error) {
	a, err := p.Analyzer(limit, nil)
	if err != nil {
		return frame.NoPixels, err
	}
	return a.Pixels(), nil
}

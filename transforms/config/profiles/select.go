package profiles

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// OfCameras are the stages that look at the cameras only whose ids match one of the
// patterns, and skip the frames of others ([result.Skipped]). What they find of a camera
// is what they find without the selection, under the same digest of the camera's profile;
// that of the whole is another one. Without patterns nothing is selected.
func (s Stages) OfCameras(patterns []string) (Stages, error) {
	if len(patterns) == 0 {
		return s, nil
	}
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return s, fmt.Errorf("%q is neither a camera's id nor a pattern of ids", p)
		}
	}
	r, err := readRecord(s.Text)
	if err != nil {
		return s, err
	}
	patterns = slices.Compact(slices.Sorted(slices.Values(patterns)))
	r.Cameras, s.PerFrame.Cameras = patterns, patterns
	s.Patterns = slices.Concat(s.Patterns, patterns)
	err = s.describe(&r)
	return s, err
}

// Only are the stages with these analyses and what they read, as they are here: with the
// same digests, so that they go on with the same states. A name is that of an analysis, such
// as lines/gate, or of a kind, such as lines. Without names nothing is left out. The error
// names those that no camera has.
func (s Stages) Only(names []string) (Stages, error) {
	if len(names) == 0 {
		return s, nil
	}
	r, err := readRecord(s.Text)
	if err != nil {
		return s, err
	}
	found := map[string]bool{}
	var all []string
	for i := range r.Profiles {
		p := &r.Profiles[i]
		keep := map[string]bool{}
		for _, a := range slices.Concat(p.PerFrame, p.Sequence) {
			all = append(all, a.Name, a.Kind)
			for _, name := range names {
				if name == a.Name || name == a.Kind {
					found[name], keep[a.Name] = true, true
				}
			}
		}
		// Steps read what runs before them.
		for _, a := range slices.Backward(p.Sequence) {
			if !keep[a.Name] {
				continue
			}
			reads, err := sequence.Reads(a.Spec)
			if err != nil {
				return s, err
			}
			for _, name := range reads {
				keep[name] = true
			}
		}
		leftOut := func(a analysis) bool { return !keep[a.Name] }
		p.PerFrame, p.Sequence = slices.DeleteFunc(p.PerFrame, leftOut), slices.DeleteFunc(p.Sequence, leftOut)
	}
	slices.Sort(all)
	var errs []error
	for _, name := range names {
		if !found[name] {
			errs = append(errs, fmt.Errorf("no camera has an analysis %q%s", name, strictyaml.DidYouMean(name, slices.Compact(all))))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	patterns := s.Patterns
	s, err = r.stages()
	s.Patterns = patterns
	return s, err
}

// readRecord decodes the text of stages.
func readRecord(text string) (record, error) {
	var r record
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&r)
	if err == nil && len(r.Profiles) == 0 {
		err = errors.New("it has no Profiles")
	}
	return r, err
}

// stages are those that the record is of.
func (r *record) stages() (Stages, error) {
	cfg := Config{Settings: r.Config}
	for _, e := range r.Profiles {
		p := profile{Match: e.Match, Silence: e.Silence}
		specs := func(all []analysis) (specs []params.Spec) {
			for _, a := range all {
				specs = append(specs, a.Spec)
			}
			return specs
		}
		p.PerFrame, p.Steps = specs(e.PerFrame), specs(e.Sequence)
		cfg.recorded = append(cfg.recorded, p)
	}
	s, err := cfg.Stages()
	if err != nil {
		return Stages{}, err
	}
	return s.OfCameras(r.Cameras)
}

// describe makes text and digest of the record.
func (s *Stages) describe(r *record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	sum := sha256.Sum256(text)
	s.Text, s.Digest = string(text), hex.EncodeToString(sum[:])
	return nil
}

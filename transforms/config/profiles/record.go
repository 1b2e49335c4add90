package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Record is what a [Stages.Text] says, such as that of an output's generation, whichever
// program wrote it: its digests are those that results were made with, and not those that
// this program would give to the same parameters.
type Record struct {
	Settings Settings
	Profiles []ProfileRecord
	Cameras  []string // patterns of those that were looked at; none: all
	OpenCV   string   // version
	Arch     string
	Zones    string // version of the time zones' rules
}

// ProfileRecord is one profile of a [Record].
type ProfileRecord struct {
	Match    string // see [params.Matches]
	Digest   string // that results name: [result.Frame.Config]
	Silence  time.Duration
	PerFrame []params.Spec
	Steps    []params.Spec
	// Digests are those of all analyses, by name: of a step with what it reads
	// ([sequence.ReadingDigest]), "" if this program does not know its kind.
	Digests map[string]string
	// Pixels is the most that any analysis asks for that this program knows. A frame of
	// which it cannot be had is a dead letter.
	Pixels frame.Pixels
}

// Looks reports whether the camera was looked at.
func (r *Record) Looks(camera string) bool {
	return params.Selects(r.Cameras, camera)
}

// Of is the camera's profile; nil if there is none, or it was not looked at.
func (r *Record) Of(camera string) *ProfileRecord {
	if !r.Looks(camera) {
		return nil
	}
	i := params.Select(camera, func(i int) string { return r.Profiles[i].Match }, len(r.Profiles))
	if i < 0 {
		return nil
	}
	return &r.Profiles[i]
}

// ReadRecord reads a [Stages.Text].
func ReadRecord(text string) (*Record, error) {
	var all record
	err := json.Unmarshal([]byte(text), &all)
	if err == nil && len(all.Profiles) == 0 {
		err = errors.New("it has no Profiles")
	}
	if err != nil {
		return nil, fmt.Errorf("decode recorded configuration: %w", err)
	}
	r := &Record{Settings: all.Config, Cameras: all.Cameras, OpenCV: all.OpenCV, Arch: all.Arch, Zones: all.Zones}
	for _, e := range all.Profiles {
		p := ProfileRecord{Match: e.Match, Digest: e.Digest, Silence: e.Silence, Digests: map[string]string{}, Pixels: frame.GrayPixels}
		for _, a := range e.PerFrame {
			p.PerFrame = append(p.PerFrame, a.Spec)
			p.Digests[a.Name] = a.Digest
			if x, err := perframe.Make(a.Spec); err == nil {
				p.Pixels = max(p.Pixels, x.Pixels())
			}
		}
		for _, a := range e.Sequence {
			p.Steps = append(p.Steps, a.Spec)
			reads, err := sequence.Reads(a.Spec)
			if err != nil {
				p.Digests[a.Name] = ""
				continue
			}
			p.Digests[a.Name] = sequence.ReadingDigest(a.Kind, a.Digest, reads, p.Digests)
			if s, err := sequence.Make(a.Spec); err == nil {
				p.Pixels = max(p.Pixels, s.Pixels())
			}
		}
		r.Profiles = append(r.Profiles, p)
	}
	return r, nil
}

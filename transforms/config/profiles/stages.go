package profiles

import (
	"errors"
	"runtime"

	"github.com/framebeam/framebeam/transforms/config/timezone"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Stages is the configuration as the pipeline's stages take it.
type Stages struct {
	PerFrame perframe.Config
	Sequence sequence.Config // but for where states lie
	// Text is the effective configuration as JSON, with the digests of all analyses
	// and what else results depend on: the OpenCV version, the architecture, the rules
	// of time zones.
	Text   string
	Digest string // of Text, SHA-256, hex
	// Patterns are those of cameras that are analysed otherwise than all others, in the
	// order of the file; none of a configuration that was recorded.
	Patterns []string
}

// InOneProcess are the stages for an engine that runs all of them in one process,
// delivers each element once and does not push back. It changes no result.
func (s Stages) InOneProcess() Stages {
	s.PerFrame.Park, s.PerFrame.Paced, s.Sequence.Paced = true, true, true
	return s
}

// platform is what results depend on beside the log and the file.
type platform struct {
	OpenCV string
	Arch   string
	Zones  string // version of the time zones' rules
}

func thisPlatform() platform { return platform{pixels.Version(), runtime.GOARCH, timezone.Version} }

// record is what Text holds.
type record struct {
	Config   Settings
	Profiles []effective
	// Cameras are patterns of the cameras that are looked at, if not all are.
	Cameras []string `json:",omitempty"`
	platform
}

// Stages makes the stages' configurations, and reads the files that analyses name for
// their digests. The error lists every violation.
func (c *Config) Stages() (Stages, error) {
	profiles, bad := c.profiles()
	var errs []error
	for _, w := range bad {
		errs = append(errs, w)
	}
	if err := errors.Join(errs...); err != nil {
		return Stages{}, err
	}
	st := Stages{
		PerFrame: perframe.Config{Parse: c.Parse},
		Sequence: sequence.Config{StateLimit: c.StateLimit, Forget: c.Forget},
	}
	for _, o := range c.Cameras {
		st.Patterns = append(st.Patterns, o.Match)
	}
	all := record{Config: c.Settings, platform: thisPlatform()}
	said := map[string]bool{} // profiles have most in common
	for i := range profiles {
		p := &profiles[i]
		e, wrong := c.effective(p)
		for _, err := range wrong {
			if !said[err.Error()] {
				said[err.Error()], errs = true, append(errs, err)
			}
		}
		if len(wrong) > 0 {
			continue
		}
		all.Profiles = append(all.Profiles, e)
		seq := sequence.Profile{Match: p.Match, Steps: p.Steps, Silence: p.Silence, Reads: map[string]string{}}
		for _, a := range e.PerFrame {
			seq.Reads[a.Name] = a.Digest
		}
		need, err := seq.Pixels(c.StateLimit)
		if err != nil {
			return Stages{}, err
		}
		if need != frame.NoPixels {
			st.PerFrame.HandOver = true
		}
		st.Sequence.Profiles = append(st.Sequence.Profiles, seq)
		st.PerFrame.Profiles = append(st.PerFrame.Profiles, perframe.Profile{Match: p.Match, Analyses: p.PerFrame, Pixels: need, Digest: e.Digest})
	}
	if err := errors.Join(errs...); err != nil {
		return Stages{}, err
	}
	err := st.describe(&all)
	return st, err
}

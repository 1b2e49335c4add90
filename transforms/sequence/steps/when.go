package steps

import (
	"errors"
	"io"
	"time"

	"github.com/framebeam/framebeam/transforms/analysis"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// whenVersion is of the algorithm: raise it with every change that could change a result.
const whenVersion = 1

func init() {
	sequence.Register(sequence.Kind{
		Kind:  params.KindOf(sequence.WhenName, "looks only where something moves, and not more often than needed", false, DefaultWhen()),
		Stage: sequence.Looks,
		Bytes: whenBytes,
		Reads: func(p params.Params) []string {
			if of := p.(WhenConfig).Moves; of != activityName {
				return []string{of}
			}
			return nil
		},
		When: func(a analysis.Analysis, p params.Params) (sequence.Step, error) { return NewWhen(a, p.(WhenConfig)) },
	})
}

// whenBytes is the most that a memory takes: that of activity, and times and places.
const whenBytes = 8<<10 + 512

// WhenConfig are the parameters of when an analysis looks; see [DefaultWhen].
type WhenConfig struct {
	Moves       string          `json:"moves" enum:"activity,background,motion" doc:"what says that something moves: background and motion by what they find (they must be on); activity by its own measure, whether that analysis is on or not"`
	Sensitivity float64         `json:"sensitivity" min:"0" max:"1" doc:"of activity: 0: only large and strong motion; 1: the smallest that is told from noise"`
	Every       params.Duration `json:"every" min:"0s" max:"1h" doc:"least time from one look to the next; 0s: every frame while something moves"`
	Hold        params.Duration `json:"hold" min:"0s" max:"1h" doc:"how long after the last motion it goes on looking"`
	AtLeast     params.Duration `json:"at_least" min:"0s" max:"24h" doc:"it looks at the whole picture so often even if nothing moves; 0s: only at the first"`
	Region      bool            `json:"region" doc:"look only at the parts of the picture where something moves"`
	Margin      float64         `json:"margin" min:"0" max:"4" doc:"of region: by how much a part is larger on each side than what moves, in parts of its longer side"`
	Ignore      []outline       `json:"ignore" items:"0,32" min:"0" max:"1" doc:"of activity: polygons of [x, y] from 0 to 1 of which nothing counts"`
	Within      []outline       `json:"within" items:"0,32" min:"0" max:"1" doc:"of activity: polygons of [x, y] from 0 to 1 in which motion counts; none: everywhere"`
}

// DefaultWhen are parameters for a yard or a street.
func DefaultWhen() WhenConfig {
	return WhenConfig{
		Moves: activityName, Sensitivity: 0.8, Every: params.Duration(200 * time.Millisecond),
		Hold: params.Duration(2 * time.Second), AtLeast: params.Duration(10 * time.Second), Margin: 0.5,
	}
}

// Validate returns every violation, joined.
func (c WhenConfig) Validate() error {
	errs := []error{params.Check(c)}
	_, err := newArea(c.Ignore, c.Within)
	errs = append(errs, err)
	if c.Moves != activityName {
		for field, outlines := range map[string][]outline{"ignore": c.Ignore, "within": c.Within} {
			if len(outlines) > 0 {
				errs = append(errs, params.Wrong(field, "is of activity: say it of %s itself", c.Moves))
			}
		}
	}
	return errors.Join(errs...)
}

// when runs an analysis of a frame on its own, which is much work, on some frames.
type when struct {
	WhenConfig
	digest   string
	analysis analysis.Analysis
	activity *activity // that says what moves; nil: another analysis does

	every, hold, atLeast int64 // µs
}

// NewWhen makes the step that runs a, which then has a's name, or says all that is wrong
// with cfg. Detections are those of a: in a part of the picture those that do not touch its
// edge, unless it is the picture's. In every frame there is a feature "looked" or "still" of
// what was looked at; see docs/analyses.md. It closes a.
func NewWhen(a analysis.Analysis, cfg WhenConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	digest, err := params.Digest(sequence.WhenName, whenVersion, cfg)
	if err != nil {
		return nil, err
	}
	us := func(d params.Duration) int64 { return time.Duration(d).Microseconds() }
	s := &when{
		WhenConfig: cfg, digest: digest + "; " + a.Digest(), analysis: a,
		every: us(cfg.Every), hold: us(cfg.Hold), atLeast: us(cfg.AtLeast),
	}
	if cfg.Moves != activityName {
		return s, nil
	}
	c := DefaultActivity()
	c.Sensitivity, c.Ignore, c.Within = cfg.Sensitivity, cfg.Ignore, cfg.Within
	moves, err := NewActivity(activityName, c)
	if err != nil {
		return nil, err
	}
	s.activity = moves.(*activity)
	// What moves there moves here, whatever activity does with it.
	s.digest += "; " + s.activity.Digest()
	return s, nil
}

func (s *when) Name() string   { return s.analysis.Name() }
func (s *when) Digest() string { return s.digest }

// Pixels is gray, though the analysis may ask for colour: that is decoded only where it looks.
func (s *when) Pixels() frame.Pixels { return frame.GrayPixels }

func (s *when) Start() sequence.Memory { return s.start() }

// Close closes the analysis.
func (s *when) Close() error {
	if c, ok := s.analysis.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

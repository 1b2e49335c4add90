package steps

import (
	"errors"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

const (
	linesName = "lines"
	// linesBytes is more than maxJudged tracks of 41 bytes and what else is saved.
	linesBytes = 4 << 10
)

func init() {
	sequence.Register(sequence.Kind{
		Kind:  params.KindOf(linesName, "objects that cross a line, counted by direction", true, DefaultLines()),
		Stage: sequence.Judges,
		Bytes: linesBytes,
		Reads: func(p params.Params) []string { return []string{p.(LinesConfig).Of} },
		Sense: func(p params.Params) error { return p.(LinesConfig).crossable() },
		Shapes: func(p params.Params) []geometry.Shape {
			c := p.(LinesConfig)
			return []geometry.Shape{{Points: c.Points, Forward: c.Direction != "backward", Backward: c.Direction != "forward"}}
		},
		Make: func(name string, p params.Params) (sequence.Step, error) { return NewLines(name, p.(LinesConfig)) },
	})
}

// LinesConfig are the parameters of a line; see [DefaultLines].
type LinesConfig struct {
	Points    []geometry.Position `json:"points" items:"2,16" min:"0" max:"1" doc:"the line: [x, y] of each point, 0 to 1 of the picture's width and height, x to the right and y down"`
	Direction string              `json:"direction" enum:"both,forward,backward" doc:"which crossings count: forward is from the line's left to its right, as one sees it on the picture when one looks from the first point to the last; so downwards over a line from left to right"`
	Labels    []string            `json:"labels" items:"0,64" doc:"classes of objects that count; none: all"`
	Of        string              `json:"of" doc:"name of the analysis whose tracks are read"`
	Margin    float64             `json:"margin" min:"0" max:"0.25" doc:"how far from the line, relative to the picture, an object must get before a crossing counts, and before it can cross again"`
	Gone      params.Duration     `json:"gone" min:"100ms" max:"1h" doc:"how long an object may be unseen and still have gone the straight way"`
}

// DefaultLines are the parameters of a line but for its points: both directions, all
// classes, the tracks of "tracking", a margin of 0.02 (13 by 10 pixels of 640x480,
// which is more than boxes tremble), and 5 seconds.
func DefaultLines() LinesConfig {
	return LinesConfig{Direction: "both", Of: "tracking", Margin: 0.02, Gone: params.Duration(5 * time.Second)}
}

// Validate returns every violation, joined.
func (c LinesConfig) Validate() error {
	errs := []error{params.Check(c)}
	if len(c.Points) >= 2 {
		if _, err := geometry.NewPolyline(c.Points); err != nil {
			errs = append(errs, params.Wrong("points", "%v", err))
		}
	}
	if c.Of == "" {
		errs = append(errs, params.Wrong("of", "is empty"))
	}
	return errors.Join(errs...)
}

// crossable says what is wrong with a line that lies so near to the picture's edge that
// a direction that counts never would: what crosses it does not get the margin beyond it
// before its feet are out of the picture.
func (c LinesConfig) crossable() error {
	l, err := geometry.NewPolyline(c.Points)
	if err != nil {
		return err
	}
	margin := geometry.Length(c.Margin)
	forward, backward := l.Crossable(true, margin), l.Crossable(false, margin)
	var never string
	switch {
	case c.Direction == "both" && !forward && !backward:
		never = "forward nor backward"
	case c.Direction != "backward" && !forward:
		never = "forward"
	case c.Direction != "forward" && !backward:
		never = "backward"
	default:
		return nil
	}
	hint := ""
	if c.Direction == "both" && (forward || backward) {
		hint = `, or set direction to "backward"`
		if forward {
			hint = `, or set direction to "forward"`
		}
	}
	return params.Wrong("points", "nothing can cross it %s: beyond it there is less than the margin of %v before the picture's edge, where feet leave it; move it inwards, make margin smaller%s", never, c.Margin, hint)
}

// lines counts who crosses a line, and in which direction.
//
// What crosses is an object's anchor, the middle of its box's lower edge. From one
// sighting to the next it goes straight, also over frames in which it was not seen.
// A crossing counts when the anchor has got the margin away from the line: if its path
// since it was last so far away (or since it was first seen) has crossed the line in
// one direction more often than in the other, and it has ended on that direction's
// side. So however it trembles at the line, it is one crossing if it gets to the other
// side, and none if it does not; and who goes around the end of the line has not
// crossed it. Who is first seen within the margin has begun there, on the side where
// it was seen.
type lines struct {
	LinesConfig
	name, rule, digest string
	line               geometry.Polyline
	margin             int32
}

// linesAlgorithm changes whenever the same tracks may give other events.
const linesAlgorithm = 1

// NewLines makes the step of that name, "lines/rule", or says all that is wrong with
// cfg. Its events are [result.EventLineCrossed], Forward or Backward; Value is how many have
// crossed in that direction so far, this one included.
func NewLines(name string, cfg LinesConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	line, err := geometry.NewPolyline(cfg.Points)
	if err != nil {
		return nil, err
	}
	digest, err := params.Digest(linesName, linesAlgorithm, cfg)
	if err != nil {
		return nil, err
	}
	_, rule, _ := strings.Cut(name, "/")
	return &lines{cfg, name, rule, digest, line, geometry.Length(cfg.Margin)}, nil
}

func (s *lines) Name() string           { return s.name }
func (s *lines) Digest() string         { return s.digest }
func (s *lines) Pixels() frame.Pixels   { return frame.NoPixels }
func (s *lines) Start() sequence.Memory { return &linesMemory{step: s} }

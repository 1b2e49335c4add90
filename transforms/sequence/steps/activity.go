package steps

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

const (
	activityName = "activity"
	// activityVersion is of the algorithm: raise it with every change that could
	// change a result.
	activityVersion = 3
	// activityCells is the most cells of a reduced picture, of which two are kept.
	activityCells = 3072
)

func init() {
	sequence.Register(sequence.Kind{
		Kind:   params.KindOf(activityName, "when something moved, as events with beginning, peak and end", true, DefaultActivity()),
		Stage:  sequence.Judges,
		Bytes:  8 << 10,
		Reads:  func(p params.Params) []string { return p.(ActivityConfig).From },
		Shapes: func(p params.Params) []geometry.Shape { return zonesOf(p.(ActivityConfig).Within) },
		Make: func(name string, p params.Params) (sequence.Step, error) {
			return NewActivity(name, p.(ActivityConfig))
		},
	})
}

// ActivityConfig are the parameters of one rule of activity; see [DefaultActivity].
type ActivityConfig struct {
	Sensitivity float64         `json:"sensitivity" min:"0" max:"1" doc:"0: only large and strong motion; 1: the smallest that is told from noise"`
	MinDuration params.Duration `json:"min_duration" min:"0s" max:"1h" doc:"how long something must move before it is an event"`
	Quiet       params.Duration `json:"quiet" min:"100ms" max:"1h" doc:"time without motion that ends an event"`
	MaxDuration params.Duration `json:"max_duration" min:"0s" max:"24h" doc:"longer events are split; 0s: never"`
	From        []string        `json:"from" items:"0,8" doc:"analyses of the same camera: motion counts only where one of them found something; none: everywhere"`
	Ignore      []outline       `json:"ignore" items:"0,32" min:"0" max:"1" doc:"polygons of [x, y] from 0 to 1 of which nothing counts"`
	Within      []outline       `json:"within" items:"0,32" min:"0" max:"1" doc:"polygons of [x, y] from 0 to 1 in which motion counts; none: everywhere"`
}

// DefaultActivity are parameters for a person who walks through a room or a yard.
func DefaultActivity() ActivityConfig {
	return ActivityConfig{
		Sensitivity: 0.5, MinDuration: params.Duration(500 * time.Millisecond), Quiet: params.Duration(2 * time.Second),
	}
}

// Validate returns every violation, joined.
func (c ActivityConfig) Validate() error {
	errs := []error{params.Check(c)}
	_, err := newArea(c.Ignore, c.Within)
	errs = append(errs, err)
	if c.MaxDuration != 0 && c.MaxDuration <= c.MinDuration {
		errs = append(errs, params.Wrong("max_duration", "%v is not longer than min_duration, %v", c.MaxDuration, c.MinDuration))
	}
	for i, name := range c.From {
		if name == "" || strings.HasPrefix(name, activityName+"/") || name == activityName {
			errs = append(errs, params.Wrong(fmt.Sprintf("from/%d", i), "%q finds nothing in frames", name))
		}
	}
	return errors.Join(errs...)
}

// activity says when something moves.
//
// The picture is reduced to cells by area and compared with the one of some tenths
// of a second ago. The median ratio of the two is a change of light and taken out,
// the median of what is left is the noise; cells that differ by more than both
// allow have moved. Connected parts of them in which the picture before can still
// be seen are changes of light too (see texture.same). What is left counts, if
// its largest part is large enough for the sensitivity. When most of the picture
// changes at once (a switch that overdrives the sensor, an infrared filter), it is
// no motion: a second is left out.
//
// It needs no background, so it also runs alone, and objects that rest end it at
// once. All of it is in integers, and by capture time, not by frames.
type activity struct {
	ActivityConfig
	name, rule, digest string

	contrast int     // least difference of a cell that moved, in sixteenths of a gray level
	size     float64 // least size of a part that moves, as a part of the picture

	area area

	minDuration, quiet, maxDuration int64 // ms
}

const (
	activityLag     = 200           // ms: the picture to compare with is at least this old
	activitySettle  = 1000          // ms that are left out when all has changed
	activityGlobal  = 0.5           // part of the picture that is all
	activityChange  = gainOne / 128 // a gain further from 1 is a change of light
	activityClipped = 235 * gray16  // from this level on noise is cut off
	activityNoise   = 4 * gray16    // the most that noise is taken for
	activityFactor  = 7             // times the median difference is more than noise: 4.7 deviations
	activityAlike   = 0.8           // correlation from which a change is one of light
	activityPause   = 500           // ms without motion that an event to be confirmed may have
)

// NewActivity makes the step "activity", or says all that is wrong with cfg. name
// is "activity" or "activity/rule".
//
// Its events are "MotionRegionDetector/Motion": begin, in the frame in which it
// had moved for min_duration (Value: for how many seconds it had); peak and end
// together in the frame in which it had been quiet. Of peak, Value is the part of
// the picture that moved at most; of end, the seconds from the first motion to
// the last. Their snapshot is the frame of the peak.
//
// Which cells moved is a feature of the frames in which any did, as package cellmap says.
func NewActivity(name string, cfg ActivityConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	digest, err := params.Digest(activityName, activityVersion, cfg)
	if err != nil {
		return nil, err
	}
	_, rule, _ := strings.Cut(name, "/")
	looks, err := newArea(cfg.Ignore, cfg.Within)
	if err != nil {
		return nil, err
	}
	low := 1 - cfg.Sensitivity
	return &activity{
		ActivityConfig: cfg, name: name, rule: rule, digest: digest, area: looks,
		contrast:    gray16*4 + int(low*8*gray16),                         // 4 to 12 gray levels
		size:        0.0005 + float64(float64(0.02*low)*float64(low*low)), // 0.05 % to 2 %
		minDuration: millis(cfg.MinDuration), quiet: millis(cfg.Quiet), maxDuration: millis(cfg.MaxDuration),
	}, nil
}

func (s *activity) Name() string           { return s.name }
func (s *activity) Digest() string         { return s.digest }
func (s *activity) Pixels() frame.Pixels   { return frame.GrayPixels }
func (s *activity) Start() sequence.Memory { return &activityMemory{step: s} }

package steps

import (
	"errors"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
)

const (
	backgroundName  = "background"
	backgroundLabel = "object"
	// backgroundVersion is of the algorithm: raise it with every change that could
	// change a result.
	backgroundVersion = 3
	// backgroundCells is the most cells of a model, of backgroundCellBytes each. Smaller
	// cells tell people apart who walk side by side: 4 pixels instead of 6 of 640x480
	// are worth 4 points of MOTA on real video (vtest.avi).
	backgroundCells     = 20000
	backgroundCellBytes = 4
	// backgroundSide is the least side of a cell in pixels, so that its mean takes out
	// enough noise, unless a model of fewCells has smaller ones: of a small picture.
	backgroundSide = 3
	fewCells       = 10000
)

func init() {
	sequence.Register(sequence.Kind{
		Kind:  params.KindOf(backgroundName, "objects before a learnt background, without any network", false, DefaultBackground()),
		Stage: sequence.Finds,
		Bytes: 80 << 10,
		Make:  func(_ string, p params.Params) (sequence.Step, error) { return NewBackground(p.(BackgroundConfig)) },
	})
}

// BackgroundConfig are the parameters of the background model; see [DefaultBackground].
type BackgroundConfig struct {
	Contrast int             `json:"contrast" min:"2" max:"128" doc:"difference in gray levels from the background that makes an object where there is little noise"`
	MinArea  float64         `json:"min_area" min:"0.00001" max:"1" doc:"least size of an object, as a part of the picture's area"`
	Merge    float64         `json:"merge" min:"0" max:"0.5" doc:"parts one above the other join when the gap is at most this part of the picture's height"`
	Absorb   params.Duration `json:"absorb" min:"2s" max:"24h" doc:"time after which an object that rests becomes background"`
	Learn    params.Duration `json:"learn" min:"1s" max:"24h" doc:"time constant with which the background follows slow changes"`
	WarmUp   params.Duration `json:"warm_up" min:"100ms" max:"1h" doc:"time at the start in which the background is learnt and no objects are given"`
	Global   float64         `json:"global" min:"0.05" max:"1" doc:"when more than this part of the picture has changed, the background is learnt anew, for a second without objects"`
	Texture  float64         `json:"texture" min:"0" max:"1" doc:"how much a changed part must look like the background to be a change of light and no object; 0: never"`
	Ignore   []outline       `json:"ignore" items:"0,32" min:"0" max:"1" doc:"polygons of [x, y] from 0 to 1 of which nothing counts"`
	Within   []outline       `json:"within" items:"0,32" min:"0" max:"1" doc:"polygons of [x, y] from 0 to 1 in which an object must lie with at least half of it; none: everywhere"`
}

// DefaultBackground are parameters for cameras that do not move.
func DefaultBackground() BackgroundConfig {
	return BackgroundConfig{
		Contrast: 14, MinArea: 0.001, Merge: 0.02,
		Absorb: params.Duration(time.Minute), Learn: params.Duration(20 * time.Second), WarmUp: params.Duration(2 * time.Second),
		Global: 0.5, Texture: 0.8,
	}
}

// Validate returns every violation, joined.
func (c BackgroundConfig) Validate() error {
	errs := []error{params.Check(c)}
	_, err := newArea(c.Ignore, c.Within)
	errs = append(errs, err)
	return errors.Join(errs...)
}

// background finds objects as what differs from a model of the scene.
//
// The picture is reduced to cells by area. The model has two layers: what a cell
// normally shows (mean and spread, which follow slowly), and what it shows instead
// (a level and for how long). Mean and spread move by small steps in the direction
// of the frame (sigma-delta: A. Manzanera and J. C. Richefeu, A new motion
// detection algorithm based on sigma-delta background estimation, Pattern
// Recognition Letters 28, 2007), and only where nothing is in front. At the start
// the level is the one that most frames showed (R. S. Boyer and J. S. Moore, MJRTY,
// 1991). Changes of light are found as the median ratio between frame and model,
// and where they are local as changed parts that still show the model's texture.
// An uncovered place, which has no edge around it in the frame but in the model,
// becomes background at once (after R. Cucchiara et al., Detecting moving objects,
// ghosts and shadows in video streams, PAMI 2003, who look at the motion instead).
//
// All of it is in integers, and by capture time, not by frames.
type background struct {
	BackgroundConfig
	digest string
	times  backgroundTimes
	area   area
}

// backgroundTimes are durations in milliseconds.
type backgroundTimes struct {
	learn, warmUp int64
	oldest        int   // the age at which a cell has shown something else for so long that it is background
	slow          int64 // how long a year of age lasts from slowAge on
}

const (
	learnEvery  = 200 // ms between steps of the means
	decayEvery  = 5   // steps of the means to one step of a spread down
	ageEvery    = 500 // ms of a young cell's year
	slowAge     = 16  // from this age on years are as long as absorb asks for
	maxAge      = 63
	settled     = 3          // the age at which a cell is known to rest
	relearn     = 1000       // ms without objects when all has changed
	warmFrames  = 5          // the least that a warm-up takes
	maxStep     = 10000      // ms: a longer gap teaches no more
	maxSpread   = 63         // in spreadUnits
	maxFlicker  = 24         // spread that flicker can cause
	spreadUnit  = gray16 / 2 // half a gray level
	startSpread = 2          // in spreadUnits
	maxMean     = 4095
	// What stands out less than these parts of what the object does on average is none
	// of it. More tears people apart (at all of it MOTA on real video falls by 4), less
	// joins those who walk together (at half of it, by 4).
	faintOf, faintParts = 2, 3
)

// NewBackground makes the step "background", or says all that is wrong with cfg.
// It gives detections "object" whose area is that of their cells in pixels and
// whose score is how much they stand out: the mean difference in gray as a part of
// four times the contrast, at most 1.
func NewBackground(cfg BackgroundConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	digest, err := params.Digest(backgroundName, backgroundVersion, cfg)
	if err != nil {
		return nil, err
	}
	t := backgroundTimes{learn: millis(cfg.Learn), warmUp: millis(cfg.WarmUp), slow: ageEvery}
	absorb := millis(cfg.Absorb)
	if years := absorb / ageEvery; years < maxAge {
		t.oldest = int(years) + 1
	} else {
		t.oldest = maxAge
		t.slow = (absorb - (slowAge-1)*ageEvery) / (maxAge - slowAge)
	}
	looks, err := newArea(cfg.Ignore, cfg.Within)
	if err != nil {
		return nil, err
	}
	return &background{cfg, digest, t, looks}, nil
}

func (s *background) Name() string           { return backgroundName }
func (s *background) Digest() string         { return s.digest }
func (s *background) Pixels() frame.Pixels   { return frame.GrayPixels }
func (s *background) Start() sequence.Memory { return &backgroundMemory{step: s} }

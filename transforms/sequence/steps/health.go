package steps

import (
	"errors"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
)

const (
	healthName = "health"
	// healthBytes is more than a saved memory takes: five bytes a cell, up to 45 a
	// block, and the alarms.
	healthBytes = 12 << 10
)

func init() {
	sequence.Register(sequence.Kind{
		Kind:  params.KindOf(healthName, "what is wrong with the camera: frozen, dark, bright, blurred, covered, moved, no signal, frames missing", false, DefaultHealth()),
		Stage: sequence.Finds,
		Bytes: healthBytes,
		Make:  func(_ string, p params.Params) (sequence.Step, error) { return NewHealth(p.(HealthConfig)) },
	})
}

// HealthConfig are the parameters of the camera's health; see [DefaultHealth].
// Every fault begins when it has lasted for its After, and ends when the picture
// has been well again for Recover, by capture time.
type HealthConfig struct {
	Frozen  FrozenConfig  `json:"frozen" doc:"the same picture again and again"`
	Dark    DarkConfig    `json:"dark" doc:"too little light"`
	Bright  BrightConfig  `json:"bright" doc:"too much light"`
	Blurred BlurredConfig `json:"blurred" doc:"less detail than the camera used to show"`
	Covered CoveredConfig `json:"covered" doc:"nothing of the scene is to be seen"`
	Moved   MovedConfig   `json:"moved" doc:"the camera looks elsewhere"`
	Signal  SignalConfig  `json:"signal" doc:"no frames for a while, told when they come again"`
	Missing MissingConfig `json:"missing" doc:"many frames missing"`

	Recover params.Duration `json:"recover" min:"0s" max:"10m" doc:"how long all must be well before a fault has ended"`
	Learn   params.Duration `json:"learn" min:"1s" max:"10m" doc:"how long a camera is looked at before blurred, covered and moved are judged"`
}

// FrozenConfig says when a picture is frozen. A live sensor has noise, so nearly
// every part of the picture differs from frame to frame; that of a camera that
// hangs does not. What has no noise may look frozen and is not: a generated scene
// without noise while nothing moves, or an encoder that leaves out what hardly
// changes: then After must be longer than its key frames are apart.
type FrozenConfig struct {
	On    bool            `json:"on" doc:"whether it is looked for"`
	After params.Duration `json:"after" min:"0s" max:"1h" doc:"how long nothing changes"`
	Share float64         `json:"share" min:"0" max:"0.5" doc:"of the picture that may change all the same, such as a clock in it"`
}

// DarkConfig says when a picture is too dark.
type DarkConfig struct {
	On    bool            `json:"on" doc:"whether it is looked for"`
	After params.Duration `json:"after" min:"0s" max:"1h" doc:"how long it is dark"`
	Mean  int             `json:"mean" min:"0" max:"255" doc:"most that the mean gray level may be"`
	High  int             `json:"high" min:"0" max:"255" doc:"most that the gray level may be which 95 per cent do not exceed"`
}

// BrightConfig says when a picture is too bright.
type BrightConfig struct {
	On    bool            `json:"on" doc:"whether it is looked for"`
	After params.Duration `json:"after" min:"0s" max:"1h" doc:"how long it is bright"`
	Mean  int             `json:"mean" min:"0" max:"255" doc:"least that the mean gray level may be"`
	Low   int             `json:"low" min:"0" max:"255" doc:"least that the gray level may be which 25 per cent do not exceed"`
}

// BlurredConfig says when a picture is blurred. Sharpness is the energy of its
// finest slopes as a part of that of its coarse ones: a change of light changes both
// alike, and noise neither.
type BlurredConfig struct {
	On    bool            `json:"on" doc:"whether it is looked for"`
	After params.Duration `json:"after" min:"0s" max:"1h" doc:"how long it is blurred"`
	Drop  float64         `json:"drop" min:"0.01" max:"0.9" doc:"part of the sharpness that the camera used to have, below which it is blurred"`
	Least float64         `json:"least" min:"0" max:"10" doc:"sharpness below which every picture is blurred; 0: none is"`
}

// CoveredConfig says when a lens is covered: the scene has vanished, and nothing
// else with contours is to be seen. A picture without any light is covered, too:
// nobody could tell.
type CoveredConfig struct {
	On    bool            `json:"on" doc:"whether it is looked for"`
	After params.Duration `json:"after" min:"0s" max:"1h" doc:"how long it is covered"`
	Scene float64         `json:"scene" min:"0.01" max:"0.9" doc:"correlation with the scene below which it has vanished"`
}

// MovedConfig says when a camera looks elsewhere: most parts of the picture
// resemble no longer what was there, as far as they have contours at all, and
// whether brighter, darker or the negative of it.
type MovedConfig struct {
	On        bool            `json:"on" doc:"whether it is looked for"`
	After     params.Duration `json:"after" min:"0s" max:"1h" doc:"how long, where the scene is found again in another place of the picture"`
	Elsewhere params.Duration `json:"elsewhere" min:"0s" max:"1h" doc:"how long, where it is not, and something may only be in the way"`
	Accept    params.Duration `json:"accept" min:"1s" max:"24h" doc:"how long until the new view is the camera's own"`
	Share     float64         `json:"share" min:"0.05" max:"0.9" doc:"of the picture that must still be alike, or it has moved"`
}

// SignalConfig says when a signal was lost. Where the collector tells that the source is,
// the event begins there, and ends at the first frame after. Else the log tells only when
// frames come again: both events stand at the first of them. Value is the seconds without,
// up to the event.
type SignalConfig struct {
	On    bool            `json:"on" doc:"whether it is looked for"`
	After params.Duration `json:"after" min:"0s" max:"24h" doc:"how long there are no frames, and five times longer than usual"`
}

// MissingConfig says when frames are missing too often, by their numbers.
type MissingConfig struct {
	On     bool            `json:"on" doc:"whether it is looked for"`
	Share  float64         `json:"share" min:"0.001" max:"1" doc:"of the frames that are missing"`
	Window params.Duration `json:"window" min:"1s" max:"1h" doc:"over which it is counted"`
}

// DefaultHealth looks for everything; a fault of the picture is told about one
// second after it began, a frozen one after one and a half.
func DefaultHealth() HealthConfig {
	second := params.Duration(time.Second)
	return HealthConfig{
		Frozen:  FrozenConfig{On: true, After: second * 3 / 2, Share: 0.02},
		Dark:    DarkConfig{On: true, After: second, Mean: 24, High: 64},
		Bright:  BrightConfig{On: true, After: second, Mean: 230, Low: 200},
		Blurred: BlurredConfig{On: true, After: second, Drop: 0.5, Least: 0.04},
		Covered: CoveredConfig{On: true, After: second, Scene: 0.07},
		Moved:   MovedConfig{On: true, After: second, Elsewhere: 8 * second, Accept: 60 * second, Share: 0.4},
		Signal:  SignalConfig{On: true, After: 2 * second},
		Missing: MissingConfig{On: true, Share: 0.1, Window: 10 * second},
		Recover: second / 2,
		Learn:   5 * second,
	}
}

// Validate returns every violation, joined.
func (c HealthConfig) Validate() error {
	errs := []error{params.Check(c)}
	if c.Dark.High < c.Dark.Mean {
		errs = append(errs, params.Wrong("dark/high", "%d is below the mean of %d", c.Dark.High, c.Dark.Mean))
	}
	if c.Moved.Elsewhere < c.Moved.After {
		errs = append(errs, params.Wrong("moved/elsewhere", "%v is shorter than moved/after, %v", c.Moved.Elsewhere, c.Moved.After))
	}
	return errors.Join(errs...)
}

// health watches the camera itself.
//
// It looks at a survey of the picture ([pixels.Survey]) and compares it with a
// reference learnt from the camera: the mean of each of 48x36 cells, which follows
// the picture by so much a second and no faster, however large the difference (a
// sigma-delta estimate, which tends to the median: A. Manzanera and J. C. Richefeu,
// A new motion detection algorithm based on Sigma-Delta background estimation,
// Pattern Recognition Letters 28(3), 2007), so that what passes leaves no trace; and
// the detail of each of 8x6 blocks. Blocks are compared by normalised
// cross-correlation, which no change of light alters that is even over a block, and
// each counts as much as it has proved reliable. Where a moved camera looks now is
// looked for by correlation over all displacements.
//
// All arithmetic up to the conditions is on integers.
type health struct {
	HealthConfig
	digest string
}

const healthVersionOfAlgorithm = 2

// NewHealth makes the step "health", or says all that is wrong with cfg. It needs
// gray pictures. Of pictures less than [pixels.SurveyLeast] pixels wide or high it
// judges the light, the signal and missing frames only.
func NewHealth(cfg HealthConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d, err := params.Digest(healthName, healthVersionOfAlgorithm, cfg)
	if err != nil {
		return nil, err
	}
	return &health{cfg, d}, nil
}

func (s *health) Name() string           { return healthName }
func (s *health) Digest() string         { return s.digest }
func (s *health) Pixels() frame.Pixels   { return frame.GrayPixels }
func (s *health) Start() sequence.Memory { return &healthMemory{step: s, sequence: -1} }

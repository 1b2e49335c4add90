package steps

import (
	"errors"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
)

const (
	cutsName = "cuts"
	// cutsBytes is more than a saved memory takes: two pictures of two bytes a cell.
	cutsBytes = 8 << 10
)

func init() {
	sequence.Register(sequence.Kind{
		Kind:  params.KindOf(cutsName, "scene cuts of a film, fades to black, and a key frame of every shot", false, DefaultCuts()),
		Stage: sequence.Finds,
		Bytes: cutsBytes,
		Make:  func(_ string, p params.Params) (sequence.Step, error) { return NewCuts(p.(CutsConfig)) },
	})
}

// CutsConfig are the parameters of scene cuts; see [DefaultCuts].
type CutsConfig struct {
	Threshold float64         `json:"threshold" min:"0.05" max:"1" doc:"difference of two pictures from which on there may be a cut between them; pictures of two scenes differ by 0.4 and more, those of one by 0.1 and up to 0.25 where much moves"`
	Motion    float64         `json:"motion" min:"0" max:"1" doc:"how far from the mean difference of the last pictures towards that of two scenes it must lie as well"`
	Shortest  params.Duration `json:"shortest" min:"0s" max:"1m" doc:"shortest shot; what differs earlier still belongs to it"`
	Flash     params.Duration `json:"flash" min:"0s" max:"2s" doc:"longest flash: when the picture is as before within this time there was no cut; it is told so much later; 0s: at once"`
	Black     int             `json:"black" min:"0" max:"64" doc:"mean gray level up to which a picture without contours is black"`
	Fade      params.Duration `json:"fade" min:"0s" max:"10s" doc:"shortest time in which a picture gets black that is a fade and no cut"`
	KeyFrames bool            `json:"key_frames" doc:"whether every shot's key frame is told when the shot has ended"`
}

// DefaultCuts finds every cut of the films it was tried on, and none elsewhere.
func DefaultCuts() CutsConfig {
	ms := params.Duration(time.Millisecond)
	return CutsConfig{Threshold: 0.3, Motion: 0.5, Shortest: 200 * ms, Flash: 150 * ms, Black: 16, Fade: 200 * ms, KeyFrames: true}
}

// Validate returns every violation, joined.
func (c CutsConfig) Validate() error {
	errs := []error{params.Check(c)}
	if c.Flash > c.Shortest {
		errs = append(errs, params.Wrong("flash", "%v is longer than the shortest shot, %v", c.Flash, c.Shortest))
	}
	return errors.Join(errs...)
}

// cuts finds where one shot of a film ends and the next begins.
//
// Pictures are compared block by block, each with the best place near where it was
// in the picture before, so that motion makes little difference (B. Shahraray, Scene
// change detection and content-based sampling of video sequences, Proc. SPIE 2419,
// 1995), by the correlation of their contours, so that light makes none;
// where there are no contours, by the histograms of gray. The threshold follows what
// differed lately (B.-L. Yeo and B. Liu, Rapid scene analysis on compressed video,
// IEEE Trans. Circuits and Systems for Video Technology 5(6), 1995), but only the
// past of it. White and black pictures are no scenes: those before and after them
// are compared. Dissolves are not found.
//
// The key frame of a shot is that of the least change (W. Wolf, Key frame selection
// by motion analysis, ICASSP 1996), the first of equals.
type cuts struct {
	CutsConfig
	digest string
}

const cutsVersionOfAlgorithm = 2

// NewCuts makes the step "cuts", or says all that is wrong with cfg. It needs gray
// pictures of at least [pixels.SurveyLeast] pixels in width and height.
//
// A cut's event has as Snapshot the first frame of the new shot, and as Value the
// seconds that the old one lasted; it stands at the frame that proves that it was no
// flash. A key frame's event stands at the same frame and has the key frame as
// Snapshot, and as Value the second of the shot. A shot that ends with its epoch, or
// before a silence, has a key frame but no cut; the last one of a log has none.
func NewCuts(cfg CutsConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d, err := params.Digest(cutsName, cutsVersionOfAlgorithm, cfg)
	if err != nil {
		return nil, err
	}
	return &cuts{cfg, d}, nil
}

func (s *cuts) Name() string           { return cutsName }
func (s *cuts) Digest() string         { return s.digest }
func (s *cuts) Pixels() frame.Pixels   { return frame.GrayPixels }
func (s *cuts) Start() sequence.Memory { return &cutsMemory{step: s} }

package steps

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/sequence"
	trackers "github.com/framebeam/framebeam/transforms/vision/tracking"
)

const trackingName = "tracking"

func init() {
	sequence.Register(sequence.Kind{
		Kind:  params.KindOf(trackingName, "follows objects from frame to frame: SORT with ByteTrack's second association", false, DefaultTracking()),
		Stage: sequence.Follows,
		Bytes: trackingBytes,
		Reads: func(p params.Params) []string { return p.(TrackingConfig).From },
		Make:  func(_ string, p params.Params) (sequence.Step, error) { return NewTracking(p.(TrackingConfig)) },
	})
}

// trackingBytes is the most that a memory takes: the tracker, and the picture's size.
const trackingBytes = 24 << 10

// TrackingConfig are the parameters of tracking; see [DefaultTracking]. What they
// mean is said in [trackers.Config].
type TrackingConfig struct {
	From          []string        `json:"from" items:"1,16" doc:"names of the analyses whose detections are followed, such as background, people, networks/ssd"`
	High          float64         `json:"high" min:"0" max:"1" doc:"score from which on a detection begins a track"`
	Low           float64         `json:"low" min:"0" max:"1" doc:"score from which on a detection continues a track"`
	IoU           float64         `json:"iou" min:"0.01" max:"1" doc:"how much a detection must overlap with where a track is expected: intersection over union"`
	LowIoU        float64         `json:"low_iou" min:"0.01" max:"1" doc:"the same for detections with a score below high"`
	LostIoU       float64         `json:"lost_iou" min:"0.01" max:"1" doc:"the same for tracks that are lost, with what those that are seen have left"`
	TentativeIoU  float64         `json:"tentative_iou" min:"0.01" max:"1" doc:"the same for tracks that are not yet confirmed"`
	MinHits       int             `json:"min_hits" min:"1" max:"100" doc:"detections in consecutive frames that confirm a track at 10 frames/s; at other rates it takes the same time, and two detections at least (1: the first one confirms)"`
	Patience      params.Duration `json:"patience" min:"0s" max:"5m" doc:"how long a track may go unseen before it ends; longer than the time between two frames"`
	Coast         params.Duration `json:"coast" min:"0s" max:"5m" doc:"how long a lost track is shown where it is expected to be; 0s: not at all"`
	ShowTentative bool            `json:"show_tentative" doc:"show tracks that are not yet confirmed too"`
	MaxTracks     int             `json:"max_tracks" min:"1" max:"100" doc:"most tracks at a time, lost ones included"`
	Jitter        float64         `json:"jitter" min:"0.001" max:"1" doc:"standard deviation of a detection's centre, in heights of the object; that of its height is twice as much"`
	Agility       float64         `json:"agility" min:"0.001" max:"100" doc:"how much an object's velocity changes in a second, in heights of the object per second"`
}

// contrastHigh is the score of a good detection of the background model: an object whose
// mean difference is twice the contrast that it must have. It is no probability.
const contrastHigh = 0.5

// DefaultTracking are the parameters of [trackers.Default], for what the background
// model finds. Lost tracks are shown for a quarter of a second, marked as lost.
func DefaultTracking() TrackingConfig {
	d := trackers.Default()
	return TrackingConfig{
		From: []string{"background"}, High: contrastHigh, Low: d.Low, IoU: d.IoU, LowIoU: d.LowIoU, LostIoU: d.LostIoU, TentativeIoU: d.TentativeIoU,
		MinHits: d.MinHits, Patience: params.Duration(d.Patience), Coast: params.Duration(trackers.DefaultCoast),
		MaxTracks: d.MaxTracks, Jitter: d.Jitter, Agility: d.Agility,
	}
}

var analysisNames = regexp.MustCompile(`^[a-z][a-z_]*(/[^/]+)?$`)

// Validate returns every violation, joined.
func (c TrackingConfig) Validate() error {
	errs := []error{params.Check(c)}
	for i, name := range c.From {
		field := fmt.Sprintf("from/%d", i)
		switch {
		case !analysisNames.MatchString(name):
			errs = append(errs, params.Wrong(field, "%q is not the name of an analysis", name))
		case name == trackingName:
			errs = append(errs, params.Wrong(field, "tracking cannot follow itself"))
		case slices.Contains(c.From[:i], name):
			errs = append(errs, params.Wrong(field, "%s is there already", name))
		}
	}
	if c.Low > c.High {
		errs = append(errs, params.Wrong("low", "%v is above high, %v", c.Low, c.High))
	}
	return errors.Join(errs...)
}

// tracker is the configuration of what does the work.
func (c TrackingConfig) tracker() trackers.Config {
	return trackers.Config{
		High: c.High, Low: c.Low, IoU: c.IoU, LowIoU: c.LowIoU, LostIoU: c.LostIoU, TentativeIoU: c.TentativeIoU,
		MinHits: c.MinHits, Patience: time.Duration(c.Patience), MaxTracks: c.MaxTracks, Jitter: c.Jitter, Agility: c.Agility,
	}
}

// tracking joins the detections of other analyses to tracks, one detection of its
// own for each that is shown.
type tracking struct {
	TrackingConfig
	digest string
}

// NewTracking makes the step "tracking", or says all that is wrong with cfg. It
// follows the detections of the analyses named in From, of which those in sequence
// must run before it, and adds for each track that is seen one with the track's id
// (offset*1000 + n, never used again in the partition), its state and the place that
// the filter takes it to be in, as far as that is in the picture. Tracks end with
// the epoch, with a silence, and when the picture's size changes; frames that are
// missing are time that passes.
func NewTracking(cfg TrackingConfig) (sequence.Step, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.tracker().Validate(); err != nil {
		return nil, err
	}
	const version = 2 // 2: lost tracks after those that are seen, height twice as uncertain, MinHits by time
	digest, err := params.Digest(trackingName, version, cfg)
	if err != nil {
		return nil, err
	}
	return &tracking{cfg, digest}, nil
}

func (s *tracking) Name() string         { return trackingName }
func (s *tracking) Digest() string       { return s.digest }
func (s *tracking) Pixels() frame.Pixels { return frame.NoPixels }

func (s *tracking) Start() sequence.Memory {
	t, err := trackers.New(s.tracker())
	if err != nil {
		panic(err) // NewTracking has looked
	}
	return &trackingMemory{step: s, tracker: t}
}

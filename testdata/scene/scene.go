// Package scene renders synthetic video with exact ground truth: objects that
// move, rest and hide each other before a textured background, with sensor
// noise, changes of light and faults of the camera.
//
// The same configuration and frame number give the same pixels and the same
// truth on every machine: all arithmetic is on integers, and randomness is a
// function of seed, frame and pixel. Each frame is rendered on its own.
package scene

import (
	"errors"
	"fmt"
	"image"
	"math"
)

// Config describes a scene. Start from [Default].
type Config struct {
	Width, Height int     // pixels, 16 to 4096
	Frames        int     // of the video, 1 or more
	FPS           float64 // frames per second, 0.1 to 1000; objects move by the second
	Seed          uint64  // another seed is another scene
	Objects       int     // on their way at a time, in the picture or beside it, 0 to 64
	Noise         int     // standard deviation of the sensor noise in gray levels, 0 to 64
	Pillar        Pillar  // stands in the foreground; none by default
	Faults        []Fault
}

// Pillar is a column from the top to the bottom of the picture, before all
// objects: they pass behind it.
type Pillar struct {
	X     int // its left edge, pixels
	Width int // pixels, at most what is right of X; 0: there is none
}

// Default is half a minute of five objects at 320 x 240.
func Default() Config {
	return Config{Width: 320, Height: 240, Frames: 300, FPS: 10, Seed: 1, Objects: 5, Noise: 3}
}

// Kind is what happens to light or camera.
type Kind string

const (
	// Ramp: the light goes evenly to Amount per cent of what it was, and stays so.
	Ramp Kind = "ramp"
	// Switch: the light is at Amount per cent of what it was, at once, and then
	// as before.
	Switch Kind = "switch"
	// Covered: something lies on the lens; the picture is nearly black.
	Covered Kind = "covered"
	// Moved: the camera looks Amount pixels further to the right, half as many
	// down, and then back where it was.
	Moved Kind = "moved"
	// Frozen: the camera sends the picture of frame From again and again.
	Frozen Kind = "frozen"
	// Dropped: the camera takes the picture but does not send it.
	Dropped Kind = "dropped"
	// Lost: there is no signal, so nothing is sent. Whoever plays the camera
	// opens it anew afterwards: Truth.Epoch says so.
	Lost Kind = "lost"
	// Cloud: the light goes evenly down to Amount per cent of what it was, which
	// it reaches in the middle, and evenly up again.
	Cloud Kind = "cloud"
	// Infrared: the camera is in night mode: a gray picture by the light of its own
	// lamp, strongest in the middle, in which dark cloth is bright.
	Infrared Kind = "infrared"
	// Blurred: the lens is out of focus by Amount pixels.
	Blurred Kind = "blurred"
)

// kinds are all there are.
var kinds = []Kind{Ramp, Switch, Covered, Moved, Frozen, Dropped, Lost, Cloud, Infrared, Blurred}

// Fault is something that happens in the frames [From, To).
type Fault struct {
	Kind     Kind
	From, To int
	// Amount is per cent of light, 0 to 400, for Ramp, Switch and Cloud (default
	// when parsed: 40), pixels for Moved, 1 to Width/4 (default when parsed: Width/8),
	// pixels on each side over which Blurred takes the mean, 1 to Width/4 (default
	// when parsed: Width/80, at least 1), and 0 for the others.
	Amount int
}

// Validate returns every violation, joined.
func (c Config) Validate() error {
	var errs []error
	within := func(what string, v, least, most int) {
		if v < least || v > most {
			errs = append(errs, fmt.Errorf("%s %d is not in %d to %d", what, v, least, most))
		}
	}
	within("width", c.Width, 16, 4096)
	within("height", c.Height, 16, 4096)
	within("frames", c.Frames, 1, 1<<30)
	within("objects", c.Objects, 0, 64)
	within("noise", c.Noise, 0, 64)
	if !(c.FPS >= 0.1 && c.FPS <= 1000) {
		errs = append(errs, fmt.Errorf("fps %v is not in 0.1 to 1000", c.FPS))
	}
	if p := c.Pillar; p != (Pillar{}) {
		within("pillar at", p.X, 0, c.Width-1)
		within("pillar width", p.Width, 1, c.Width-p.X)
	}
	for _, f := range c.Faults {
		if f.From < 0 || f.To <= f.From {
			errs = append(errs, fmt.Errorf("%s %d-%d holds no frames", f.Kind, f.From, f.To))
		}
		switch f.Kind {
		case Ramp, Switch, Cloud:
			within(string(f.Kind)+" to per cent", f.Amount, 0, 400)
		case Moved, Blurred:
			within(string(f.Kind)+" by", f.Amount, 1, max(1, c.Width/4))
		case Covered, Frozen, Dropped, Lost, Infrared:
			within(string(f.Kind)+" amount", f.Amount, 0, 0)
		default:
			errs = append(errs, fmt.Errorf("unknown fault %q", f.Kind))
		}
	}
	return errors.Join(errs...)
}

// Scene renders frames. It is immutable and safe for concurrent use.
type Scene struct {
	cfg        Config
	milliFPS   int
	world      image.Point // size of what a moved camera can see
	background []byte      // BGR of the world
}

// New prepares a scene, or returns every violation in cfg.
func New(cfg Config) (*Scene, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("scene: %w", err)
	}
	s := &Scene{
		cfg:      cfg,
		milliFPS: int(math.Round(cfg.FPS * 1000)),
		world:    image.Pt(cfg.Width+cfg.Width/4, cfg.Height+cfg.Width/8),
	}
	s.background = s.paintBackground()
	return s, nil
}

// Frames is the number of frames of the video.
func (s *Scene) Frames() int { return s.cfg.Frames }

// Size is the size of the picture in pixels.
func (s *Scene) Size() image.Point { return image.Pt(s.cfg.Width, s.cfg.Height) }

// FPS is frames per second: frame i is taken i/FPS seconds after the first.
func (s *Scene) FPS() float64 { return s.cfg.FPS }

// Config is what the scene was made from.
func (s *Scene) Config() Config { return s.cfg }

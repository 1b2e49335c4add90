// Package analyses is the configuration of what is looked for in the frames:
// one YAML file, checked as a whole, from which the stages are made and whose
// digest says when results may differ.
//
//	quality: true         # brightness, contrast and sharpness of every frame
//	motion:               # or true, or false: off
//	  blur: 3             # side of the Gaussian kernel in pixels, odd, 1 to 31
//	  threshold: 20       # difference in gray, 0 to 254, above which a pixel has changed
//	  min_area: 300       # what a contour's area in pixels must exceed
//	silence: 10s          # 1ms to 24h: the gap in capture times that is an interruption
//	state_limit: 262144   # bytes of state per camera, 4096 to 8388608
//	forget_chunks: 64     # chunks without a frame after which a camera is forgotten
//	json_zone: UTC        # IANA time zone of the JSON wire's timestamps
//	max_pixels: 67108864  # larger frames are dead letters
//	max_side: 16384       # likewise, in pixels of width or height
//
// Every field may be left out; these are the defaults.
package analyses

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/framebeam/framebeam/strictyaml"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/pixels"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Config is everything, beside the log, that results depend on.
type Config struct {
	// Quality measures brightness, contrast and sharpness of every frame. Default true.
	Quality bool
	// Motion finds what moved since the camera's previous frame; nil: off.
	// Default: the parameters of the original system.
	Motion *sequence.MotionConfig
	// Silence is the gap in capture times that counts as an interruption. Default 10s.
	Silence time.Duration
	// StateLimit is the most bytes of state per camera. Default 256 KiB.
	StateLimit int
	// Forget is after how many chunks without a frame a camera is forgotten. Default 64.
	Forget int64
	// Parse is how records are parsed.
	Parse frame.ParseOptions
}

// Default is the configuration when nothing is configured.
func Default() Config {
	m := sequence.DefaultMotion()
	return Config{
		Quality: true, Motion: &m,
		Silence: sequence.DefaultSilence, StateLimit: sequence.DefaultStateLimit, Forget: 64,
		Parse: frame.ParseOptions{Zone: "UTC", MaxPixels: frame.DefaultMaxPixels, MaxSide: frame.DefaultMaxSide},
	}
}

// Load reads a file; with no name it gives the default.
func Load(file string) (Config, error) {
	if file == "" {
		return Default(), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read analyses: %w", err)
	}
	return Parse(file, data)
}

// Parse reads the content of a file. The error lists every violation with its line.
func Parse(file string, data []byte) (Config, error) {
	cfg := Default()
	var bad strictyaml.Violations
	if root := bad.Parse(data); !strictyaml.IsNull(root) {
		bad.Fields("analyses", root, map[string]func(ast.Node) error{
			"quality": func(n ast.Node) (err error) { cfg.Quality, err = strictyaml.Bool(n); return },
			"motion":  func(n ast.Node) error { return cfg.motion(&bad, n) },
			"silence": func(n ast.Node) (err error) {
				cfg.Silence, err = strictyaml.Duration(n, time.Millisecond, 24*time.Hour)
				return
			},
			"state_limit":   whole(func(i int) { cfg.StateLimit = i }, 4<<10, 8<<20),
			"forget_chunks": whole(func(i int) { cfg.Forget = int64(i) }, 1, 1<<20),
			"json_zone":     func(n ast.Node) (err error) { cfg.Parse.Zone, err = zone(n); return },
			"max_pixels":    whole(func(i int) { cfg.Parse.MaxPixels = int64(i) }, 1, 1<<30),
			"max_side":      whole(func(i int) { cfg.Parse.MaxSide = i }, 1, 1<<20),
		})
	}
	if err := bad.Err(file); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// motion reads "motion: true", "motion: false" or a mapping of its parameters.
func (c *Config) motion(bad *strictyaml.Violations, n ast.Node) error {
	m := sequence.DefaultMotion()
	if b, err := strictyaml.Bool(n); err == nil {
		c.Motion = nil
		if b {
			c.Motion = &m
		}
		return nil
	}
	if !strictyaml.IsMap(n) {
		return fmt.Errorf("is %s, not true, false or a mapping of parameters", strictyaml.Describe(n))
	}
	// parameter reads one, and checks it beside the others' defaults, so that
	// nothing is said of it that is wrong with another.
	parameter := func(read func(*sequence.MotionConfig, ast.Node) error) func(ast.Node) error {
		return func(n ast.Node) error {
			alone := sequence.DefaultMotion()
			if err := read(&alone, n); err != nil {
				return err
			}
			if err := alone.Validate(); err != nil {
				return err
			}
			return read(&m, n)
		}
	}
	bad.Fields("motion", n, map[string]func(ast.Node) error{
		"blur": parameter(func(m *sequence.MotionConfig, n ast.Node) (err error) {
			m.Blur, err = strictyaml.Int(n)
			return
		}),
		"threshold": parameter(func(m *sequence.MotionConfig, n ast.Node) (err error) {
			m.Threshold, err = strictyaml.Int(n)
			return
		}),
		"min_area": parameter(func(m *sequence.MotionConfig, n ast.Node) (err error) {
			m.MinArea, err = strictyaml.Float(n)
			return
		}),
	})
	c.Motion = &m
	return nil
}

// zone reads the name of a time zone.
func zone(n ast.Node) (string, error) {
	name, err := strictyaml.Text(n)
	if err == nil && name == "" {
		err = errors.New("is empty")
	}
	if err != nil {
		return "", err
	}
	return name, frame.ParseOptions{Zone: name}.Validate()
}

// whole reads a whole number from low to high.
func whole(set func(int), low, high int) func(ast.Node) error {
	return func(n ast.Node) error {
		i, err := strictyaml.IntBetween(n, low, high)
		if err == nil {
			set(i)
		}
		return err
	}
}

// Steps are the analyses in sequence, in the order in which they are run.
func (c *Config) Steps() ([]sequence.StepSpec, error) {
	var steps []sequence.StepSpec
	if c.Motion != nil {
		m := *c.Motion
		// What the stage itself remembers takes at most a quarter.
		m.StateLimit = c.StateLimit * 3 / 4
		params, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("encode motion parameters: %w", err)
		}
		steps = append(steps, sequence.StepSpec{Name: "motion", Params: params})
	}
	return steps, nil
}

// PerFrame is the configuration of the per-frame stage. oneProcess says that the
// whole pipeline runs in one process on an engine that delivers each element once
// and does not push back: the direct runner.
func (c *Config) PerFrame(oneProcess bool) perframe.Config {
	cfg := perframe.Config{Parse: c.Parse, Park: oneProcess, Paced: oneProcess}
	if c.Quality {
		cfg.Analyses = append(cfg.Analyses, "quality")
	}
	if c.Motion != nil {
		cfg.Pixels, cfg.HandOver = frame.GrayPixels, true
	}
	return cfg
}

// Sequence is the configuration of the sequence stage, but for where states lie;
// for oneProcess see PerFrame.
func (c *Config) Sequence(oneProcess bool) (sequence.Config, error) {
	steps, err := c.Steps()
	return sequence.Config{Steps: steps, Silence: c.Silence, StateLimit: c.StateLimit, Paced: oneProcess}, err
}

// Effective is the configuration as JSON, with the digests of all analyses and
// what else results depend on: the OpenCV build and the architecture.
func (c *Config) Effective() (text []byte, digest string, err error) {
	specs, err := c.Steps()
	if err != nil {
		return nil, "", err
	}
	type analysis struct{ Name, Digest string }
	e := struct {
		Config   Config
		PerFrame []analysis
		Sequence []analysis
		OpenCV   string
		Arch     string
	}{Config: *c, OpenCV: pixels.Version(), Arch: runtime.GOARCH}
	for _, name := range c.PerFrame(false).Analyses {
		a, err := perframe.New(name)
		if err != nil {
			return nil, "", err
		}
		e.PerFrame = append(e.PerFrame, analysis{a.Name(), a.Digest()})
	}
	for _, spec := range specs {
		s, err := spec.Make()
		if err != nil {
			return nil, "", err
		}
		e.Sequence = append(e.Sequence, analysis{s.Name(), s.Digest()})
	}
	if text, err = json.MarshalIndent(e, "", "  "); err != nil {
		return nil, "", fmt.Errorf("encode configuration: %w", err)
	}
	sum := sha256.Sum256(text)
	return text, hex.EncodeToString(sum[:]), nil
}

package perframe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// Analyzer does the work of the stage without Beam. It is used by one goroutine.
type Analyzer struct {
	parser   *frame.Parser
	profiles []profile
	cameras  []string // see Config
	handOver bool

	// Dropped is how many boxes were left out since the start: nothing of them lay in the
	// picture.
	Dropped int64
	warned  map[string]bool // by analysis
	// Took is how long the analyses have taken since the start, by name, and decoding.
	Took map[string]time.Duration

	// The camera asked for last and its profile: a run is of one, and patterns may
	// be many.
	camera string
	last   *profile
}

// profile is a [Profile] made.
type profile struct {
	Profile
	analyses []Analysis
	pixels   frame.Pixels
}

// NewAnalyzer makes what the configuration describes; close it.
func NewAnalyzer(cfg Config) (*Analyzer, error) {
	p, err := frame.NewParser(cfg.Parse)
	if err != nil {
		return nil, err
	}
	a := &Analyzer{parser: p, cameras: cfg.Cameras, handOver: cfg.HandOver, warned: map[string]bool{}, Took: map[string]time.Duration{}}
	made := map[string]Analysis{} // equal ones are shared: networks are large
	for _, pr := range cfg.Profiles {
		pm := profile{Profile: pr, pixels: max(frame.GrayPixels, pr.Pixels)}
		names := map[string]bool{}
		for _, spec := range pr.Analyses {
			if names[spec.Name] {
				return nil, errors.Join(fmt.Errorf("per-frame analysis %q is named twice", spec.Name), a.Close())
			}
			names[spec.Name] = true
			key, err := json.Marshal(spec)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("analysis %s: %w", spec.Name, err), a.Close())
			}
			x := made[string(key)]
			if x == nil {
				if x, err = Make(spec); err != nil {
					return nil, errors.Join(err, a.Close())
				}
				made[string(key)] = x
			}
			pm.analyses = append(pm.analyses, x)
			pm.pixels = max(pm.pixels, x.Pixels())
		}
		a.profiles = append(a.profiles, pm)
	}
	return a, nil
}

// Close releases what the analyses hold.
func (a *Analyzer) Close() error {
	var errs []error
	closed := map[Analysis]bool{}
	for _, p := range a.profiles {
		for _, x := range p.analyses {
			if c, ok := x.(io.Closer); ok && !closed[x] {
				closed[x] = true
				errs = append(errs, c.Close())
			}
		}
	}
	return errors.Join(errs...)
}

// of is the camera's profile; without one nothing is looked for.
func (a *Analyzer) of(camera string) *profile {
	if a.last == nil || a.camera != camera {
		a.camera, a.last = camera, a.find(camera)
	}
	return a.last
}

func (a *Analyzer) find(camera string) *profile {
	i := params.Select(camera, func(i int) string { return a.profiles[i].Match }, len(a.profiles))
	if i < 0 {
		return &profile{pixels: frame.GrayPixels}
	}
	return &a.profiles[i]
}

// Analyze parses, decodes and analyses one record. What is wrong with the record
// is in the result; an error is a fault of the program.
func (a *Analyzer) Analyze(partition chunk.Partition, rec *frame.Record) (element.Item, error) {
	it := element.Item{Result: result.Of(partition.Topic, partition.ID, rec)}
	if a.skips(it.Result.Camera) {
		it.Result.Status = result.Skipped
		return it, nil
	}
	if rec.OfSource() {
		return it, a.source(&it.Result, rec)
	}
	f, err := a.parser.Parse(rec)
	if err == nil {
		// Results hold microseconds: an analysis that is made again of results, and not of
		// the log, has to see the same time.
		f.Captured = f.Captured.Truncate(time.Microsecond)
		it.Result.Describe(&f)
		err = a.look(a.of(f.Camera), &it.Result, &f)
	}
	switch p := asPoison(err); {
	case p != nil:
		it.Result.Kill(p)
		return it, nil
	case err != nil:
		return it, err
	}
	it.Frame = f
	return it, nil
}

// source makes the row of what happened to a source.
func (a *Analyzer) source(res *result.Frame, rec *frame.Record) error {
	s, err := frame.ParseSource(rec)
	if p := asPoison(err); p != nil {
		res.Kill(p)
		return nil
	}
	if err != nil {
		return err
	}
	res.DescribeSource(&s)
	res.Config = a.of(s.Camera).Digest
	return nil
}

// skips reports whether frames of a camera are not to be looked at. Records of no camera
// are dead letters whatever is selected.
func (a *Analyzer) skips(camera string) bool {
	return camera != "" && !params.Selects(a.cameras, camera)
}

// Decoding is what [Analyzer.Took] calls the time before the first analysis.
const Decoding = "decode"

func (a *Analyzer) look(p *profile, res *result.Frame, f *frame.Frame) error {
	res.Config = p.Digest
	pic := picture{frame: f}
	defer pic.close()
	begun := time.Now()
	took := func(what string) {
		now := time.Now()
		a.Took[what] += now.Sub(begun)
		begun = now
	}
	if err := pic.need(p.pixels); err != nil {
		return err
	}
	took(Decoding)
	var found result.PerFrame
	for _, x := range p.analyses {
		before := found.Dropped
		if err := x.Analyse(&pic, &found); err != nil {
			return fmt.Errorf("%s: %w", x.Name(), err)
		}
		took(x.Name())
		if found.Dropped > before && !a.warned[x.Name()] {
			a.warned[x.Name()] = true
			slog.Warn("boxes of which nothing lies in the picture are left out, and counted from here on as boxes_dropped",
				"analysis", x.Name(), "camera", f.Camera, "topic", res.Topic, "partition", res.Partition, "offset", res.Offset)
		}
	}
	a.Dropped += int64(found.Dropped)
	res.Quality, res.Detections, res.Features = found.Quality, found.Detections, found.Features
	if a.handOver {
		pic.handOver(pixels.KeyOf(res.Topic, res.Partition, res.Offset, f))
	}
	return nil
}

// asPoison returns the poison that err is, or nil.
func asPoison(err error) *frame.Poison {
	var p *frame.Poison
	if errors.As(err, &p) {
		return p
	}
	return nil
}

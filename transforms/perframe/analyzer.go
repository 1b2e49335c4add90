package perframe

import (
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/pixels"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// Analyzer does the work of the stage without Beam. It is used by one goroutine.
type Analyzer struct {
	parser   *frame.Parser
	analyses []Analysis
	pixels   frame.Pixels
	handOver bool
}

// NewAnalyzer makes what the configuration describes.
func NewAnalyzer(cfg Config) (*Analyzer, error) {
	p, err := frame.NewParser(cfg.Parse)
	if err != nil {
		return nil, err
	}
	a := &Analyzer{parser: p, pixels: max(frame.GrayPixels, cfg.Pixels), handOver: cfg.HandOver}
	names := map[string]bool{}
	for _, name := range cfg.Analyses {
		if names[name] {
			return nil, fmt.Errorf("per-frame analysis %q is named twice", name)
		}
		names[name] = true
		x, err := New(name)
		if err != nil {
			return nil, err
		}
		a.analyses = append(a.analyses, x)
		a.pixels = max(a.pixels, x.Pixels())
	}
	return a, nil
}

// Analyze parses, decodes and analyses one record. What is wrong with the record
// is in the result; an error is a fault of the program.
func (a *Analyzer) Analyze(topic string, partition int32, rec *frame.Record) (sequence.Item, error) {
	it := sequence.Item{Result: result.Begin(topic, partition, rec)}
	f, err := a.parser.Parse(rec)
	if err == nil {
		it.Result.Describe(&f)
		err = a.look(&it.Result, &f)
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

func (a *Analyzer) look(res *result.Frame, f *frame.Frame) error {
	pic := picture{frame: f}
	defer pic.close()
	if err := pic.need(a.pixels); err != nil {
		return err
	}
	var found result.PerFrame
	for _, x := range a.analyses {
		if err := x.Analyse(&pic, &found); err != nil {
			return fmt.Errorf("%s: %w", x.Name(), err)
		}
	}
	res.Quality, res.Detections = found.Quality, found.Detections
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

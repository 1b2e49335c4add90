package main

import (
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/result"
)

// played is a scene as it was analysed: of every frame that was sent, what is there
// and what was found.
type played struct {
	scene *scene.Scene
	truth []scene.Truth
	rows  []result.Frame
}

// at is the time of the i-th frame that was sent, since the first.
func (p *played) at(i int) time.Duration {
	return time.Duration(float64(p.truth[i].Frame) / p.scene.FPS() * float64(time.Second))
}

// play analyses a scene as the sequence stage does, without Beam and losslessly.
func play(text, yaml string) (*played, error) {
	s, err := scene.Parse(text)
	if err != nil {
		return nil, err
	}
	analysis, err := profiles.Parse("analyses", []byte(yaml))
	if err != nil {
		return nil, err
	}
	stages, err := analysis.Stages()
	if err != nil {
		return nil, err
	}
	a, err := stages.Sequence.Analyzer("cam")
	if err != nil {
		return nil, err
	}
	p := &played{scene: s}
	p.rows, p.truth, err = score.PlayTo(s, a)
	return p, err
}

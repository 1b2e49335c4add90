package main

import (
	"context"
	"fmt"
	"time"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/analyses"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// played is a scene as it was analysed: of frame i, what is there and what was
// found; nothing of a frame that was never sent.
type played struct {
	cfg   scene.Config
	truth []scene.Truth
	rows  []*result.Frame
}

// at is the time of frame i since the first.
func (p *played) at(i int) time.Duration {
	return time.Duration(float64(i) / p.cfg.FPS * float64(time.Second))
}

var begin = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

// play analyses a scene as the sequence stage does, without Beam and losslessly.
func play(ctx context.Context, text, yaml string) (*played, error) {
	cfg, err := scene.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	s, err := scene.New(cfg)
	if err != nil {
		return nil, err
	}
	analysis, err := analyses.Parse("analyses", []byte(yaml))
	if err != nil {
		return nil, err
	}
	stages, err := analysis.Stages(false)
	if err != nil {
		return nil, err
	}
	a, err := stages.Sequence.Analyzer("cam")
	if err != nil {
		return nil, err
	}
	cam := a.Start()
	defer cam.Close()
	p := &played{cfg: cfg}
	for i := range cfg.Frames {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		bgr, truth := s.Frame(i)
		p.truth = append(p.truth, truth)
		if truth.Dropped {
			p.rows = append(p.rows, nil)
			continue
		}
		f := frame.Frame{
			Camera: "cam", Epoch: "e1", Sequence: int64(i), Captured: begin.Add(p.at(i)),
			Width: cfg.Width, Height: cfg.Height, Channels: 3, Encoding: frame.Raw, Data: bgr,
		}
		rec := frame.Record{Offset: int64(i), Timestamp: f.Captured.UnixMilli(), Key: []byte("cam"), Value: bgr}
		it := sequence.Item{Result: result.Begin("frames", 0, &rec), Frame: f}
		it.Result.Describe(&f)
		if err := cam.Next(&it); err != nil {
			return nil, fmt.Errorf("%s frame %d: %w", text, i, err)
		}
		p.rows = append(p.rows, &it.Result)
	}
	return p, nil
}

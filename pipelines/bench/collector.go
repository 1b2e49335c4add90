package main

import (
	"context"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/ingest/collector"
	"github.com/framebeam/framebeam/ingest/config"
	"github.com/framebeam/framebeam/kafka/publish"
)

// collect captures the film and publishes it.
func collect(ctx context.Context, p params) (cost, error) {
	cfg, err := config.Load(p.Config, config.CloudEvents)
	if err != nil {
		return cost{}, err
	}
	var s collector.Summary
	c, err := measure(p.Profile, func() (err error) {
		s, err = collector.Run(ctx, cfg, collector.Options{Again: true, Publish: publish.Options{Brokers: p.Brokers, Topic: p.Topic}})
		return err
	})
	c.Frames = s.Total().Sent
	return c, err
}

// bareCollect reads, resizes and encodes the same film in one goroutine.
func bareCollect(_ context.Context, p params) (cost, error) {
	cfg, err := config.Load(p.Config, config.CloudEvents)
	if err != nil {
		return cost{}, err
	}
	cam := cfg.Cameras[0]
	var frames int64
	c, err := measure(p.Profile, func() error {
		v, err := gocv.VideoCaptureFile(cam.Source.Files[0])
		if err != nil {
			return err
		}
		defer v.Close()
		img, resized := gocv.NewMat(), gocv.NewMat()
		defer img.Close()
		defer resized.Close()
		for v.Read(&img) {
			gocv.Resize(img, &resized, cam.Size, 0, 0, gocv.InterpolationCubic)
			buf, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, resized, []int{gocv.IMWriteJpegQuality, cam.Quality})
			if err != nil {
				return err
			}
			buf.Close()
			frames++
		}
		return nil
	})
	c.Frames = frames
	return c, err
}

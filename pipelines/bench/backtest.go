package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/history/historytest"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
)

// rulesChunks are the chunks of rows over which a line is moved.
const rulesChunks = 40

// measureBacktest compares backtests with the least that they could do: those of rules
// with reading the rows, those that need pixels with the bare loop.
func measureBacktest(ctx context.Context, b *bencher) ([]sample, error) {
	rules, err := b.run(ctx, "backtest of a moved line", "moved line", params{})
	if err != nil {
		return nil, err
	}
	rows, err := b.run(ctx, "reading the same rows", "stored rows", params{})
	if err != nil {
		return nil, err
	}
	bare, err := b.run(ctx, "bare loop on "+jpegTopic, "bare analysis", params{Topic: jpegTopic, Frames: jpegLong})
	if err != nil {
		return nil, err
	}
	motion, err := b.run(ctx, "backtest of other motion", "other motion", params{Topic: jpegTopic, Frames: jpegLong})
	if err != nil {
		return nil, err
	}
	if motion.Boxes != bare.Boxes {
		return nil, fmt.Errorf("backtest: %d boxes, the bare loop finds %d: they do not do the same work", motion.Boxes, bare.Boxes)
	}
	perCore := func(c cost) float64 { return float64(c.Frames) / c.CPU.Seconds() }
	return []sample{
		{perCore(rules), perCore(rows)},
		{ms(motion.CPU) / float64(motion.Frames), ms(bare.CPU) / float64(bare.Frames)},
	}, nil
}

// withLine tracks, and counts over a line at x.
func withLine(x float64) (profiles.Stages, error) {
	cfg := profiles.Default()
	cfg.Set("background", "{}")
	cfg.Set("tracking", "{}")
	cfg.Set("lines", fmt.Sprintf(`{"middle": {"points": [[%v, 0], [%v, 1]]}}`, x, x))
	return cfg.Stages()
}

// stored makes an output of tracks.
func stored(ctx context.Context, p params) (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp(p.Scratch, "tracks-"); err != nil {
		return "", nil, fmt.Errorf("output folder: %w", err)
	}
	remove = func() { os.RemoveAll(dir) }
	stages, err := withLine(0.5)
	if err == nil {
		err = historytest.Tracks{Stages: stages, Topic: jpegTopic, N: chunkfolder.DefaultN, Chunks: rulesChunks, Cameras: 4, Objects: 3}.Write(ctx, dir)
	}
	if err != nil {
		remove()
	}
	runtime.GC()
	return dir, remove, err
}

// movedLine compares a line with another over stored tracks.
func movedLine(ctx context.Context, p params) (cost, error) {
	dir, remove, err := stored(ctx, p)
	if err != nil {
		return cost{}, err
	}
	defer remove()
	stages, err := withLine(0.45)
	if err != nil {
		return cost{}, err
	}
	return compareWith(ctx, p, backtest.Job{
		Before: backtest.Given{Name: "tracks", Output: dir}, After: backtest.Given{Name: "moved", Stages: &stages}, Topic: jpegTopic,
	})
}

// storedRows reads what movedLine reads.
func storedRows(ctx context.Context, p params) (cost, error) {
	dir, remove, err := stored(ctx, p)
	if err != nil {
		return cost{}, err
	}
	defer remove()
	s, err := scan.Open(ctx, dir)
	if err != nil {
		return cost{}, err
	}
	frames := int64(0)
	c, err := measure(p.Profile, func() error {
		for _, err := range s.Rows(ctx, scan.Query{Columns: result.AllColumns &^ (result.OfQuality | result.OfFeatures)}) {
			if err != nil {
				return err
			}
			frames++
		}
		return nil
	})
	c.Frames = frames
	return c, err
}

// otherMotion compares what an output has with the bare loop's motion.
func otherMotion(ctx context.Context, p params) (cost, error) {
	dir, err := os.MkdirTemp(p.Scratch, "output-")
	if err != nil {
		return cost{}, fmt.Errorf("output folder: %w", err)
	}
	defer os.RemoveAll(dir)
	had, tried := profiles.Default(), profiles.Default()
	had.Set("motion", `{"min_area": 400}`)
	j := job.Job{Runner: launch.Direct, Log: logSpec(p), Topic: p.Topic, Output: dir, N: chunkfolder.DefaultN}
	var errs [4]error
	j.Analyses, errs[0] = had.Stages()
	j.Start, errs[1] = plan.Start("earliest")
	j.Until, errs[2] = plan.Until(strconv.FormatInt(p.Frames, 10))
	stages, err := tried.Stages()
	errs[3] = err
	for _, err := range errs {
		if err != nil {
			return cost{}, err
		}
	}
	if _, err := j.Run(ctx); err != nil {
		return cost{}, err
	}
	runtime.GC()
	return compareWith(ctx, p, backtest.Job{
		Before: backtest.Given{Name: "output", Output: dir}, After: backtest.Given{Name: "tried", Stages: &stages}, Log: j.Log, Topic: p.Topic,
		WarmUp: time.Minute, Options: backtest.Options{Detections: true},
	})
}

// compareWith measures a backtest; boxes are those of the motion that was tried.
func compareWith(ctx context.Context, p params, j backtest.Job) (c cost, err error) {
	var res *backtest.Result
	c, err = measure(p.Profile, func() (err error) {
		res, err = j.Run(ctx)
		return err
	})
	if err != nil {
		return c, err
	}
	c.Frames = res.Frames
	for _, d := range res.Detections {
		if d.Analysis == "motion" {
			c.Boxes += d.After
		}
	}
	return c, res.Close()
}

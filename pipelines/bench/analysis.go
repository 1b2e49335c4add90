package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"runtime"
	"strconv"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/pipelines/job"
	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// pipeline analyses each partition of a topic from offset p.Warm to p.Frames, from Kafka
// to files, on the direct runner.
func pipeline(ctx context.Context, p params) (cost, error) {
	dir, err := os.MkdirTemp(p.Scratch, "output-")
	if err != nil {
		return cost{}, fmt.Errorf("output folder: %w", err)
	}
	defer os.RemoveAll(dir)
	j := job.Job{
		Runner: launch.Direct, Log: logSpec(p), Topic: p.Topic, Output: dir, N: chunkfolder.DefaultN,
	}
	if j.Analyses, err = analyses(p); err != nil {
		return cost{}, err
	}
	if j.Start, err = plan.Start(strconv.FormatInt(p.Warm, 10)); err != nil {
		return cost{}, err
	}
	if j.Until, err = plan.Until(strconv.FormatInt(p.Frames, 10)); err != nil {
		return cost{}, err
	}
	c, err := measure(p.Profile, func() error {
		_, err := j.Run(ctx)
		return err
	})
	if err != nil {
		return cost{}, err
	}
	c.Frames, c.Boxes, err = count(ctx, dir)
	return c, err
}

// analyses are the default ones, quality if it is asked for.
func analyses(p params) (profiles.Stages, error) {
	cfg := profiles.Default()
	cfg.Set("quality", strconv.FormatBool(p.Quality))
	return cfg.Stages()
}

// count reads back what a job wrote.
func count(ctx context.Context, dir string) (frames, boxes int64, err error) {
	folder, err := store.Open(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	out, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return 0, 0, err
	}
	err = out.Each(ctx, func(_ string, rows []result.Frame, _ bool) error {
		for i := range rows {
			frames++
			boxes += int64(len(rows[i].Detections))
		}
		return nil
	})
	return frames, boxes, err
}

// bareAnalysis decodes the same frames, which it holds in memory, and finds the
// same motion, with OpenCV alone and in one thread.
func bareAnalysis(ctx context.Context, p params) (cost, error) {
	recs, err := load(ctx, p)
	if err != nil {
		return cost{}, err
	}
	pixels.SingleThreaded()
	gray := grayOfJPEG
	if p.Topic == jsonTopic {
		gray = grayOfJSON
	}
	var boxes int64
	runtime.GC()
	c, err := measure(p.Profile, func() (err error) {
		boxes, err = motion(recs, gray)
		return err
	})
	c.Frames, c.Boxes = int64(len(recs)), boxes
	return c, err
}

// motion counts the boxes as the original system finds them.
func motion(recs []frame.Record, gray func([]byte) (gocv.Mat, error)) (boxes int64, err error) {
	before, now, diff := gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
	defer func() {
		before.Close()
		now.Close()
		diff.Close()
	}()
	for i := range recs {
		g, err := gray(recs[i].Value)
		if err != nil {
			return 0, fmt.Errorf("frame %d: %w", i, err)
		}
		gocv.GaussianBlur(g, &now, image.Pt(3, 3), 0, 0, gocv.BorderDefault)
		g.Close()
		if i > 0 {
			gocv.AbsDiff(now, before, &diff)
			gocv.Threshold(diff, &diff, 20, 255, gocv.ThresholdBinary)
			contours := gocv.FindContours(diff, gocv.RetrievalExternal, gocv.ChainApproxSimple)
			for k := range contours.Size() {
				if c := contours.At(k); gocv.ContourArea(c) > 300 && !gocv.BoundingRect(c).Empty() {
					boxes++
				}
			}
			contours.Close()
		}
		before, now = now, before
	}
	return boxes, nil
}

func grayOfJPEG(value []byte) (gocv.Mat, error) { return gocv.IMDecode(value, gocv.IMReadGrayScale) }

// grayOfJSON decodes as a Go program would that knows only encoding/json.
func grayOfJSON(value []byte) (gocv.Mat, error) {
	var f struct {
		Rows, Cols, Type int
		Data             []byte
	}
	if err := json.Unmarshal(value, &f); err != nil {
		return gocv.Mat{}, err
	}
	bgr, err := gocv.NewMatFromBytes(f.Rows, f.Cols, gocv.MatType(f.Type), f.Data)
	if err != nil {
		return gocv.Mat{}, err
	}
	defer bgr.Close()
	gray := gocv.NewMat()
	gocv.CvtColor(bgr, &gray, gocv.ColorBGRToGray)
	return gray, nil
}

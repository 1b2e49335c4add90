package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/eval/motchallenge"
	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/picture"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// filmRate is the true rate of vtest.avi, which is MOTChallenge's PETS09-S2L1; the
// file itself says 10.
const filmRate = 7

// following are the ways in which the film's people are found.
var following = []struct{ name, yaml string }{
	{"background", "quality: false\nmotion: false\nbackground: true\ntracking: true\n"},
	{"people", "quality: false\nmotion: false\npeople: true\ntracking: {from: [people]}\n"},
}

// scoreVideo follows the people of a real film, of which there is no truth here, and
// leaves what they who have it can score, and what others can look at.
func scoreVideo(ctx context.Context, w io.Writer, folder string) error {
	if folder == "" {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("video: %w", err)
	}
	fmt.Fprint(w, `
## Real video

The people of vtest.avi (MOTChallenge PETS09-S2L1, 795 frames, 7 frames/s). Its truth is not
ours to ship: `+"`make score`"+` leaves the tracks as MOTChallenge files for the official tools, an
overlay video and a sheet of pictures in out/score.

| found by | frames | tracks | boxes | mean length of a track |
|---|--:|--:|--:|--:|
`)
	for _, f := range following {
		rows, err := follow(ctx, filepath.Join(folder, "vtest-"+f.name), f.yaml)
		if err != nil {
			return fmt.Errorf("follow %s in vtest.avi: %w", f.name, err)
		}
		ids := map[int64]bool{}
		last := 0
		for _, r := range rows {
			ids[r.ID], last = true, max(last, r.Frame)
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d | %.1f s |\n", f.name, last, len(ids), len(rows), float64(len(rows))/float64(max(1, len(ids)))/filmRate)
	}
	return nil
}

// sheet is how many pictures are on the sheet, by row and column.
const (
	sheetSide  = 3
	cellWidth  = 512
	cellHeight = 384
)

// follow analyses the film and writes base.txt, base.avi and base.jpg.
func follow(ctx context.Context, base, yaml string) (rows []motchallenge.Row, err error) {
	path, err := samples.Path("vtest.avi")
	if err != nil {
		return nil, err
	}
	film, err := gocv.VideoCaptureFile(path)
	if err != nil {
		return nil, err
	}
	defer film.Close()
	cfg, err := profiles.Parse("analyses", []byte(yaml))
	if err != nil {
		return nil, err
	}
	stages, err := cfg.Stages()
	if err != nil {
		return nil, err
	}
	each, err := perframe.NewAnalyzer(stages.PerFrame)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, each.Close()) }()
	a, err := stages.Sequence.Analyzer("cam")
	if err != nil {
		return nil, err
	}
	cam := a.Start()
	defer cam.Close()
	width, height := int(film.Get(gocv.VideoCaptureFrameWidth)), int(film.Get(gocv.VideoCaptureFrameHeight))
	video, err := gocv.VideoWriterFile(base+".avi", "MJPG", filmRate, width, height, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, video.Close()) }()
	sheet := gocv.NewMatWithSize(sheetSide*cellHeight, sheetSide*cellWidth, gocv.MatTypeCV8UC3)
	defer sheet.Close()
	total := int(film.Get(gocv.VideoCaptureFrameCount))
	bgr := gocv.NewMat()
	defer bgr.Close()
	for n := 0; film.Read(&bgr); n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		row, err := analyse(each, cam, &bgr, n)
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", n, err)
		}
		rows = append(rows, tracksOf(row, n)...)
		show := *row
		show.Detections = nil
		for _, d := range row.Detections {
			if d.Track != 0 {
				show.Detections = append(show.Detections, d)
			}
		}
		picture.Annotate(&bgr, &show)
		if err := video.Write(bgr); err != nil {
			return nil, err
		}
		if cells := sheetSide * sheetSide; n*cells/total != (n+1)*cells/total {
			k := n * cells / total
			cell := sheet.Region(image.Rect(k%sheetSide*cellWidth, k/sheetSide*cellHeight, (k%sheetSide+1)*cellWidth, (k/sheetSide+1)*cellHeight))
			gocv.Resize(bgr, &cell, image.Pt(cellWidth, cellHeight), 0, 0, gocv.InterpolationArea)
			cell.Close()
		}
	}
	if !gocv.IMWrite(base+".jpg", sheet) {
		return nil, fmt.Errorf("write %s.jpg", base)
	}
	out, err := os.Create(base + ".txt")
	if err != nil {
		return nil, err
	}
	return rows, errors.Join(motchallenge.Write(out, rows), out.Close())
}

func analyse(each *perframe.Analyzer, cam *sequence.Camera, bgr *gocv.Mat, n int) (*result.Frame, error) {
	f := frame.Frame{
		Camera: "cam", Epoch: "e1", Sequence: int64(n), Captured: score.Begin.Add(time.Duration(n) * time.Second / filmRate),
		Width: bgr.Cols(), Height: bgr.Rows(), Channels: 3, Encoding: frame.Raw, Data: bgr.ToBytes(),
	}
	rec := f.CloudEvent()
	rec.Offset = int64(n)
	it, err := each.Analyze(chunk.Partition{Topic: "frames"}, &rec)
	if err != nil {
		return nil, err
	}
	if err := cam.Next(&it); err != nil {
		return nil, err
	}
	if it.Result.Status != result.OK {
		return nil, fmt.Errorf("%s: %s", it.Result.Reason, it.Result.Detail)
	}
	return &it.Result, nil
}

func tracksOf(row *result.Frame, n int) (rows []motchallenge.Row) {
	for _, d := range row.Detections {
		if d.Track != 0 && d.State == "confirmed" {
			box := tracking.Box{X: float64(d.X), Y: float64(d.Y), Width: float64(d.Width), Height: float64(d.Height)}
			rows = append(rows, motchallenge.RowOf(n+1, d.Track, box, d.Score))
		}
	}
	return rows
}

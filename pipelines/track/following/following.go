// Package following follows the detections of a MOTChallenge file (det.txt) and writes the
// tracks as a result file, so that the tracker can be scored alone, with the official
// tools or by itself against a gt.txt.
//
// The tracker is that of the analysis "tracking". A detection's conf is its score; where a
// file's do not go from 0 to 1, High and Low of the tracker's configuration must say what
// is a good one. Tracks are numbered from 1 in the order in which they first appear.
package following

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/framebeam/framebeam/eval/clearmot"
	"github.com/framebeam/framebeam/eval/motchallenge"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// Job says what to follow, and how.
type Job struct {
	FPS     float64       // of the video
	Coast   time.Duration // for which a lost track is written where it is expected to be
	Tracker tracking.Config
	Input   string // file of detections; "-": Stdin
	Truth   string // file, or "-", that the tracks are scored against; "": none
	Stdin   io.Reader
	Out     io.Writer // of the tracks
	Report  io.Writer // of the scores, and what is to be known
}

// Check returns everything that is wrong with the job.
func (q *Job) Check() error {
	var bad []error
	if !(q.FPS >= 0.001 && q.FPS <= 1000) {
		bad = append(bad, fmt.Errorf("--fps=%v: not 0.001 to 1000", q.FPS))
	}
	if q.Coast < 0 {
		bad = append(bad, fmt.Errorf("--coast=%v: below 0", q.Coast))
	}
	if q.Input == "-" && q.Truth == "-" {
		bad = append(bad, errors.New("the detections and the truth cannot both come from standard input"))
	}
	return errors.Join(append(bad, q.Tracker.Validate())...)
}

// Run follows the detections.
func (q *Job) Run() error {
	found, err := q.read(q.Input, motchallenge.Detections)
	if err != nil {
		return err
	}
	var truth []motchallenge.Row
	if q.Truth != "" {
		if truth, err = q.read(q.Truth, motchallenge.Truth); err != nil {
			return err
		}
	}
	rows, err := q.follow(found)
	if err != nil {
		return err
	}
	if err := motchallenge.Write(q.Out, rows); err != nil {
		return err
	}
	if q.Truth == "" {
		return nil
	}
	s, err := score(truth, rows)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(q.Report, "MOTA %.3f  IDF1 %.3f  MOTP %.3f  switches %d  fragmentations %d  misses %d  false %d  boxes %d  objects %d\n",
		s.MOTA(), s.IDF1(), s.MOTP(), s.Switches, s.Fragmentations, s.Misses, s.FalsePositives(), s.Objects, s.IDs)
	return err
}

func (q *Job) read(name string, kind motchallenge.Kind) ([]motchallenge.Row, error) {
	in := q.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	rows, err := motchallenge.Read(in, kind, 0)
	if err != nil {
		return nil, fmt.Errorf("%s:\n%w", name, err)
	}
	return rows, nil
}

// follow returns the tracks of detections, by frame and track.
func (q *Job) follow(found []motchallenge.Row) ([]motchallenge.Row, error) {
	tracker, err := tracking.New(q.Tracker)
	if err != nil {
		return nil, err
	}
	var rows []motchallenge.Row
	names := map[int64]int64{}
	next := func(frame int, found []tracking.Detection) {
		at := time.Unix(0, int64(math.Round(float64(frame-1)/q.FPS*float64(time.Second))))
		for _, k := range tracker.Next(at, int64(frame)*1000, found) {
			if !k.Shown(q.Coast) {
				continue
			}
			if names[k.ID] == 0 {
				names[k.ID] = int64(len(names) + 1)
			}
			if r := motchallenge.RowOf(frame, names[k.ID], k.Box, k.Score); r.Width > 0 && r.Height > 0 {
				rows = append(rows, r)
			}
		}
	}
	last, usable := 0, false
	for frame, boxes := range motchallenge.Frames(found) {
		// Frames without detections are time that passes.
		for last++; last < frame && tracker.Len() > 0; last++ {
			next(last, nil)
		}
		var ds []tracking.Detection
		for _, r := range boxes {
			ds = append(ds, tracking.Detection{Box: r.Box(), Score: r.Conf})
			usable = usable || r.Conf >= q.Tracker.High
		}
		next(frame, ds)
		last = frame
	}
	if len(found) > 0 && !usable {
		fmt.Fprintf(q.Report, "no detection has a conf of %v or more, so there are no tracks: see --high\n", q.Tracker.High)
	}
	return rows, nil
}

// score compares tracks with the truth. What has conf 0 there does not count.
func score(truth, found []motchallenge.Row) (clearmot.Summary, error) {
	s, err := clearmot.New(clearmot.DefaultOverlap)
	if err != nil {
		return clearmot.Summary{}, err
	}
	type frame struct{ truth, found []clearmot.Object }
	frames := map[int]*frame{}
	var order []int
	of := func(n int) *frame {
		if frames[n] == nil {
			frames[n] = &frame{}
			order = append(order, n)
		}
		return frames[n]
	}
	for _, r := range truth {
		if r.Conf != 0 {
			of(r.Frame).truth = append(of(r.Frame).truth, clearmot.Object{ID: r.ID, Box: r.Box()})
		}
	}
	for _, r := range found {
		of(r.Frame).found = append(of(r.Frame).found, clearmot.Object{ID: r.ID, Box: r.Box()})
	}
	slices.Sort(order)
	for _, n := range order {
		if err := s.Add(frames[n].truth, frames[n].found); err != nil {
			return clearmot.Summary{}, fmt.Errorf("frame %d: %w", n, err)
		}
	}
	return s.Summary(), nil
}

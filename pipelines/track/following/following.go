// Command track follows the detections of a MOTChallenge file (det.txt) and writes
// the tracks as a result file, so that the tracker can be scored alone, with the
// official tools or by itself against a gt.txt:
//
//	go run ./pipelines/track --fps 7 det.txt > result.txt
//	go run ./pipelines/track --fps 7 --truth gt.txt det.txt > result.txt
//
// The tracker is that of the analysis "tracking". A detection's conf is its score;
// where a file's do not go from 0 to 1, --high and --low must say what is a good one.
// Tracks are numbered from 1 in the order in which they first appear.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/framebeam/framebeam/commandline"
	"github.com/framebeam/framebeam/eval/clearmot"
	"github.com/framebeam/framebeam/eval/motchallenge"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// query is what the command line says.
type query struct {
	fps         float64
	coast       time.Duration
	tracker     tracking.Config
	input       string // "-": standard input
	truth       string // "": none
	stdin       io.Reader
	out, report io.Writer
}

func main() {
	q := query{stdin: os.Stdin, out: os.Stdout, report: os.Stderr}
	if err := q.parse(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if err := q.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parse reads the command line and returns everything that is wrong with it.
func (q *query) parse(args []string) error {
	q.tracker = tracking.Default()
	c := &q.tracker
	f := flag.NewFlagSet("track", flag.ContinueOnError)
	f.Float64Var(&q.fps, "fps", 0, "frames per second of the video")
	f.StringVar(&q.truth, "truth", "", "a gt.txt `file`: print the scores on standard error")
	f.DurationVar(&q.coast, "coast", tracking.DefaultCoast, "how long a lost track is written where it is expected to be; 0: not at all")
	f.Float64Var(&c.High, "high", c.High, "conf from which on a detection begins a track")
	f.Float64Var(&c.Low, "low", c.Low, "conf from which on a detection continues a track")
	f.Float64Var(&c.IoU, "iou", c.IoU, "how much a detection must overlap with where a track is expected")
	f.Float64Var(&c.LowIoU, "low-iou", c.LowIoU, "the same for detections with a conf below --high")
	f.Float64Var(&c.TentativeIoU, "tentative-iou", c.TentativeIoU, "the same for tracks that are not yet confirmed")
	f.IntVar(&c.MinHits, "min-hits", c.MinHits, "detections in consecutive frames that confirm a track")
	f.DurationVar(&c.Patience, "patience", c.Patience, "how long a track may go unseen before it ends")
	f.IntVar(&c.MaxTracks, "max-tracks", c.MaxTracks, "most tracks at a time, lost ones included")
	f.Float64Var(&c.Jitter, "jitter", c.Jitter, "standard deviation of a detection's place and height, in heights of the object")
	f.Float64Var(&c.Agility, "agility", c.Agility, "how much an object's velocity changes in a second, in heights per second")
	if err := commandline.Parse(f, args, "usage: track --fps N [flags] det.txt > result.txt   (-: standard input)\n", q.out); err != nil {
		return err
	}
	var bad []error
	if f.NArg() == 1 {
		q.input = f.Arg(0)
	} else {
		bad = append(bad, fmt.Errorf("%d files are named, not one", f.NArg()))
	}
	if !(q.fps >= 0.001 && q.fps <= 1000) {
		bad = append(bad, fmt.Errorf("--fps=%v: not 0.001 to 1000", q.fps))
	}
	if q.coast < 0 {
		bad = append(bad, fmt.Errorf("--coast=%v: below 0", q.coast))
	}
	if q.input == "-" && q.truth == "-" {
		bad = append(bad, errors.New("the detections and the truth cannot both come from standard input"))
	}
	return errors.Join(append(bad, c.Validate())...)
}

func (q *query) run() error {
	found, err := q.read(q.input, motchallenge.Detections)
	if err != nil {
		return err
	}
	var truth []motchallenge.Row
	if q.truth != "" {
		if truth, err = q.read(q.truth, motchallenge.Truth); err != nil {
			return err
		}
	}
	rows, err := q.follow(found)
	if err != nil {
		return err
	}
	if err := motchallenge.Write(q.out, rows); err != nil {
		return err
	}
	if q.truth == "" {
		return nil
	}
	s, err := score(truth, rows)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(q.report, "MOTA %.3f  IDF1 %.3f  MOTP %.3f  switches %d  fragmentations %d  misses %d  false %d  boxes %d  objects %d\n",
		s.MOTA(), s.IDF1(), s.MOTP(), s.Switches, s.Fragmentations, s.Misses, s.FalsePositives(), s.Objects, s.IDs)
	return err
}

func (q *query) read(name string, kind motchallenge.Kind) ([]motchallenge.Row, error) {
	in := q.stdin
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
func (q *query) follow(found []motchallenge.Row) ([]motchallenge.Row, error) {
	tracker, err := tracking.New(q.tracker)
	if err != nil {
		return nil, err
	}
	var rows []motchallenge.Row
	names := map[int64]int64{}
	next := func(frame int, found []tracking.Detection) {
		at := time.Unix(0, int64(math.Round(float64(frame-1)/q.fps*float64(time.Second))))
		for _, k := range tracker.Next(at, int64(frame)*1000, found) {
			if !k.Shown(q.coast) {
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
			usable = usable || r.Conf >= q.tracker.High
		}
		next(frame, ds)
		last = frame
	}
	if len(found) > 0 && !usable {
		fmt.Fprintf(q.report, "no detection has a conf of %v or more, so there are no tracks: see --high\n", q.tracker.High)
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

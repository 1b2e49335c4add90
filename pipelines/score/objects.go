package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"time"

	"github.com/framebeam/framebeam/eval/clearmot"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// condition is a kind of scenes; %d is the seed.
type condition struct{ name, scene string }

var conditions = []condition{
	{"clean: one object at a time", "seed=%d&size=320x240&fps=10&frames=600&objects=1&noise=3"},
	{"two objects", "seed=%d&size=320x240&fps=10&frames=600&objects=2&noise=3"},
	{"busy: objects hide each other", "seed=%d&size=320x240&fps=10&frames=600&objects=5&noise=3"},
	{"noise", "seed=%d&size=320x240&fps=10&frames=600&objects=2&noise=10"},
	{"light switch", "seed=%d&size=320x240&fps=10&frames=600&objects=2&noise=3&switch=150-300:50&switch=420-500:160"},
	{"clouds", "seed=%d&size=320x240&fps=10&frames=600&objects=2&noise=3&cloud=100-300:60&cloud=400-500:70"},
	{"night mode", "seed=%d&size=320x240&fps=10&frames=600&objects=2&noise=3&infrared=250-450"},
	{"a pillar in front", "seed=%d&size=320x240&fps=10&frames=600&objects=2&noise=3&pillar=90-20"},
	{"frames dropped", "seed=%d&size=320x240&fps=10&frames=600&objects=2&noise=3&dropped=100-104&dropped=200-203&dropped=300-308&dropped=400-402&dropped=500-505"},
	{"nobody there, light switches", "seed=%d&size=320x240&fps=10&frames=600&objects=0&noise=3&switch=100-200:40&switch=300-310:200&cloud=400-500:60&infrared=520-560"},
}

const watching = `
quality: false
motion: false
background: true
tracking: true
activity: {anywhere: true}
zones: {middle: {polygon: [[0.3, 0.3], [0.7, 0.3], [0.7, 1], [0.3, 1]]}}
lines: {middle: {points: [[0.5, 0], [0.5, 1]]}}
`

// warmUp is how long nothing is asked of the analyses, nor held against them.
const warmUp = 3 * time.Second

// watched are the scores of one condition.
type watched struct {
	boxes        score.Boxes
	motion       score.Spans
	lines, zones score.Tally
	crossings    [2]int // found, there
	stays        [2]int
	tracks       clearmot.Summary
}

func scoreObjects(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, `
## Objects, motion, zones and lines

Objects come from the background model, %d scenes of a minute for each condition. Boxes hit
at an intersection over union of 0.5 and count while an object moves and more than half of it
can be seen; those that touch are one. Motion hits if begin and end are within a second. Events of
lines and zones hit if they are of the right kind within 2 s; the count is of all that crossed,
or entered, found against there. The first %v are not asked for.

| scenes | boxes F1 | motion precision, recall, F1 | lines precision, recall, F1 | lines count | zones precision, recall, F1 | zones count |
|---|--:|--:|--:|--:|--:|--:|
`, seeds, warmUp)
	var tracks []string
	for _, c := range conditions {
		var sum watched
		for seed := 1; seed <= seeds; seed++ {
			p, err := play(fmt.Sprintf(c.scene, seed), watching)
			if err != nil {
				return err
			}
			if err := errors.Join(sum.add(p), ctx.Err()); err != nil {
				return err
			}
		}
		fmt.Fprintf(w, "| %s | %.3f | %s | %s | %d of %d | %s | %d of %d |\n", c.name, sum.boxes.F1(), three(sum.motion.Tally),
			three(sum.lines), sum.crossings[0], sum.crossings[1], three(sum.zones), sum.stays[0], sum.stays[1])
		t := sum.tracks
		if t.Objects == 0 {
			tracks = append(tracks, fmt.Sprintf("| %s | | | | 0 | 0 | %d | 0 |\n", c.name, t.FalsePositives()))
			continue
		}
		tracks = append(tracks, fmt.Sprintf("| %s | %.3f | %.3f | %d | %d | %d | %d | %d |\n",
			c.name, t.MOTA(), t.IDF1(), t.Switches, t.IDs, t.Misses, t.FalsePositives(), t.Objects))
	}
	fmt.Fprint(w, `
The tracks of the same scenes, by CLEAR MOT and IDF1; of objects of which a quarter and
more than 0.2 % of the picture can be seen, resting ones too.

| scenes | MOTA | IDF1 | identity switches | objects | misses | false | boxes |
|---|--:|--:|--:|--:|--:|--:|--:|
`)
	for _, t := range tracks {
		fmt.Fprint(w, t)
	}
	return nil
}

func three(t score.Tally) string {
	return fmt.Sprintf("%.2f %.2f **%.3f**", t.Precision(), t.Recall(), t.F1())
}

func (s *watched) add(p *played) error {
	size := p.scene.Size()
	rules := score.DefaultRules()
	for i := range p.rows {
		if p.at(i) >= warmUp {
			s.boxes.Add(boxes(&p.rows[i], "background"), rules.Of(p.truth[i], size))
		}
	}
	s.motion = s.motion.Plus(*score.MotionOf(p.scene, score.DefaultMotionRules(), p.rows, p.truth, "activity/anywhere"))
	s.addRules(p)
	return s.addTracks(p, size, rules.Area)
}

func boxes(row *result.Frame, analysis string) (found []image.Rectangle) {
	for _, d := range row.Detections {
		if d.Analysis == analysis {
			found = append(found, image.Rect(int(d.X), int(d.Y), int(d.X+d.Width), int(d.Y+d.Height)))
		}
	}
	return found
}

// least is how much of an object must be seen so that its track counts.
const least = 0.25

func (s *watched) addTracks(p *played, size image.Point, area float64) error {
	scorer, err := clearmot.New(clearmot.DefaultOverlap)
	if err != nil {
		return err
	}
	for i := range p.rows {
		if p.at(i) < warmUp {
			continue
		}
		row := &p.rows[i]
		var truth, found []clearmot.Object
		for _, o := range p.truth[i].Objects {
			if o.Visible >= least && float64(o.Pixels) > area*float64(size.X*size.Y) {
				box := tracking.Box{X: float64(o.X), Y: float64(o.Y), Width: float64(o.Width), Height: float64(o.Height)}
				truth = append(truth, clearmot.Object{ID: int64(o.ID), Box: box})
			}
		}
		for _, d := range row.Detections {
			if d.Track != 0 && d.State == "confirmed" {
				found = append(found, clearmot.Object{ID: d.Track, Box: tracking.Box{X: float64(d.X), Y: float64(d.Y), Width: float64(d.Width), Height: float64(d.Height)}})
			}
		}
		if err := scorer.Add(truth, found); err != nil {
			return err
		}
	}
	s.tracks.Add(scorer.Summary())
	return nil
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/testdata/trackscore"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

const caring = "quality: false\nmotion: false\nhealth: true\n"

// faulty scenes have every fault of the generator once; the others none that matters.
var faulty = []condition{
	{"with every fault, 160x120 pixels", "seed=%d&size=160x120&fps=10&frames=1500&objects=3&noise=3&frozen=200-260&covered=350-420&moved=500-600&blurred=700-780&switch=880-960:8&switch=1060-1130:380&lost=1230-1290"},
	{"of ten clean minutes, 96x72 pixels", "seed=%d&size=96x72&fps=10&frames=6000&objects=4&noise=3"},
	{"with light switches, clouds, night mode, 160x120 pixels", "seed=%d&size=160x120&fps=10&frames=1500&objects=3&noise=3&switch=200-300:60&cloud=400-600:55&infrared=800-1000&switch=1200-1205:150"},
}

func scoreHealth(ctx context.Context, w io.Writer, seeds int) error {
	fmt.Fprintf(w, "\n## Camera health\n\n%d scenes of each kind. Faults of at least two seconds; invented are events that begin where there is no such fault.\n", seeds)
	for _, c := range faulty {
		var sum []score.Health
		for seed := 1; seed <= seeds; seed++ {
			p, err := play(fmt.Sprintf(c.scene, seed), caring)
			if err != nil {
				return err
			}
			run := healthRun(p)
			sum = score.AddHealth(sum, score.ScoreHealth(run))
		}
		fmt.Fprintf(w, "\nScenes %s:\n\n%s", c.name, score.HealthTable(sum))
	}
	return nil
}

// healthRun lays out a scene as it was analysed, with the frames that were never sent.
func healthRun(p *played) score.HealthRun {
	n := p.scene.Frames()
	run := score.HealthRun{FPS: p.scene.FPS(), Truth: make([]scene.Truth, n), Events: make([][]result.Event, n)}
	for i := range n {
		_, run.Truth[i] = p.scene.Frame(i)
	}
	for i, t := range p.truth {
		run.Events[t.Frame] = p.rows[i].Events
	}
	return run
}

func scoreTracker(_ context.Context, w io.Writer, _ int) error {
	fmt.Fprint(w, `
## The tracker alone

Fed by detectors of known faults that look at the truth; objects of which a quarter can be seen.
Boxes of tracks that are seen count; where a lost one is, is a guess. (Earlier tables counted those
guesses of up to a quarter of a second, which these scenes, whose objects are found where they are and
never leave behind what is not there, reward.) What is partly hidden has a low score here, and a
detection of 0.7 or more begins a track: so misses are more than with 0.5, and false ones next to none.

`)
	rows, err := trackscore.Rows(tracking.Default())
	if err != nil {
		return err
	}
	if err := trackscore.Write(w, rows); err != nil {
		return err
	}
	_, err = fmt.Fprint(w, "\nOn public detections of real video: [mot15.md](mot15.md).\n")
	return err
}

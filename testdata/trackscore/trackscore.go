// Package trackscore scores the tracker on generated scenes with exact ground truth:
// detectors of known faults look at the truth, the tracker follows what they find,
// and clearmot compares. No pixels are looked at, so the scores are of the tracker
// alone, and the same on every machine.
package trackscore

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/framebeam/framebeam/eval/clearmot"
	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// Case is scenes seen by a detector.
type Case struct {
	Name     string
	Scenes   []string // see scene.Parse
	Detector Detector
	// Gone is the part of the frames that goes missing, at random.
	Gone float64
	// Gaps are stretches of frames that go missing: the first, and the one after.
	Gaps [][2]int
}

// Cases are those of the table: one fault each, and all of them.
func Cases() []Case {
	scenes := func(n int, text string) []string {
		var all []string
		for seed := 1; seed <= n; seed++ {
			all = append(all, fmt.Sprintf("seed=%d&size=320x240&noise=0&%s", seed, text))
		}
		return all
	}
	usual := scenes(3, "objects=5&fps=10&frames=300")
	worn := Detector{Jitter: 0.04, Missed: 0.1, Invented: 0.5, Hidden: 0.7}
	return []Case{
		{Name: "perfect detections", Scenes: usual},
		{Name: "inexact boxes", Scenes: usual, Detector: Detector{Jitter: 0.06}},
		{Name: "one in five missed", Scenes: usual, Detector: Detector{Missed: 0.2}},
		{Name: "two false ones in every frame", Scenes: usual, Detector: Detector{Invented: 2}},
		{Name: "occlusion", Scenes: usual, Detector: Detector{Hidden: 0.6}},
		{Name: "one frame in five gone", Scenes: usual, Gone: 0.2},
		{Name: "thrice a second without frames", Scenes: usual, Gaps: [][2]int{{60, 70}, {150, 160}, {240, 250}}},
		{Name: "all of it", Scenes: usual, Detector: worn, Gone: 0.1},
		{Name: "all of it, 5 frames/s", Scenes: scenes(3, "objects=5&fps=5&frames=150"), Detector: worn, Gone: 0.1},
		{Name: "all of it, 25 frames/s", Scenes: scenes(2, "objects=5&fps=25&frames=500"), Detector: worn, Gone: 0.1},
		{Name: "all of it, 12 objects", Scenes: scenes(3, "objects=12&fps=10&frames=300"), Detector: worn, Gone: 0.1},
	}
}

// LeastVisible is how much of an object must be seen so that it counts.
const LeastVisible = 0.25

// Moment is a frame as the tracker sees it, with what is really in it.
type Moment struct {
	Frame int // from 0
	Time  time.Time
	Found []tracking.Detection
	Truth []clearmot.Object
}

// film is a scene's truth.
type film struct {
	scene  *scene.Scene
	truths []scene.Truth
}

// films remembers the truth of scenes, of which several cases use the same.
type films map[string]film

func (f films) open(description string) (film, error) {
	if one, ok := f[description]; ok {
		return one, nil
	}
	s, err := scene.Parse(description)
	if err != nil {
		return film{}, err
	}
	one := film{scene: s}
	for i := range s.Frames() {
		_, truth := s.Frame(i)
		one.truths = append(one.truths, truth)
	}
	f[description] = one
	return one, nil
}

// moments are the frames of one of the case's scenes that are not missing.
func (c Case) moments(f film) []Moment {
	begin := time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	size := f.scene.Size()
	var all []Moment
	for i, truth := range f.truths {
		random := rand.New(rand.NewPCG(f.scene.Config().Seed, uint64(i)))
		if random.Float64() < c.Gone || c.gap(i) {
			continue
		}
		m := Moment{Frame: i, Time: begin.Add(time.Duration(float64(i) / f.scene.FPS() * float64(time.Second)))}
		m.Found = c.Detector.find(truth, [2]int{size.X, size.Y}, random)
		for _, o := range truth.Objects {
			if o.Visible >= LeastVisible {
				m.Truth = append(m.Truth, clearmot.Object{ID: int64(o.ID), Box: boxOf(o)})
			}
		}
		all = append(all, m)
	}
	return all
}

func (c Case) gap(i int) bool {
	for _, g := range c.Gaps {
		if g[0] <= i && i < g[1] {
			return true
		}
	}
	return false
}

// play returns the frames of the case's scenes that are not missing, scene by scene.
func (c Case) play(known films) ([][]Moment, error) {
	var all [][]Moment
	for _, text := range c.Scenes {
		f, err := known.open(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		all = append(all, c.moments(f))
	}
	return all, nil
}

// Score is the scores of a tracker on scenes; as [Case] has them. Those tracks count
// that are seen: where a lost one is, is a guess.
func Score(cfg tracking.Config, scenes [][]Moment) (clearmot.Summary, error) {
	var sum clearmot.Summary
	for _, moments := range scenes {
		tracker, err := tracking.New(cfg)
		if err != nil {
			return sum, err
		}
		scorer, err := clearmot.New(clearmot.DefaultOverlap)
		if err != nil {
			return sum, err
		}
		for _, m := range moments {
			var shown []clearmot.Object
			for _, k := range tracker.Next(m.Time, int64(m.Frame)*1000, m.Found) {
				if k.State == tracking.Confirmed {
					shown = append(shown, clearmot.Object{ID: k.ID, Box: k.Box})
				}
			}
			if err := scorer.Add(m.Truth, shown); err != nil {
				return sum, err
			}
		}
		sum.Add(scorer.Summary())
	}
	return sum, nil
}

// Row is one row of the table.
type Row struct {
	Case    Case
	Summary clearmot.Summary
}

// Rows scores a tracker on all [Cases].
func Rows(cfg tracking.Config) ([]Row, error) {
	known := films{}
	var rows []Row
	for _, c := range Cases() {
		scenes, err := c.play(known)
		if err != nil {
			return nil, err
		}
		s, err := Score(cfg, scenes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		rows = append(rows, Row{c, s})
	}
	return rows, nil
}

// Write writes rows as a table of Markdown.
func Write(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	header := []string{"detections", "MOTA", "IDF1", "MOTP", "switches", "objects", "misses", "false", "boxes"}
	fmt.Fprintf(t, "| %s\t|\n", strings.Join(header, "\t| "))
	fmt.Fprintf(t, "|-%s\t|\n", strings.Repeat("\t|-", len(header)-1))
	for _, r := range rows {
		s := r.Summary
		fmt.Fprintf(t, "| %s\t| %.3f\t| %.3f\t| %.3f\t| %d\t| %d\t| %d\t| %d\t| %d\t|\n", r.Case.Name,
			s.MOTA(), s.IDF1(), s.MOTP(), s.Switches, s.IDs, s.Misses, s.FalsePositives(), s.Objects)
	}
	return t.Flush()
}

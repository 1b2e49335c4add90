package score_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/result"
)

// run has 300 frames of which covered ones are as given, and events at frames.
func run(covered [][2]int, events map[int]string) score.HealthRun {
	r := score.HealthRun{FPS: 10, Truth: make([]scene.Truth, 300), Events: make([][]result.Event, 300)}
	for i := range r.Truth {
		r.Truth[i] = scene.Truth{Frame: i, Light: 100}
		for _, c := range covered {
			r.Truth[i].Covered = r.Truth[i].Covered || i >= c[0] && i < c[1]
		}
		if transition, ok := events[i]; ok {
			r.Events[i] = []result.Event{{Type: result.EventCovered, Transition: transition}}
		}
	}
	return r
}

func TestScoreHealth(t *testing.T) {
	for _, c := range []struct {
		name    string
		covered [][2]int
		events  map[int]string
		want    score.Health
	}{
		{"nothing", nil, nil, score.Health{}},
		{"found in time and ended", [][2]int{{100, 140}}, map[int]string{120: "begin", 160: "end"}, score.Health{Faults: 1, Found: 1}},
		{"found too late", [][2]int{{100, 140}}, map[int]string{121: "begin", 150: "end"}, score.Health{Faults: 1, Late: 1}},
		{"not found", [][2]int{{100, 140}}, nil, score.Health{Faults: 1, Missed: 1}},
		{"never ended", [][2]int{{100, 140}}, map[int]string{105: "begin"}, score.Health{Faults: 1, Found: 1, Stuck: 1}},
		{"invented", [][2]int{{100, 140}}, map[int]string{99: "begin", 110: "begin", 142: "end", 161: "begin"}, score.Health{Faults: 1, Found: 1, Invented: 2}},
		{"too short to have to be found", [][2]int{{100, 120}, {200, 215}}, map[int]string{210: "begin"}, score.Health{}},
		{"goes on at the end", [][2]int{{250, 300}}, nil, score.Health{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, h := range score.ScoreHealth(run(c.covered, c.events)) {
				if h.Event != result.EventCovered {
					continue
				}
				c.want.Event = h.Event
				if d := cmp.Diff(c.want, h); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestScoreHealth_ofALostSignal(t *testing.T) {
	r := run(nil, nil)
	for i := 100; i < 130; i++ {
		r.Truth[i].Lost, r.Truth[i].Dropped = true, true
	}
	r.Events[130] = []result.Event{{Type: result.EventSignalLoss, Transition: "begin"}, {Type: result.EventSignalLoss, Transition: "end"}}
	for _, h := range score.ScoreHealth(r) {
		if h.Event == result.EventSignalLoss && h != (score.Health{Event: h.Event, Faults: 1, Found: 1}) {
			t.Errorf("%+v", h)
		}
	}
}

func TestHealthTable(t *testing.T) {
	a := score.ScoreHealth(run([][2]int{{100, 140}}, map[int]string{110: "begin", 142: "end"}))
	sum := score.AddHealth(score.AddHealth(nil, a), a)
	if table := score.HealthTable(sum); !strings.Contains(table, "| ImageCovered | 2 | 2 | 0 | 0 | 0 | 0 |") {
		t.Error(table)
	}
}

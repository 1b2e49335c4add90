package steps_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// upright runs from the lower edge up the middle of the picture to its centre: its
// left is the picture's left, and one can go around its upper end.
func upright() steps.LinesConfig {
	cfg := steps.DefaultLines()
	cfg.Points = []geometry.Position{{.5, 1}, {.5, .5}}
	cfg.Margin = 64. / side
	return cfg
}

func newLines(t testing.TB, cfg steps.LinesConfig) sequence.Step {
	t.Helper()
	s, err := steps.NewLines("lines/gate", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLines(t *testing.T) {
	at := func(xs ...int) [][]int { return places(3000, xs...) }
	unseen := func(n int) [][]int { return make([][]int, n) }
	for _, c := range []struct {
		name  string
		cfg   func(*steps.LinesConfig)
		items []element.Item
		want  []string
	}{
		{"who goes to the right crosses forward", nil, way(7, at(1900, 2000, 2100, 2200)...), []string{"3: forward #7 1"}},
		{"who goes to the left crosses backward", nil, way(7, at(2200, 2100, 2000, 1900)...), []string{"3: backward #7 1"}},
		{"who comes back has crossed twice", nil, way(7, at(1900, 2200, 1900, 2200)...), []string{"1: forward #7 1", "2: backward #7 1", "3: forward #7 2"}},
		{"who turns round within the margin has not crossed", nil, way(7, at(1900, 2060, 2100, 2010, 1900)...), nil},
		{"who trembles at the line crosses once", nil, way(7, at(1900, 2060, 2040, 2060, 2040, 2060, 2040, 2060, 2200)...), []string{"8: forward #7 1"}},
		{"exactly the margin away is far enough", nil, way(7, at(1900, 2048+64)...), []string{"1: forward #7 1"}},
		{"a pixel less is not", nil, way(7, at(1900, 2048+63)...), nil},
		{"who stops on the line has not crossed", nil, way(7, at(1900, 2048, 2048, 2048)...), nil},
		{"who goes over the end crosses nothing", nil, way(7, []int{1900, 3000}, []int{1900, 1900}, []int{2200, 1900}, []int{2200, 3000}), nil},
		{"who returns through the line after that crosses backward", nil, way(7, []int{1900, 1900}, []int{2200, 1900}, []int{2200, 3000}, []int{1900, 3000}), []string{"3: backward #7 1"}},
		{"who goes round the end within the margin has not crossed", nil, way(7, []int{1900, 2100}, []int{2030, 2060}, []int{2052, 2060}, []int{2052, 2040}, []int{2030, 2040}, []int{1900, 2100}), nil},
		{"the way goes on over frames in which nobody is seen", nil, way(7, at(1900, 0, 0, 0, 0, 2200)...), []string{"5: forward #7 1"}},
		{"but not for longer than gone", nil, way(7, slices.Concat(at(1900), unseen(51), at(2200))...), nil},
		{"not over a new epoch", nil, anew(way(7, at(1900, 2200, 1900)...), 1), []string{"2: backward #7 1"}},
		{"not over a silence", nil, later(way(7, at(1900, 2200, 1900)...), 1, 11*time.Second), []string{"2: backward #7 1"}},
		{"a clock that is set back changes nothing", nil, later(way(7, at(1900, 2200, 1900)...), 1, -time.Hour), []string{"1: forward #7 1", "2: backward #7 1"}},
		{"who is first seen within the margin begins there", nil, way(7, at(2040, 2060, 2200)...), []string{"2: forward #7 1"}},
		{"who is first seen on the far side has not crossed", nil, way(7, at(2052, 2060, 2200)...), nil},
		{"only forward, if so configured", func(c *steps.LinesConfig) { c.Direction = "forward" }, way(7, at(1900, 2200, 1900, 2200)...), []string{"1: forward #7 1", "3: forward #7 2"}},
		{"only backward, if so configured", func(c *steps.LinesConfig) { c.Direction = "backward" }, way(7, at(1900, 2200, 1900, 2200)...), []string{"2: backward #7 1"}},
		{"a line that is turned round turns the directions", func(c *steps.LinesConfig) { slices.Reverse(c.Points) }, way(7, at(1900, 2200)...), []string{"1: backward #7 1"}},
		{"two in one frame", nil, tenth(
			[]result.Detection{stands(8, 1900, 3000), stands(7, 1900, 3500)},
			[]result.Detection{stands(8, 2200, 3000), stands(7, 2200, 3500)},
		), []string{"1: forward #7 1", "1: forward #8 2"}},
		{"lost tracks are not where they are supposed to be", nil, tenth(
			[]result.Detection{stands(7, 1900, 3000)},
			[]result.Detection{as(stands(7, 2300, 3000), "lost", "person")},
			[]result.Detection{stands(7, 1900, 3000)},
		), nil},
		{"tentative tracks count once they are confirmed", nil, tenth(
			[]result.Detection{as(stands(7, 1900, 3000), "tentative", "person")},
			[]result.Detection{as(stands(7, 2200, 3000), "tentative", "person")},
			[]result.Detection{stands(7, 2200, 3000)},
		), []string{"2: forward #7 1"}},
		{"other labels do not count", func(c *steps.LinesConfig) { c.Labels = []string{"car"} }, way(7, at(1900, 2200)...), nil},
		{"nor do other analyses", func(c *steps.LinesConfig) { c.Of = "other" }, way(7, at(1900, 2200)...), nil},
		{"nor what is not tracked", nil, way(0, at(1900, 2200)...), nil},
		{"through a bend", func(c *steps.LinesConfig) {
			c.Points = []geometry.Position{{.25, .75}, {.5, .5}, {.75, .75}}
		}, way(7, []int{2048, 1900}, []int{2048, 2300}), []string{"1: forward #7 1"}},
		{"through both arms of a bend", func(c *steps.LinesConfig) {
			c.Points = []geometry.Position{{.25, .75}, {.5, .5}, {.75, .75}}
		}, way(7, []int{1000, 2500}, []int{3000, 2500}), nil},
		{"into one arm, and out around the bend without getting away from it", func(c *steps.LinesConfig) {
			c.Points = []geometry.Position{{.48, .75}, {.5, .5}, {.52, .75}}
		}, way(7, []int{2048, 2900}, []int{2030, 2150}, []int{2010, 2130}, []int{2040, 2020}, []int{2090, 2130}, []int{2300, 2150}), []string{"5: backward #7 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := upright()
			if c.cfg != nil {
				c.cfg(&cfg)
			}
			step := newLines(t, cfg)
			rows := steptest.Check(t, step, c.items, bytesOf(t, "lines"))
			if d := cmp.Diff(c.want, told(rows, step)); d != "" {
				t.Error(d)
			}
			ids := map[string]bool{}
			for _, r := range rows {
				for _, e := range r.Events {
					if e.Analysis != step.Name() {
						continue
					}
					if ids[e.ID] || e.ID == "" {
						t.Errorf("the id %q of %+v is no id or there twice", e.ID, e)
					}
					ids[e.ID] = true
					if e.Rule != "gate" || e.Type != result.EventLineCrossed || e.Label != "person" || e.Snapshot != r.Offset || e.Track%1000 != e.Track {
						t.Errorf("%+v", e)
					}
				}
			}
		})
	}
}

// Without a margin the crossings are what fractions say of each piece of the way.
func TestWithoutAMarginLinesCountWhatThePathCrosses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := upright()
		cfg.Margin = 0
		coarse := rapid.IntRange(0, 8)
		pixel := func(name string) (int, int) { return coarse.Draw(t, name+" x") * 512, coarse.Draw(t, name+" y") * 512 }
		n := rapid.IntRange(2, 4).Draw(t, "points")
		cfg.Points = nil
		for range n {
			x, y := pixel("point")
			cfg.Points = append(cfg.Points, geometry.Position{float64(x) / side, float64(y) / side})
		}
		line, err := geometry.NewPolyline(cfg.Points)
		if err != nil {
			t.Skip()
		}
		step, err := steps.NewLines("lines/gate", cfg)
		if err != nil {
			t.Fatal(err)
		}
		var path [][]int
		for range rapid.IntRange(2, 12).Draw(t, "frames") {
			x, y := pixel("at")
			path = append(path, []int{x, y})
		}
		var want []string
		var counts [2]int
		for i := 1; i < len(path); i++ {
			// In small steps, each of which ends on the straight way.
			from, to := path[i-1], path[i]
			net := 0
			for k := range 64 {
				at := func(k int) geometry.Point {
					return geometry.Position{
						(float64(from[0]) + float64(to[0]-from[0])*float64(k)/64) / side,
						(float64(from[1]) + float64(to[1]-from[1])*float64(k)/64) / side,
					}.Point()
				}
				c, _ := line.Crossed(at(k), at(k+1))
				net += c
			}
			switch {
			case net > 0:
				counts[0]++
				want = append(want, fmt.Sprintf("%d: forward #7 %d", i, counts[0]))
			case net < 0:
				counts[1]++
				want = append(want, fmt.Sprintf("%d: backward #7 %d", i, counts[1]))
			}
		}
		got := told(feed(t, step, way(7, path...)), step)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("line %v path %v: %s", cfg.Points, path, d)
		}
	})
}

// Whoever walks between places far from the line, trembling by less than the margin,
// crosses it just as often as the straight ways between these places do, also when
// frames are missing, and the tracker guesses wrong where it sees nothing.
func TestTremblingAndMissingFramesChangeNoCrossing(t *testing.T) {
	const margin, tremble = 64, 60
	rapid.Check(t, func(t *rapid.T) {
		cfg := upright()
		cfg.Points = []geometry.Position{{.3, .9}, {.6, .2}}
		a, b := [2]float64{.3 * side, .9 * side}, [2]float64{.6 * side, .2 * side}
		step, err := steps.NewLines("lines/gate", cfg)
		if err != nil {
			t.Fatal(err)
		}
		far := func(p, q [2]float64) float64 { return math.Hypot(p[0]-q[0], p[1]-q[1]) }
		var places [][2]float64
		for range rapid.IntRange(2, 6).Draw(t, "places") {
			p := [2]float64{float64(rapid.IntRange(100, side-100).Draw(t, "x")), float64(rapid.IntRange(100, side-100).Draw(t, "y"))}
			if fromSegment(a, b, p) < 2.5*margin {
				continue
			}
			if n := len(places); n > 0 && (far(places[n-1], p) < 200 || fromSegment(places[n-1], p, a) < 3*margin || fromSegment(places[n-1], p, b) < 3*margin) {
				continue
			}
			places = append(places, p)
		}
		if len(places) < 2 {
			t.Skip()
		}
		var frames [][]result.Detection
		var want []string
		shaky := rapid.IntRange(-tremble*7/10, tremble*7/10)
		for i := 1; i < len(places); i++ {
			from, to := places[i-1], places[i]
			steps := int(far(from, to)/40) + 1
			for k := range steps + 1 {
				d := stands(7, int(from[0]+(to[0]-from[0])*float64(k)/float64(steps)), int(from[1]+(to[1]-from[1])*float64(k)/float64(steps)))
				d.X += int32(shaky.Draw(t, "dx"))
				d.Y += int32(shaky.Draw(t, "dy"))
				if k > 0 && k < steps {
					switch rapid.IntRange(0, 3).Draw(t, "seen") {
					case 0:
						frames = append(frames, nil)
						continue
					case 1:
						d = as(stands(7, rapid.IntRange(0, side).Draw(t, "guess"), rapid.IntRange(0, side).Draw(t, "guess")), "lost", "person")
					}
				}
				frames = append(frames, []result.Detection{d})
			}
			if s := turn(a, b, from); s != turn(a, b, to) && turn(from, to, a) != turn(from, to, b) {
				direction := result.Forward
				if s { // from the right
					direction = result.Backward
				}
				want = append(want, direction)
			}
		}
		var got []string
		for _, s := range told(feed(t, step, tenth(frames...)), step) {
			got = append(got, strings.Fields(s)[1])
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("places %v: %s", places, d)
		}
	})
}

func turn(a, b, p [2]float64) bool {
	return (b[0]-a[0])*(p[1]-a[1])-(b[1]-a[1])*(p[0]-a[0]) > 0
}

func fromSegment(a, b, p [2]float64) float64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	t := max(0, min(1, ((p[0]-a[0])*dx+(p[1]-a[1])*dy)/(dx*dx+dy*dy)))
	return math.Hypot(p[0]-a[0]-t*dx, p[1]-a[1]-t*dy)
}

func TestLinesRememberNoMoreThanTheyMay(t *testing.T) {
	var frames [][]result.Detection
	for i := range 6 {
		var found []result.Detection
		for n := range int64(100) {
			d := stands(math.MaxInt64-n-int64(i)*30, 0, 3000)
			d.X, d.Label = int32(1+i%2*8*side), strings.Repeat("ü", 40)
			found = append(found, d)
		}
		frames = append(frames, found)
	}
	cfg := upright()
	cfg.Gone = params.Duration(time.Hour)
	step := newLines(t, cfg)
	rows := steptest.Check(t, step, later(tenth(frames...), 3, 9*time.Second), bytesOf(t, "lines"))
	if n := len(told(rows, step)); n < 64 {
		t.Errorf("only %d crossings", n)
	}
}

func TestParametersOfLines(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		field     string // that is wrong; "": none
	}{
		{"points are enough", `{"points": [[0, 0.5], [1, 0.5]]}`, ""},
		{"without points", `{}`, "points"},
		{"one point", `{"points": [[0, 0.5]]}`, "points"},
		{"outside of the picture", `{"points": [[0, 0.5], [1.5, 0.5]]}`, "points/1/0"},
		{"a line that crosses itself", `{"points": [[0, 0], [1, 1], [1, 0], [0, 1]]}`, "points"},
		{"an unknown direction", `{"points": [[0, 0.5], [1, 0.5]], "direction": "up"}`, "direction"},
		{"a margin that is a word", `{"points": [[0, 0.5], [1, 0.5]], "margin": 0.5}`, "margin"},
		{"no tracks", `{"points": [[0, 0.5], [1, 0.5]], "of": ""}`, "of"},
		{"gone at once", `{"points": [[0, 0.5], [1, 0.5]], "gone": "0s"}`, "gone"},
	} {
		checkParams(t, "lines", c.name, c.raw, c.field)
	}
}

// checkParams wants exactly this field of the parameters to be wrong.
func checkParams(t *testing.T, kind, name, raw, field string) {
	t.Helper()
	step, err := sequence.Make(params.Spec{Kind: kind, Name: kind + "/gate", Params: []byte(raw)})
	if field == "" {
		if err != nil || step.Name() != kind+"/gate" {
			t.Errorf("%s: %v", name, err)
		}
		reads, err := sequence.Reads(params.Spec{Kind: kind, Name: kind + "/gate", Params: []byte(raw)})
		if err != nil || !slices.Equal(reads, []string{"tracking"}) {
			t.Errorf("%s: reads %v, %v", name, reads, err)
		}
		return
	}
	if err == nil {
		t.Errorf("%s: is taken", name)
		return
	}
	inner := err
	for errors.Unwrap(inner) != nil {
		inner = errors.Unwrap(inner)
	}
	got := params.Violations(inner)
	if len(got) != 1 || got[0].Field != field {
		t.Errorf("%s: %v", name, err)
	}
}

func FuzzRestoreLines(f *testing.F) {
	step := newLines(f, upright())
	seedRestore(f, step, way(7, []int{1900, 3000}, []int{2060, 3000}))
	f.Fuzz(func(t *testing.T, saved []byte) { fuzzRestore(t, step, saved, bytesOf(t, "lines")) })
}

// seedRestore adds what a step saves after each of the items.
func seedRestore(f *testing.F, step sequence.Step, items []element.Item) {
	m := step.Start()
	defer m.Close()
	f.Add(m.Save())
	for i := range items {
		if err := m.Next(input{&items[i]}, &items[i].Result); err != nil {
			f.Fatal(err)
		}
		f.Add(m.Save())
	}
}

// fuzzRestore restores what may be damaged, and goes on with it.
func fuzzRestore(t *testing.T, step sequence.Step, saved []byte, limit int) {
	m, err := step.Restore(saved)
	if err != nil {
		return
	}
	defer m.Close()
	again, err := step.Restore(m.Save())
	if err != nil {
		t.Fatalf("what was restored and saved is not restored: %v", err)
	}
	if !slices.Equal(again.Save(), m.Save()) {
		t.Fatal("saved as other bytes")
	}
	for i, it := range way(7, []int{1900, 3000}, []int{2200, 3000}) {
		if i == 1 {
			m.Break(sequence.NewEpoch)
		}
		if err := m.Next(input{&it}, &it.Result); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.Save()); n > limit {
		t.Fatalf("takes %d bytes", n)
	}
}

func TestALineThatNobodyCanCrossMakesNoSense(t *testing.T) {
	var lines sequence.Kind
	for _, k := range sequence.Kinds() {
		if k.Name == "lines" {
			lines = k
		}
	}
	for _, c := range []struct {
		name, raw string
		sense     bool
	}{
		{"at the lower edge", `{"points": [[0, 0.99], [1, 0.99]]}`, false},
		{"at the lower edge, from right to left", `{"points": [[1, 0.99], [0, 0.99]]}`, false},
		{"at the lower edge, upwards only", `{"points": [[0, 0.99], [1, 0.99]], "direction": "backward"}`, true},
		{"at the lower edge, downwards only", `{"points": [[0, 0.99], [1, 0.99]], "direction": "forward"}`, false},
		{"at the lower edge with a small margin", `{"points": [[0, 0.99], [1, 0.99]], "margin": 0.01}`, true},
		{"as far from the lower edge as its margin", `{"points": [[0, 0.98], [1, 0.98]]}`, true},
		{"at the upper edge", `{"points": [[0, 0.01], [1, 0.01]]}`, false},
		{"at the left edge", `{"points": [[0.01, 0], [0.01, 1]]}`, false},
		{"at the right edge", `{"points": [[0.99, 0], [0.99, 1]]}`, false},
		{"on an edge", `{"points": [[0, 1], [1, 1]]}`, false},
		{"around a corner", `{"points": [[0, 0.99], [0.99, 0.99], [0.99, 0]]}`, false},
		{"at the edge only in part", `{"points": [[0, 0.99], [0.5, 0.99], [0.5, 0.5]]}`, true},
		{"across a corner", `{"points": [[0.9, 1], [1, 0.9]]}`, true},
	} {
		p, err := lines.Check(json.RawMessage(c.raw))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := lines.Sense(p); (err == nil) != c.sense {
			t.Errorf("%s: %v", c.name, err)
		}
		// It is made all the same: an output goes on with what it was begun with.
		if _, err := steps.NewLines("lines/gate", p.(steps.LinesConfig)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

package steps_test

import (
	"encoding/json"
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
	"github.com/framebeam/framebeam/transforms/vision/cellmap"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

const activityBytes = 8 << 10

func newActivity(t testing.TB, change func(*steps.ActivityConfig)) sequence.Step {
	t.Helper()
	cfg := steps.DefaultActivity()
	if change != nil {
		change(&cfg)
	}
	s, err := steps.NewActivity("activity/yard", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestActivityFindsTheMotionOfScenes(t *testing.T) {
	for _, c := range []struct{ name, scene string }{
		{"clean", "noise=3"},
		{"noise", "noise=8"},
		{"changes of light", "noise=3&ramp=60-90:50&switch=110-140:60"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all score.Spans
			for seed := 1; seed <= 4; seed++ {
				s := sceneOf(t, fmt.Sprintf("size=160x120&frames=300&objects=1&seed=%d&%s", seed, c.scene))
				spans, err := score.OfMotion(s, score.DefaultMotionRules(), newActivity(t, nil))
				if err != nil {
					t.Fatal(err)
				}
				all = all.Plus(*spans)
			}
			if t.Log(&all); all.F1() < 0.95 || all.TimeF1() < 0.95 || all.Hits < 8 {
				t.Error("want F1 of at least 0.95")
			}
		})
	}
}

func TestActivityGivesNoAlarmForLight(t *testing.T) {
	for _, faults := range []string{
		"noise=3", "noise=8", "switch=40-70:40", "switch=40-70:20", "switch=40-70:0", "switch=40-70:400", "switch=40-41:150",
		"ramp=40-80:40", "ramp=40-50:300", "ramp=30-100:250&noise=8", "switch=40-70:40&noise=8", "switch=40-70:70&switch=75-78:30",
	} {
		for _, sensitivity := range []float64{0, 0.5, 1} {
			t.Run(fmt.Sprint(faults, " sensitivity ", sensitivity), func(t *testing.T) {
				step := newActivity(t, func(c *steps.ActivityConfig) { c.Sensitivity = sensitivity })
				rows, _, err := score.Play(sceneOf(t, "size=160x120&objects=0&frames=100&"+faults), step)
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range rows {
					if events := motionEvents(r); len(events) > 0 {
						t.Fatalf("frame %d: %+v", i, events)
					}
				}
			})
		}
	}
}

func motionEvents(r result.Frame) (events []result.Event) {
	for _, e := range r.Events {
		if e.Type == result.EventMotion {
			events = append(events, e)
		}
	}
	return events
}

func TestActivityKeepsTheContract(t *testing.T) {
	s := sceneOf(t, "size=96x72&frames=60&objects=1&seed=7&switch=50-60:400")
	step := newActivity(t, func(c *steps.ActivityConfig) {
		c.Quiet, c.MaxDuration = params.Duration(300*time.Millisecond), params.Duration(time.Second)
	})
	events := 0
	for _, r := range steptest.Check(t, step, itemsOf(s), activityBytes) {
		events += len(motionEvents(r))
	}
	if events < 3 {
		t.Errorf("only %d events: this proves little", events)
	}
}

// script plays a block that moves in the frames where the text has a # (of which
// its n-th is at n*4), 10 frames a second, and says the transitions of each frame.
func script(t *testing.T, step sequence.Step, text string, change func(i int, it *element.Item)) (string, []result.Event) {
	t.Helper()
	var items []element.Item
	x := 0
	for i, c := range text {
		if c == '#' {
			x += 4
		}
		it := blockAt(i, float64(i)/10, image.Rect(x, 30, x+16, 60), 200)
		if change != nil {
			change(i, &it)
		}
		items = append(items, it)
	}
	var said strings.Builder
	var all []result.Event
	for _, r := range steptest.Run(t, step, items, nil) {
		events := motionEvents(r)
		all = append(all, events...)
		var names []string
		for _, e := range events {
			names = append(names, e.Transition)
		}
		switch strings.Join(names, " ") {
		case "":
			said.WriteByte('.')
		case "begin":
			said.WriteByte('B')
		case "peak end":
			said.WriteByte('E')
		case "peak end begin":
			said.WriteByte('S')
		default:
			said.WriteByte('?')
		}
	}
	return said.String(), all
}

// setBack is as the item would be if the clock had been set back by an hour, if it was.
func setBack(it *element.Item, was bool) {
	if was {
		it.Frame.Captured = it.Frame.Captured.Add(-time.Hour)
	}
}

func TestActivityEventsHaveBeginningAndEnd(t *testing.T) {
	quick := func(c *steps.ActivityConfig) { c.Quiet = params.Duration(time.Second) }
	for _, c := range []struct {
		name       string
		change     func(*steps.ActivityConfig)
		text, want string
		each       func(i int, it *element.Item)
	}{
		{
			"motion is an event after half a second, and ends after the quiet time", quick,
			".....##########.................",
			"..........B.............E.......", nil,
		}, {
			"a short motion is none", quick,
			".....##.........................",
			"................................", nil,
		}, {
			"a pause is bridged", quick,
			".....##########......####.................",
			"..........B.......................E.......", nil,
		}, {
			"the same, when it is longer than the quiet time", func(c *steps.ActivityConfig) { c.Quiet = params.Duration(300 * time.Millisecond) },
			".....########.........########........",
			"..........B.....E..........B.....E....", nil,
		}, {
			"a long one is split", func(c *steps.ActivityConfig) { quick(c); c.MaxDuration = params.Duration(time.Second) },
			".....###############.............",
			"..........B....E....B........E...", nil,
		}, {
			"without a minimum it begins at once", func(c *steps.ActivityConfig) { quick(c); c.MinDuration = 0 },
			".....##########.................",
			".....B..................E.......", nil,
		}, {
			"a clock that is set back before it is an event delays it", quick,
			".....###########................",
			".............B...........E......", func(i int, it *element.Item) { setBack(it, i >= 8) },
		}, {
			"a clock that is set back in an event changes nothing", quick,
			".....##########.................",
			"..........B.............E.......", func(i int, it *element.Item) { setBack(it, i >= 12) },
		}, {
			"a new epoch ends it", quick,
			".....###################........",
			"..........B....E................",
			func(i int, it *element.Item) {
				if i >= 15 {
					it.Frame.Epoch = "e2"
					it.Frame.Data = blockAt(0, 0, image.Rectangle{}, 0).Frame.Data
				}
			},
		}, {
			"a silence ends it", quick,
			".....###################........",
			"..........B....E................",
			func(i int, it *element.Item) {
				if i >= 15 {
					it.Frame.Captured = it.Frame.Captured.Add(time.Minute)
					it.Frame.Data = blockAt(0, 0, image.Rectangle{}, 0).Frame.Data
				}
			},
		}, {
			"missing frames change nothing", quick,
			".....##########.................",
			"..........B.............E.......",
			func(i int, it *element.Item) {
				if i >= 8 {
					it.Frame.Sequence += 4
				}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := script(t, newActivity(t, c.change), c.text, c.each)
			// What is compared with is up to 0.3 s old: ends may be that late.
			if !alike(got, c.want) {
				t.Errorf("\nmoves %s\nsaid  %s\nwant  %s", c.text, got, c.want)
			}
		})
	}
}

// alike compares two texts in which letters may stand up to three places later.
func alike(got, want string) bool {
	letters := func(s string) (at []int, l []byte) {
		for i := range s {
			if s[i] != '.' {
				at, l = append(at, i), append(l, s[i])
			}
		}
		return at, l
	}
	g, gl := letters(got)
	w, wl := letters(want)
	if string(gl) != string(wl) {
		return false
	}
	for i := range g {
		if g[i] < w[i] || g[i] > w[i]+3 {
			return false
		}
	}
	return true
}

func TestActivityEventsSayWhatHappened(t *testing.T) {
	_, events := script(t, newActivity(t, func(c *steps.ActivityConfig) { c.Quiet = params.Duration(time.Second) }), ".....##########.................", nil)
	if len(events) != 3 {
		t.Fatalf("%d events", len(events))
	}
	for _, e := range events {
		if e.Analysis != "activity/yard" || e.Rule != "yard" || e.Type != "MotionRegionDetector/Motion" || e.Snapshot < 105 || e.Snapshot > 117 {
			t.Errorf("%+v", e)
		}
	}
	begin, peak, end := events[0], events[1], events[2]
	if begin.Value != 0.5 || begin.Detail != "since 08:00:00.500" {
		t.Errorf("begin: %v %q", begin.Value, begin.Detail)
	}
	if peak.Value < 0.02 || peak.Value > 0.2 || peak.Snapshot != end.Snapshot {
		t.Errorf("peak: %+v", peak)
	}
	if end.Value < 0.9 || end.Value > 1.2 || !strings.HasPrefix(end.Detail, "08:00:00.500 to 08:00:01.") {
		t.Errorf("end: %v %q", end.Value, end.Detail)
	}
}

func TestActivityTellsTheCellsThatMoved(t *testing.T) {
	var items []element.Item
	where := func(i int) image.Rectangle {
		x := 4 * max(0, min(i-5, 12))
		return image.Rect(x, 30, x+16, 60)
	}
	for i := range 40 {
		items = append(items, blockAt(i, float64(i)/10, where(i), 200))
		items[i].Result.Features = []result.Feature{{Analysis: "perceptual_hash", Kind: "dhash"}}
	}
	most, with := 0, 0
	var peak *result.Event
	for i, r := range steptest.Run(t, newActivity(t, func(c *steps.ActivityConfig) { c.Quiet = params.Duration(time.Second) }), items, nil) {
		for _, e := range motionEvents(r) {
			if e.Transition == result.Peak {
				peak = &e
			}
		}
		if r.Features[0].Analysis != "perceptual_hash" || len(r.Features) > 2 {
			t.Fatalf("frame %d: %+v", i, r.Features)
		}
		if len(r.Features) == 1 {
			continue
		}
		with++
		x := r.Features[1]
		g, ok := cellmap.ParseKind(x.Kind)
		if !ok || x.Analysis != "activity/yard" || !g.Of(items[i].Frame.Width, items[i].Frame.Height) || len(x.Data) != g.Bytes() {
			t.Fatalf("frame %d: %+v", i, x)
		}
		n := 0
		for k := range g.Columns * g.Rows {
			if !cellmap.Marks(x.Data).Marked(k) {
				continue
			}
			n++
			left, top, w, h := g.Cell(k, items[i].Frame.Width, items[i].Frame.Height)
			// It moves by 4 pixels a frame, and what is compared with is up to 0.4 s old.
			if at := image.Rect(left, top, left+w, top+h); !at.In(where(i).Union(where(max(0, i-4))).Inset(-g.Side)) {
				t.Errorf("frame %d: %v is active, the block is at %v", i, at, where(i))
			}
		}
		if most = max(most, n); n == 0 {
			t.Errorf("frame %d: no cell in %x", i, x.Data)
		}
		if g := float64(g.Columns * g.Rows); peak != nil && peak.Value != result.Number(float64(most)/g) {
			t.Errorf("the peak is %v, at most %d of %v cells were active", peak.Value, most, g)
		}
	}
	if with < 8 || with > 18 || peak == nil {
		t.Errorf("%d of 40 frames have active cells, peak %v", with, peak)
	}
}

func TestActivityLooksWhereItIsTold(t *testing.T) {
	const text = ".....##########......"
	left := [][]geometry.Position{{{0, 0}, {0.9, 0}, {0.9, 1}, {0, 1}}}
	below := [][]geometry.Position{{{0, 0.9}, {1, 0.9}, {1, 1}, {0, 1}}}
	detect := func(analysis string) func(int, *element.Item) {
		return func(_ int, it *element.Item) {
			it.Result.Detections = []result.Detection{{Analysis: analysis, X: 0, Y: 25, Width: 80, Height: 40}}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*steps.ActivityConfig)
		each   func(int, *element.Item)
		want   bool
	}{
		{"everywhere", func(*steps.ActivityConfig) {}, nil, true},
		{"within", func(c *steps.ActivityConfig) { c.Within = left }, nil, true},
		{"within elsewhere", func(c *steps.ActivityConfig) { c.Within = below }, nil, false},
		{"ignore", func(c *steps.ActivityConfig) { c.Ignore = left }, nil, false},
		{"ignore elsewhere", func(c *steps.ActivityConfig) { c.Ignore = below }, nil, true},
		{"from what found nothing", func(c *steps.ActivityConfig) { c.From = []string{"people"} }, nil, false},
		{"from what found something", func(c *steps.ActivityConfig) { c.From = []string{"people", "background"} }, detect("background"), true},
		{"from another", func(c *steps.ActivityConfig) { c.From = []string{"people"} }, detect("background"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, events := script(t, newActivity(t, c.change), text, c.each); (len(events) > 0) != c.want {
				t.Errorf("%d events", len(events))
			}
		})
	}
}

func TestActivityGrowsWithItsSensitivity(t *testing.T) {
	smallest := func(sensitivity float64) int {
		step := newActivity(t, func(c *steps.ActivityConfig) { c.Sensitivity = sensitivity })
		for side := 1; side < 60; side++ {
			var items []element.Item
			for i := range 20 {
				x := 2 * i
				items = append(items, blockAt(i, float64(i)/10, image.Rect(x, 5, x+side, 5+side), 180))
			}
			for _, r := range steptest.Run(t, step, items, nil) {
				if len(motionEvents(r)) > 0 {
					return side
				}
			}
		}
		return 60
	}
	low, middle, high := smallest(0), smallest(0.5), smallest(1)
	if !(low > middle && middle > high && high <= 4 && middle <= 10 && low < 60) {
		t.Errorf("the smallest squares that are seen have sides of %d, %d and %d pixels", low, middle, high)
	}
}

func TestActivityConfigNamesEveryViolation(t *testing.T) {
	_, err := steps.NewActivity("activity/door", steps.ActivityConfig{
		Sensitivity: 2, MinDuration: params.Duration(time.Minute), Quiet: 0, MaxDuration: params.Duration(time.Second), From: []string{"activity/x"},
		Ignore: [][]geometry.Position{{}}, Within: [][]geometry.Position{{{0, 0}, {-1, 1}, {1, 0}}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range []string{"sensitivity", "quiet", "max_duration", "from/0", "ignore/0", "within/0/1/0"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %s", err, word)
		}
	}
}

func TestActivityIsMadeFromItsParametersAndReadsWhatItSays(t *testing.T) {
	spec := params.Spec{Kind: "activity", Name: "activity/door", Params: json.RawMessage(`{"from": ["background"], "sensitivity": 0.7}`)}
	s, err := sequence.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name() != "activity/door" || s.Digest() == newActivity(t, nil).Digest() {
		t.Errorf("%s %s", s.Name(), s.Digest())
	}
	reads, err := sequence.Reads(spec)
	if d := cmp.Diff([]string{"background"}, reads); d != "" || err != nil {
		t.Error(d, err)
	}
}

func FuzzActivityRestore(f *testing.F) {
	step := newActivity(f, func(c *steps.ActivityConfig) { c.MinDuration = 0 })
	m := step.Start()
	f.Add(m.Save())
	for n := range 8 {
		fr := blockAt(n, float64(n)/10, image.Rect(4*n, 30, 4*n+16, 60), 200).Frame
		show(f, m, &fr)
		f.Add(m.Save())
	}
	m.Break(sequence.NewEpoch)
	f.Add(m.Save())
	next := blockAt(8, 0.8, image.Rect(40, 30, 60, 50), 200).Frame
	f.Fuzz(func(t *testing.T, saved []byte) {
		m, err := step.Restore(saved)
		if err != nil {
			return
		}
		defer m.Close()
		show(t, m, &next)
		m.Break(sequence.Silence)
		show(t, m, &next)
	})
}

// The bare calls are what one would write with OpenCV on the reduced picture.
func BenchmarkActivity(b *testing.B) {
	grays := grayFrames(b)
	m := newActivity(b, nil).Start()
	defer m.Close()
	small, before, mask, labels := gocv.NewMat(), gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
	defer small.Close()
	defer before.Close()
	defer mask.Close()
	defer labels.Close()
	var ours, theirs time.Duration
	i := 0
	for b.Loop() {
		gray := grays[i%len(grays)]
		f := frame.Frame{Width: 640, Height: 480, Captured: steptest.Begin.Add(time.Duration(i) * time.Second / 10)}
		inTurns(i, &ours, func() {
			var out result.Frame
			if err := m.Next(grayInput{&f, gray}, &out); err != nil {
				b.Fatal(err)
			}
		}, &theirs, func() {
			gocv.Resize(gray, &small, image.Pt(64, 48), 0, 0, gocv.InterpolationArea)
			if before.Empty() {
				small.CopyTo(&before)
			}
			gocv.AbsDiff(small, before, &mask)
			gocv.Threshold(mask, &mask, 14, 255, gocv.ThresholdBinary)
			gocv.ConnectedComponents(mask, &labels)
			small.CopyTo(&before)
		})
		i++
	}
	b.ReportMetric(ours.Seconds()*1e6/float64(i), "us/frame")
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
	b.ReportMetric(float64(len(m.Save())), "state-bytes")
}

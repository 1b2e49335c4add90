package steps_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
)

func newTracking(t testing.TB, change func(*steps.TrackingConfig)) sequence.Step {
	t.Helper()
	cfg := steps.DefaultTracking()
	if change != nil {
		change(&cfg)
	}
	s, err := steps.NewTracking(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// foundAt is a detection of the background model of 20 x 40 pixels at (x, 100).
func foundAt(x int32) result.Detection {
	return result.Detection{Analysis: "background", Label: "object", X: x, Y: 100, Width: 20, Height: 40, Score: 1}
}

// trackingItem is a frame of 320x240 without pixels.
func trackingItem(n int, found ...result.Detection) element.Item {
	return steptest.Item(n, 10, 320, 240, nil, found...)
}

// shownTracks says which tracks each frame shows.
func shownTracks(rows []result.Frame) []string {
	var all []string
	for _, r := range rows {
		var s []string
		for _, d := range r.Detections {
			if d.Analysis == "tracking" {
				s = append(s, fmt.Sprintf("%d %s", d.Track, d.State))
			}
		}
		all = append(all, strings.Join(s, ", "))
	}
	return all
}

func TestTrackingShowsWhatItFollows(t *testing.T) {
	walk := func(n int) element.Item { return trackingItem(n, foundAt(int32(50+2*n))) }
	later := func(it element.Item, by time.Duration) element.Item {
		it.Frame.Captured = it.Frame.Captured.Add(by)
		return it
	}
	epoch := func(it element.Item) element.Item {
		it.Frame.Epoch = "e2"
		return it
	}
	larger := func(it element.Item) element.Item {
		it.Frame.Width++
		return it
	}
	three := []element.Item{walk(0), walk(1), walk(2)}
	cases := []struct {
		name   string
		change func(*steps.TrackingConfig)
		items  []element.Item
		want   []string
	}{
		{"confirmed with the third detection", nil, three, []string{"", "", "100001 confirmed"}},
		{"tentative ones are shown if asked for", func(c *steps.TrackingConfig) { c.ShowTentative = true }, three,
			[]string{"100001 tentative", "100001 tentative", "100001 confirmed"}},
		{"a lost one is shown for a while", nil, append(slices.Clone(three), trackingItem(3), trackingItem(4), trackingItem(5), walk(6)),
			[]string{"", "", "100001 confirmed", "100001 lost", "100001 lost", "", "100001 confirmed"}},
		{"or not at all", func(c *steps.TrackingConfig) { c.Coast = 0 }, append(slices.Clone(three), trackingItem(3), walk(4)),
			[]string{"", "", "100001 confirmed", "", "100001 confirmed"}},
		{"missing frames are time that passes", nil, append(slices.Clone(three), walk(9), walk(10)),
			[]string{"", "", "100001 confirmed", "100001 confirmed", "100001 confirmed"}},
		{"a silence ends tracks", func(c *steps.TrackingConfig) { c.Patience = params.Duration(time.Minute) },
			append(slices.Clone(three), later(trackingItem(3, foundAt(54)), 20*time.Second), later(trackingItem(4, foundAt(54)), 20*time.Second), later(trackingItem(5, foundAt(54)), 20*time.Second)),
			[]string{"", "", "100001 confirmed", "", "", "103001 confirmed"}},
		{"so does a new epoch", nil, append(slices.Clone(three), epoch(walk(3)), epoch(walk(4)), epoch(walk(5))),
			[]string{"", "", "100001 confirmed", "", "", "103001 confirmed"}},
		{"and another size", nil, append(slices.Clone(three), larger(walk(3)), larger(walk(4)), larger(walk(5))),
			[]string{"", "", "100001 confirmed", "", "", "103001 confirmed"}},
		{"two objects have two ids", func(c *steps.TrackingConfig) { c.MinHits = 1 }, []element.Item{trackingItem(0, foundAt(10), foundAt(200))},
			[]string{"100001 confirmed, 100002 confirmed"}},
		{"others' detections are not looked at", func(c *steps.TrackingConfig) { c.MinHits, c.From = 1, []string{"people", "networks/ssd"} },
			[]element.Item{trackingItem(0, foundAt(10), result.Detection{Analysis: "networks/ssd", Label: "cat", X: 1, Y: 1, Width: 9, Height: 9, Score: 0.7})},
			[]string{"100001 confirmed"}},
		{"nor are those with a low score", func(c *steps.TrackingConfig) { c.MinHits, c.High = 1, 0.8 },
			[]element.Item{trackingItem(0, result.Detection{Analysis: "background", X: 1, Y: 1, Width: 9, Height: 9, Score: 0.7})},
			[]string{""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rows := steptest.Check(t, newTracking(t, c.change), c.items, 24<<10)
			if d := cmp.Diff(c.want, shownTracks(rows)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTracksStayInThePicture(t *testing.T) {
	step := newTracking(t, func(c *steps.TrackingConfig) { c.Coast = params.Duration(2 * time.Second) })
	var items []element.Item
	for n := range 6 {
		items = append(items, trackingItem(n, foundAt(int32(240+10*n)))) // to 290 and 310
	}
	for n := 6; n < 20; n++ {
		items = append(items, trackingItem(n))
	}
	seen, cut := 0, 0
	for _, r := range steptest.Run(t, step, items, nil) {
		for _, d := range r.Detections {
			if d.Analysis != "tracking" {
				continue
			}
			seen++
			if d.X < 0 || d.Y < 0 || d.Width < 1 || d.Height < 1 || d.X+d.Width > 320 || d.Y+d.Height > 240 {
				t.Errorf("a track at %+v", d)
			}
			if d.Width < 15 {
				cut++
			}
		}
	}
	if seen == 0 || cut == 0 || seen > 11 {
		t.Errorf("%d boxes, %d of them cut", seen, cut)
	}
}

// trackingPlay is a scene with detections that jump, go missing and are invented.
func trackingPlay(t testing.TB, text string) []element.Item {
	t.Helper()
	s, err := scene.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var items []element.Item
	for i := range s.Frames() {
		_, truth := s.Frame(i)
		if truth.Dropped {
			continue
		}
		var found []result.Detection
		for _, o := range truth.Objects {
			if o.Visible < 0.3 || random.IntN(10) == 0 {
				continue
			}
			found = append(found, result.Detection{
				Analysis: "background", Label: o.Label, X: int32(o.X + random.IntN(3)), Y: int32(o.Y + random.IntN(3)),
				Width: int32(o.Width), Height: int32(o.Height), Score: min(1, 0.1+o.Visible),
			})
		}
		items = append(items, steptest.Item(i, s.FPS(), s.Size().X, s.Size().Y, nil, found...))
	}
	return items
}

func TestTrackingKeepsTheContract(t *testing.T) {
	items := trackingPlay(t, "size=96x72&frames=120&objects=8&dropped=40-44")
	ids := map[int64]int{}
	for _, r := range steptest.Check(t, newTracking(t, nil), items, 24<<10) {
		for _, d := range r.Detections {
			if d.Analysis == "tracking" {
				ids[d.Track]++
			}
		}
	}
	if len(ids) < 8 || len(ids) > 40 {
		t.Errorf("%d tracks of about 16 objects", len(ids))
	}
}

func TestACrowdFitsIntoTheState(t *testing.T) {
	step := newTracking(t, func(c *steps.TrackingConfig) { c.MinHits, c.Patience = 1, params.Duration(5*time.Minute) })
	var items []element.Item
	for n := range 8 {
		var found []result.Detection
		for i := range 120 {
			d := foundAt(int32(25 * i))
			d.Label, d.Y = fmt.Sprintf("%03d%s", i, strings.Repeat("x", 100)), int32(300*(n%2))
			found = append(found, d)
		}
		it := trackingItem(n, found...)
		it.Result.Offset += 1 << 50
		items = append(items, it)
	}
	steptest.Check(t, step, items, 24<<10)
}

func TestTrackingSaysAllThatIsWrong(t *testing.T) {
	cases := []struct {
		name   string
		change func(*steps.TrackingConfig)
		want   string
	}{
		{"nothing to follow", func(c *steps.TrackingConfig) { c.From = nil }, "from: has 0 entries"},
		{"no name", func(c *steps.TrackingConfig) { c.From = []string{"People!"} }, "from/0: "},
		{"itself", func(c *steps.TrackingConfig) { c.From = []string{"people", "tracking"} }, "from/1: tracking cannot follow itself"},
		{"twice", func(c *steps.TrackingConfig) { c.From = []string{"people", "people"} }, "from/1: people is there already"},
		{"scores the wrong way round", func(c *steps.TrackingConfig) { c.Low = 0.6 }, "low: 0.6 is above high, 0.5"},
		{"a score above 1", func(c *steps.TrackingConfig) { c.High = 1.5 }, "high: "},
		{"no overlap", func(c *steps.TrackingConfig) { c.IoU = 0 }, "iou: "},
		{"no patience", func(c *steps.TrackingConfig) { c.Patience = -1 }, "patience: "},
		{"too many tracks", func(c *steps.TrackingConfig) { c.MaxTracks = 101 }, "max_tracks: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := steps.DefaultTracking()
			c.change(&cfg)
			if _, err := steps.NewTracking(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	// Whatever passes the tags makes a tracker.
	for _, far := range []steps.TrackingConfig{
		{From: []string{"a"}, IoU: 0.01, LowIoU: 0.01, LostIoU: 0.01, TentativeIoU: 0.01, MinHits: 1, MaxTracks: 1, Jitter: 0.001, Agility: 0.001},
		{From: []string{"a"}, High: 1, Low: 1, IoU: 1, LowIoU: 1, LostIoU: 1, TentativeIoU: 1, MinHits: 100,
			Patience: params.Duration(5 * time.Minute), Coast: params.Duration(5 * time.Minute), MaxTracks: 100, Jitter: 1, Agility: 100},
	} {
		if _, err := steps.NewTracking(far); err != nil {
			t.Error(err)
		}
	}
}

func TestTrackingReadsWhatItIsToldTo(t *testing.T) {
	spec := params.Spec{Kind: "tracking", Name: "tracking", Params: []byte(`{"from":["people","background"]}`)}
	reads, err := sequence.Reads(spec)
	if err != nil || !slices.Equal(reads, []string{"people", "background"}) {
		t.Error(reads, err)
	}
	one, err := sequence.Make(spec)
	if err != nil {
		t.Fatal(err)
	}
	other := newTracking(t, nil)
	if one.Digest() == other.Digest() || one.Pixels() != frame.NoPixels {
		t.Errorf("digests %q and %q", one.Digest(), other.Digest())
	}
}

// What is restored is saved as it was, within the limit.
func FuzzTrackingRestore(f *testing.F) {
	step := newTracking(f, nil)
	m := step.Start()
	f.Add(m.Save())
	for n := range 4 {
		it := trackingItem(n, foundAt(10), foundAt(100))
		if err := m.Next(withoutPixels{&it.Frame}, &it.Result); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(m.Save())
	f.Fuzz(func(t *testing.T, saved []byte) {
		m, err := step.Restore(saved)
		if err != nil {
			return
		}
		again := m.Save()
		back, err := step.Restore(again)
		if err != nil || !bytes.Equal(back.Save(), again) || len(again) > 24<<10 {
			t.Fatalf("a state that was restored and saved is not restored: %v", err)
		}
		it := trackingItem(9, foundAt(10))
		if err := m.Next(withoutPixels{&it.Frame}, &it.Result); err != nil {
			t.Fatal(err)
		}
	})
}

// withoutPixels is a frame without pixels.
type withoutPixels struct{ f *frame.Frame }

func (in withoutPixels) Frame() *frame.Frame { return in.f }

func (withoutPixels) Gray() (gocv.Mat, error) { panic("tracking looks at pixels") }

func (withoutPixels) Color() (gocv.Mat, error) { panic("tracking looks at pixels") }

func BenchmarkTracking(b *testing.B) {
	items := trackingPlay(b, "size=320x240&frames=100&objects=12")
	step := newTracking(b, nil)
	m := step.Start()
	n := 0
	for b.Loop() {
		if n == len(items) {
			m.Break(sequence.NewEpoch)
			n = 0
		}
		out := items[n].Result
		if err := m.Next(withoutPixels{&items[n].Frame}, &out); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// brightest is an analysis that finds the box of all that is brighter than 200.
type brightest struct {
	fails  error
	closed *int
}

func (a *brightest) Name() string         { return "people" }
func (a *brightest) Digest() string       { return "brightest v1" }
func (a *brightest) Pixels() frame.Pixels { return frame.GrayPixels }

func (a *brightest) Regions(whole image.Point) (image.Point, bool) { return image.Pt(16, 16), true }

func (a *brightest) Close() error {
	*a.closed++
	return nil
}

func (a *brightest) Analyse(in pixels.Input, out *result.PerFrame) error {
	if a.fails != nil {
		return a.fails
	}
	gray, err := in.Gray()
	if err != nil {
		return err
	}
	b, err := gray.DataPtrUint8()
	if err != nil {
		return err
	}
	var box image.Rectangle
	for i, v := range b {
		if v > 200 {
			x, y := i%gray.Cols(), i/gray.Cols()
			box = box.Union(image.Rect(x, y, x+1, y+1))
		}
	}
	if !box.Empty() {
		out.Detections = append(out.Detections, result.Detection{Analysis: "people", Label: "person", Score: 1,
			X: int32(box.Min.X), Y: int32(box.Min.Y), Width: int32(box.Dx()), Height: int32(box.Dy())})
	}
	return nil
}

const whenWidth, whenHeight = 96, 72

// yard is a frame at ten a second with a bright box of 12x16 at (x, 30); x < 0: none.
func yard(n, x int) element.Item {
	p := make([]byte, whenWidth*whenHeight)
	for i := range p {
		p[i] = byte(80 + i%7)
		if u, v := i%whenWidth, i/whenWidth; x >= 0 && u >= x && u < x+12 && v >= 30 && v < 46 {
			p[i] = 240
		}
	}
	return steptest.Item(n, 10, whenWidth, whenHeight, p)
}

func newWhen(t testing.TB, change func(*WhenConfig)) sequence.Step {
	t.Helper()
	cfg := DefaultWhen()
	if change != nil {
		change(&cfg)
	}
	s, err := NewWhen(&brightest{closed: new(int)}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lookedIn says of each frame what was looked at: "all", "part", "-" or, where nothing moves, "still".
func lookedIn(rows []result.Frame) string {
	var all []string
	for i := range rows {
		for j := range rows[i].Features {
			f := &rows[i].Features[j]
			rects := rectanglesOf(f)
			switch {
			case f.Kind == stillKind:
				all = append(all, "still")
			case len(rects) == 0:
				all = append(all, "-")
			case rects[0] == image.Rect(0, 0, whenWidth, whenHeight):
				all = append(all, "all")
			default:
				all = append(all, "part")
			}
		}
	}
	return strings.Join(all, " ")
}

func TestItLooksWhereItPays(t *testing.T) {
	var walk, rest []element.Item
	for n := range 8 {
		walk = append(walk, yard(n, 10+4*n))
		rest = append(rest, yard(n, 20))
	}
	stops := slices.Clone(walk[:4])
	for n := 4; n < 12; n++ {
		stops = append(stops, yard(n, 22))
	}
	back := slices.Clone(rest)
	back[5].Frame.Captured = back[0].Frame.Captured
	epoch := slices.Clone(rest)
	for i := range epoch[4:] {
		epoch[4+i].Frame.Epoch = "e2"
	}
	ms := func(n int) params.Duration { return params.Duration(time.Duration(n) * time.Millisecond) }
	for _, c := range []struct {
		name   string
		change func(*WhenConfig)
		items  []element.Item
		want   string
	}{
		{"the first frame, and then nothing while nothing moves", nil, rest, "all still still still still still still still"},
		{"every other frame of ten a second", nil, walk, "all still all - all - all -"},
		{"every frame", func(c *WhenConfig) { c.Every = 0 }, walk[:5], "all still all all all"},
		{"for a while after the last motion", func(c *WhenConfig) { c.Hold = ms(200) }, stops, "all still all - all - all - still still still still"},
		{"now and then in any case", func(c *WhenConfig) { c.AtLeast = ms(300) }, rest, "all still still all still still all still"},
		{"the parts where something moves", func(c *WhenConfig) { c.Region = true; c.Margin = 0.1 }, walk[:6], "all still part - part -"},
		{"a clock that is set back begins no flood", func(c *WhenConfig) { c.AtLeast = ms(300) }, back, "all still still all still still all still"},
		{"a new epoch begins anew", nil, epoch, "all still still still all still still still"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := steptest.Check(t, newWhen(t, c.change), c.items, whenBytes)
			if got := lookedIn(rows); got != c.want {
				t.Errorf("it looked at %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWhatIsFoundInAPartLiesWhereItIs(t *testing.T) {
	var items []element.Item
	for n := range 16 {
		items = append(items, yard(n, 4+5*n))
	}
	whole := steptest.Run(t, newWhen(t, nil), items, nil)
	parts := steptest.Check(t, newWhen(t, func(c *WhenConfig) { c.Region, c.Margin = true, 1 }), items, whenBytes)
	found := 0
	for i := range whole {
		if d := cmp.Diff(whole[i].Detections, parts[i].Detections); d != "" {
			t.Errorf("frame %d:\n%s", i, d)
		}
		found += len(parts[i].Detections)
	}
	if found < 5 || !strings.Contains(lookedIn(parts), "part") {
		t.Errorf("%d found, looked at %s", found, lookedIn(parts))
	}
}

func TestAnotherAnalysisSaysWhatMoves(t *testing.T) {
	step := newWhen(t, func(c *WhenConfig) { c.Moves = "background"; c.Region = true })
	var items []element.Item
	for n := range 6 {
		it := yard(n, 20)
		if n >= 3 {
			it.Result.Detections = []result.Detection{{Analysis: "background", X: 20, Y: 30, Width: 12, Height: 16, Score: 1}}
		}
		items = append(items, it)
	}
	rows := steptest.Check(t, step, items, whenBytes)
	if got, want := lookedIn(rows), "all still still part - part"; got != want {
		t.Errorf("it looked at %s, want %s", got, want)
	}
	spec := params.Spec{Kind: "people", Name: "people", When: json.RawMessage(`{"moves":"background"}`)}
	if reads, err := sequence.Reads(spec); err != nil || !slices.Equal(reads, []string{"background"}) {
		t.Errorf("reads %v, %v", reads, err)
	}
}

func TestAnAnalysisThatFailsKillsTheFrameAlone(t *testing.T) {
	a := &brightest{fails: &frame.Poison{Reason: frame.ReasonAnalysisFailed, Detail: "not a number"}, closed: new(int)}
	cfg := DefaultWhen()
	cfg.Every = 0
	cfg.AtLeast = params.Duration(100 * time.Millisecond)
	step, err := NewWhen(a, cfg)
	if err != nil {
		t.Fatal(err)
	}
	rows := steptest.Run(t, step, []element.Item{yard(0, 5), yard(1, 5)}, nil)
	for i, r := range rows {
		if r.Status != result.Dead || r.Reason != string(frame.ReasonAnalysisFailed) || len(r.Features) > 0 {
			t.Errorf("frame %d: %+v", i, r)
		}
	}
	an, err := sequence.NewAnalyzer([]sequence.Step{step}, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := an.Close(); err != nil || *a.closed != 1 {
		t.Errorf("closed %d times, %v", *a.closed, err)
	}
	a.fails = errors.New("no such file")
	c := an.Start()
	defer c.Close()
	it := yard(0, 5)
	if err := c.Next(&it); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a fault of the program: %v", err)
	}
}

func TestTracksAreBridgedOverWhatWasNotLookedAt(t *testing.T) {
	tracks, err := NewTracking(func() TrackingConfig {
		c := DefaultTracking()
		c.From, c.MinHits = []string{"people"}, 1
		return c
	}())
	if err != nil {
		t.Fatal(err)
	}
	a, err := sequence.NewAnalyzer([]sequence.Step{newWhen(t, nil), tracks}, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer func() { c.Close() }()
	var got []string
	for n := range 45 {
		x := min(10+2*n, 26) // it stops
		if n >= 41 {
			x = -1 // and is gone
		}
		it := yard(n, x)
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
		for _, d := range it.Result.Detections {
			if d.Analysis == trackingName {
				got = append(got, d.State)
				if want := int32(x); x >= 0 && (d.X < want-2 || d.X > want+2) {
					t.Errorf("frame %d: %+v, the object is at %d", n, d, want)
				}
			}
		}
		saved, err := c.Save()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if c, err = a.Restore(saved); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Join(got, " ")
	if !strings.HasPrefix(text, "confirmed bridged confirmed bridged") || !strings.Contains(text, strings.Repeat(" bridged", 8)) || !strings.HasSuffix(text, "lost") {
		t.Error(text)
	}
}

func TestRegionsCoverWhatMovesAndDoNotTouch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		picture := image.Rect(0, 0, rapid.IntRange(1, 400).Draw(t, "width"), rapid.IntRange(1, 300).Draw(t, "height"))
		var places []image.Rectangle
		for range rapid.IntRange(1, 12).Draw(t, "places") {
			x, y := rapid.IntRange(0, picture.Max.X-1).Draw(t, "x"), rapid.IntRange(0, picture.Max.Y-1).Draw(t, "y")
			places = append(places, image.Rect(x, y, rapid.IntRange(x+1, picture.Max.X).Draw(t, "right"), rapid.IntRange(y+1, picture.Max.Y).Draw(t, "bottom")))
		}
		least := image.Pt(rapid.IntRange(0, 200).Draw(t, "least"), rapid.IntRange(0, 200).Draw(t, "least"))
		apart := rapid.Bool().Draw(t, "apart")
		parts := regions(places, picture, rapid.Float64Range(0, 2).Draw(t, "margin"), least, apart)
		if len(parts) == 0 || len(parts) > mostPlaces || !apart && len(parts) > 1 {
			t.Fatalf("%d parts", len(parts))
		}
		for i, p := range parts {
			if !p.In(picture) || p.Dx() < min(least.X, picture.Dx()) || p.Dy() < min(least.Y, picture.Dy()) {
				t.Fatalf("part %v of %v, at least %v", p, picture, least)
			}
			for _, q := range parts[:i] {
				if p.Overlaps(q) {
					t.Fatalf("%v and %v", p, q)
				}
			}
		}
		for _, p := range places {
			if !slices.ContainsFunc(parts, func(q image.Rectangle) bool { return p.In(q) }) {
				t.Fatalf("%v is in none of %v", p, parts)
			}
		}
	})
}

func TestWhenParametersAreChecked(t *testing.T) {
	cfg := DefaultWhen()
	cfg.Moves, cfg.Ignore = "motion", []outline{{{0, 0}, {1, 0}, {1, 1}}}
	cfg.Margin = 9
	_, err := NewWhen(&brightest{closed: new(int)}, cfg)
	for _, want := range []string{"margin", "ignore: is of activity"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

package steps_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
)

func newCuts(t testing.TB, change func(*steps.CutsConfig)) sequence.Step {
	t.Helper()
	cfg := steps.DefaultCuts()
	if change != nil {
		change(&cfg)
	}
	s, err := steps.NewCuts(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// film joins scenes, each the frames [from, to) of its own, and returns the items
// and where each begins.
func film(t testing.TB, fps float64, size string, parts ...string) (items []element.Item, begins []int) {
	t.Helper()
	for _, text := range parts {
		s, err := scene.Parse(fmt.Sprintf("fps=%v&size=%s&%s", fps, size, text))
		if err != nil {
			t.Fatal(err)
		}
		begins = append(begins, len(items))
		for i := range s.Frames() {
			bgr, _ := s.Frame(i)
			items = append(items, steptest.Item(len(items), fps, s.Size().X, s.Size().Y, bgr))
		}
	}
	return items, begins
}

// eventsOf are those of a step, by the frame at which they stand.
func eventsOf(rows []result.Frame, name string) (all []result.Event) {
	for _, r := range rows {
		for _, e := range r.Events {
			if e.Analysis == name {
				all = append(all, e)
			}
		}
	}
	return all
}

// first is the offset of a film's first frame.
const first = 100

// cutsIn are the frames at which shots begin, and the key frames.
func cutsIn(events []result.Event) (cuts, keys []int) {
	for _, e := range events {
		switch e.Type {
		case result.EventSceneCut:
			cuts = append(cuts, int(e.Snapshot)-first)
		case result.EventKeyFrame:
			keys = append(keys, int(e.Snapshot)-first)
		}
	}
	return cuts, keys
}

func TestCuts_findsWhereScenesAreJoined(t *testing.T) {
	for _, c := range []struct {
		name string
		fps  float64
		size string
		all  string // of every scene
	}{
		{"a quiet film", 25, "192x144", "noise=1&objects=3"},
		{"a film with much motion", 12, "160x120", "noise=3&objects=12"},
		{"a noisy film", 25, "192x144", "noise=6&objects=5"},
		{"a dark film", 25, "160x120", "noise=1&objects=5&switch=0-1000:25"},
		{"a film at night", 10, "192x144", "noise=3&objects=8&infrared=0-1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var parts []string
			for seed := range 8 {
				// Joints are where those of the scene before are, as walls in one house might
				// be, but for every other one.
				parts = append(parts, fmt.Sprintf("seed=%d&frames=%d&moved=0-1000:%d&%s", 50+seed, 12+7*seed, 1+seed%2*10, c.all))
			}
			items, begins := film(t, c.fps, c.size, parts...)
			step := newCuts(t, nil)
			events := eventsOf(steptest.Run(t, step, items, nil), step.Name())
			cuts, keys := cutsIn(events)
			if want := begins[1:]; !slices.Equal(cuts, want) {
				t.Errorf("cuts at %v, want %v", cuts, want)
			}
			for i, k := range keys {
				if i+1 < len(begins) && (k < begins[i] || k >= begins[i+1]) {
					t.Errorf("key frame %d of the shot from %d to %d", k, begins[i], begins[i+1])
				}
			}
			if len(keys) != len(cuts) {
				t.Errorf("%d key frames for %d shots that ended", len(keys), len(cuts))
			}
			for i, e := range events {
				if e.Type == result.EventSceneCut && len(cuts) == 7 {
					if want := result.Number(float64(begins[i/2+1]-begins[i/2]) / c.fps); e.Value < want-0.002 || e.Value > want+0.002 {
						t.Errorf("cut %d after a shot of %v s, want %v", i/2, e.Value, want)
					}
				}
			}
		})
	}
}

func TestCuts_takesNothingElseForACut(t *testing.T) {
	for name, text := range map[string]string{
		"flashes of white":           "frames=200&noise=2&objects=4&switch=40-42:400&switch=80-81:400",
		"flashes of half as much":    "frames=200&noise=2&objects=4&switch=40-42:200&switch=80-81:250",
		"the light goes on and off":  "frames=200&noise=3&objects=4&switch=40-80:40&switch=100-140:160",
		"clouds":                     "frames=200&noise=3&objects=4&cloud=40-100:30&ramp=120-160:60",
		"dropouts of black":          "frames=200&noise=3&objects=4&covered=40-42&covered=80-120",
		"twelve objects":             "frames=300&noise=1&objects=12",
		"noise":                      "frames=200&noise=12&objects=5",
		"flashes of another picture": "frames=200&noise=2&objects=4&moved=50-52:23&moved=90-91:17",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items, _ := film(t, 25, "96x72", "seed=3&"+text)
			step := newCuts(t, nil)
			if events := eventsOf(steptest.Run(t, step, items, nil), step.Name()); len(events) != 0 {
				t.Errorf("%+v", events)
			}
		})
	}
}

func TestCuts_tellsAFadeToBlack(t *testing.T) {
	items, begins := film(t, 25, "192x144", "seed=1&frames=60&noise=1&ramp=30-50:0", "seed=2&frames=40&noise=1", "seed=5&frames=20&covered=0-20", "seed=2&frames=30&noise=1")
	step := newCuts(t, nil)
	var got []string
	for _, e := range eventsOf(steptest.Run(t, step, items, nil), step.Name()) {
		got = append(got, fmt.Sprintf("%s %s", e.Type, e.Transition))
		switch e.Transition {
		case result.Begin:
			if e.Value < 0.5 || e.Value > 0.85 || e.Snapshot < first+43 || e.Snapshot > first+50 {
				t.Errorf("fade %+v, want one of 0.8 s to frame 50", e)
			}
		case result.End:
			if e.Snapshot != int64(first+begins[1]) {
				t.Errorf("fade ends at %d, want %d", e.Snapshot-first, begins[1])
			}
		}
		if e.Type == result.EventSceneCut && e.Value > 2 {
			t.Errorf("the shot lasted until it was black, not %v s", e.Value)
		}
	}
	// Cut to black and back to the same scene: no fade, no cut.
	want := []string{"FadeToBlack begin", "FadeToBlack end", "KeyFrame ", "SceneCut "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCuts_atOnceWithoutAGuardAgainstFlashes(t *testing.T) {
	items, begins := film(t, 25, "96x72", "seed=1&frames=30&moved=0-30:11", "seed=2&frames=30")
	step := newCuts(t, func(c *steps.CutsConfig) { c.Flash = 0 })
	rows := steptest.Run(t, step, items, nil)
	if e := eventsOf(rows[begins[1]:begins[1]+1], step.Name()); len(e) != 2 {
		t.Errorf("at the first frame of the new shot there is %+v", e)
	}
}

func TestCuts_atAnInterruption(t *testing.T) {
	items, begins := film(t, 25, "96x72", "seed=1&frames=30", "seed=1&frames=30", "seed=1&frames=30")
	for i := range items {
		f := &items[i].Frame
		if i >= begins[1] {
			f.Epoch = "e2"
		}
		if i >= begins[2] {
			f.Captured = f.Captured.Add(time.Minute)
		}
	}
	step := newCuts(t, nil)
	rows := steptest.Run(t, step, items, nil)
	for i := range rows {
		keys, cuts := 0, 0
		for _, e := range rows[i].Events {
			switch e.Type {
			case result.EventKeyFrame:
				keys++
			case result.EventSceneCut:
				cuts++
			}
		}
		if ends := i == begins[1] || i == begins[2]; cuts != 0 || (keys == 1) != ends {
			t.Errorf("frame %d: %d key frames and %d cuts", i, keys, cuts)
		}
	}
	// Another size is another shot.
	large, _ := film(t, 25, "160x120", "seed=1&frames=20")
	items = items[:30]
	for i := range large {
		it := steptest.Item(30+i, 25, 160, 120, large[i].Frame.Data)
		items = append(items, it)
	}
	if cuts, keys := cutsIn(eventsOf(steptest.Run(t, step, items, nil), step.Name())); !slices.Equal(cuts, []int{30}) || len(keys) != 1 {
		t.Errorf("cuts %v, key frames %v", cuts, keys)
	}
}

func TestCuts_whenTheClockIsSetBack(t *testing.T) {
	const quiet = "&frames=30&noise=1&objects=3&moved=0-1000:"
	items, begins := film(t, 25, "192x144", "seed=50"+quiet+"1", "seed=51"+quiet+"11", "seed=52"+quiet+"1")
	items = later(later(items, begins[1]-10, -time.Hour), begins[2]+1, -time.Hour) // in a shot, and next to a cut
	step := newCuts(t, nil)
	events := eventsOf(steptest.Check(t, step, items, kindOf(t, "cuts").Bytes), step.Name())
	if cuts, keys := cutsIn(events); !slices.Equal(cuts, begins[1:]) || len(keys) != 2 {
		t.Errorf("cuts %v, want %v; key frames %v", cuts, begins[1:], keys)
	}
	for _, e := range events {
		if e.Value < 0 || e.Value > 2 {
			t.Errorf("%+v", e)
		}
	}
}

func TestCutsKeepsTheContract(t *testing.T) {
	items, _ := film(t, 25, "96x72", "seed=1&frames=14&objects=12", "seed=2&frames=25&switch=6-8:400&ramp=10-20:0", "seed=3&frames=20&moved=0-20:9&covered=3-5")
	for i, it := range items[:8] {
		items = append(items, steptest.Item(len(items), 25, 72, 96, it.Frame.Data))
		if i == 4 {
			items[len(items)-1].Frame.Epoch = "e2"
		}
	}
	small := steptest.Item(len(items), 25, 10, 10, make([]byte, 100))
	items = append(items, small)
	step := newCuts(t, nil)
	if rows := steptest.Check(t, step, items, kindOf(t, "cuts").Bytes); len(eventsOf(rows, step.Name())) < 6 {
		t.Error("hardly anything happened")
	}
}

func kindOf(t testing.TB, name string) sequence.Kind {
	t.Helper()
	for _, k := range sequence.Kinds() {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return sequence.Kind{}
}

// video feeds a sample's frames to a step and returns what it found.
func video(t testing.TB, step sequence.Step, name string) []result.Frame {
	t.Helper()
	path, err := samples.Path(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	fps := v.Get(gocv.VideoCaptureFPS)
	a, err := sequence.NewAnalyzer([]sequence.Step{step}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer c.Close()
	img := gocv.NewMat()
	defer img.Close()
	var rows []result.Frame
	for n := 0; v.Read(&img) && !img.Empty(); n++ {
		it := steptest.Item(n, fps, img.Cols(), img.Rows(), img.ToBytes())
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, it.Result)
	}
	return rows
}

// The true cuts of Megamind.avi, looked at frame by frame. Its first frame is black.
// vtest.avi is one shot; so is tree.avi, with a moving camera.
func TestCuts_ofFilms(t *testing.T) {
	for _, c := range []struct {
		film string
		want []int
	}{{"Megamind.avi", []int{98, 154, 200}}, {"vtest.avi", nil}, {"tree.avi", nil}} {
		t.Run(c.film, func(t *testing.T) {
			t.Parallel()
			step := newCuts(t, nil)
			rows := video(t, step, c.film)
			events := eventsOf(rows, step.Name())
			if os.Getenv("SHOW") != "" {
				for _, e := range events {
					t.Logf("%s %d %.3f %s", e.Type, e.Snapshot-first, e.Value, e.Detail)
				}
			}
			cuts, keys := cutsIn(events)
			if !slices.Equal(cuts, c.want) {
				t.Errorf("cuts at %v, want %v", cuts, c.want)
			}
			if len(keys) != len(c.want) {
				t.Errorf("key frames %v", keys)
			}
		})
	}
}

func TestCutsConfig_Validate(t *testing.T) {
	if err := steps.DefaultCuts().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*steps.CutsConfig){
		"threshold above one":               func(c *steps.CutsConfig) { c.Threshold = 1.5 },
		"flash longer than a shot":          func(c *steps.CutsConfig) { c.Flash = c.Shortest + 1 },
		"a black that is no gray level":     func(c *steps.CutsConfig) { c.Black = 300 },
		"a motion that is no part of whole": func(c *steps.CutsConfig) { c.Motion = -1 },
	} {
		cfg := steps.DefaultCuts()
		change(&cfg)
		if _, err := steps.NewCuts(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// restored feeds a state to a step, and if it is taken, frames to the memory.
func restored(t *testing.T, step sequence.Step, saved []byte) {
	m, err := step.Restore(saved)
	if err != nil {
		return
	}
	defer m.Close()
	m.Save()
	a, err := sequence.NewAnalyzer([]sequence.Step{&from{step, saved}}, 0, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer c.Close()
	for i := range 3 {
		pix := make([]byte, 48*36)
		for j := range pix {
			pix[j] = byte(j * j * (i + 1) / 7)
		}
		it := steptest.Item(i, 10, 48, 36, pix)
		it.Frame.Encoding = frame.Raw
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
	}
}

// from is a step that begins with a saved state.
type from struct {
	sequence.Step
	saved []byte
}

func (s *from) Start() sequence.Memory {
	m, err := s.Restore(s.saved)
	if err != nil {
		panic(err)
	}
	return m
}

// states are those that a step saves while it looks at items.
func states(t testing.TB, step sequence.Step, items []element.Item) (all [][]byte) {
	t.Helper()
	keep := &keeper{Step: step, keep: func(b []byte) { all = append(all, b) }}
	steptest.Run(t, keep, items, func(_ int, _ *sequence.Analyzer, c *sequence.Camera) *sequence.Camera {
		if _, err := c.Save(); err != nil {
			t.Fatal(err)
		}
		return c
	})
	slices.SortFunc(all, func(a, b []byte) int { return cmp.Compare(len(a), len(b)) })
	return all
}

type keeper struct {
	sequence.Step
	keep func([]byte)
}

func (k *keeper) Start() sequence.Memory { return &keptMemory{k.Step.Start(), k} }

type keptMemory struct {
	sequence.Memory
	k *keeper
}

func (m *keptMemory) Save() []byte {
	b := m.Memory.Save()
	m.k.keep(b)
	return b
}

func FuzzCutsRestore(f *testing.F) {
	step := newCuts(f, nil)
	items, _ := film(f, 25, "48x36", "seed=1&frames=10", "seed=2&frames=10&covered=5-8")
	for i, b := range states(f, step, items) {
		if i%7 == 0 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, saved []byte) { restored(t, step, saved) })
}

func BenchmarkCuts(b *testing.B) { benchmark(b, newCuts(b, nil)) }

package steps_test

import (
	"fmt"
	"image"
	"slices"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

func newHealth(t testing.TB, change func(*steps.HealthConfig)) sequence.Step {
	t.Helper()
	cfg := steps.DefaultHealth()
	if change != nil {
		change(&cfg)
	}
	s, err := steps.NewHealth(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// watch runs a scene through a step as the stage does. A lost signal comes back in a
// new epoch, as a camera that is opened anew.
func watch(t testing.TB, step sequence.Step, text string) score.HealthRun {
	t.Helper()
	s, err := scene.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := sequence.NewAnalyzer([]sequence.Step{step}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := a.Start()
	defer c.Close()
	run := score.HealthRun{FPS: s.FPS(), Truth: make([]scene.Truth, s.Frames()), Events: make([][]result.Event, s.Frames())}
	for i := range s.Frames() {
		bgr, truth := s.Frame(i)
		if run.Truth[i] = truth; truth.Dropped {
			continue
		}
		it := steptest.Item(i, s.FPS(), s.Size().X, s.Size().Y, bgr)
		it.Frame.Epoch = fmt.Sprint("e", truth.Epoch)
		if err := c.Next(&it); err != nil {
			t.Fatal(err)
		}
		run.Events[i] = eventsOf([]result.Frame{it.Result}, step.Name())
	}
	return run
}

func report(t testing.TB, run score.HealthRun) {
	t.Helper()
	for i, events := range run.Events {
		for _, e := range events {
			t.Logf("frame %d: %s %s %.2f %s", i, e.Type, e.Transition, e.Value, e.Detail)
		}
	}
}

// everyFault has every fault that the scene generator has, for four seconds each,
// between them all that is none, and always time to recover.
const everyFault = "&fps=10&frames=1000" +
	"&blurred=150-190&covered=210-250&moved=270-310:32&infrared=330-370&switch=390-420:40&switch=440-480:10&switch=500-540:400" +
	"&frozen=560-600&lost=620-660&cloud=680-740:35&blurred=760-800:4&moved=820-860:20&covered=880-920&dropped=930-932&ramp=940-990:50"

func TestHealth_findsEveryFaultWithinTwoSeconds(t *testing.T) {
	for _, text := range []string{"size=160x120&seed=1&noise=1&objects=5", "size=160x120&seed=2&noise=8&objects=0", "size=192x108&seed=3&noise=3&objects=6"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			run := watch(t, newHealth(t, nil), text+everyFault)
			for _, h := range score.ScoreHealth(run) {
				if h.Found != h.Faults || h.Late+h.Missed+h.Invented+h.Stuck != 0 || h.Faults == 0 && h.Event != result.EventMissingRate {
					t.Errorf("%+v", h)
				}
			}
			if t.Failed() {
				report(t, run)
			}
		})
	}
}

// Ten minutes of each, with all that happens before a camera that is well.
func TestHealth_inventsNothingInTenMinutes(t *testing.T) {
	if testing.Short() {
		t.Skip()
	}
	for _, text := range []string{
		"seed=103&noise=1&objects=8&cloud=300-700:35&ramp=1000-1400:40",
		"seed=12&noise=8&objects=0&cloud=300-700:35&ramp=1000-1400:40&cloud=2000-2040:60",
		"seed=13&noise=3&objects=5&switch=500-800:40&switch=1300-1500:150&infrared=1800-2300&infrared=2500-2510",
		"seed=14&noise=8&objects=12&switch=400-410:40&switch=500-510:150&infrared=700-1500&switch=2000-2600:60",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			run := watch(t, newHealth(t, nil), "size=96x72&fps=5&frames=3000&"+text)
			for _, events := range run.Events {
				if len(events) > 0 {
					report(t, run)
					t.FailNow()
				}
			}
		})
	}
}

// vtest.avi shows people before a camera that is well. Megamind.avi is no camera:
// whenever it cuts, another scene is seen; nothing else is wrong with it.
func TestHealth_ofRealVideo(t *testing.T) {
	for _, name := range []string{"vtest.avi", "Megamind.avi", "tree.avi"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := newHealth(t, nil)
			for _, e := range eventsOf(video(t, step, name), step.Name()) {
				if name != "Megamind.avi" || e.Type != result.EventSceneChange {
					t.Errorf("frame %d: %+v", e.Snapshot-first, e)
				}
			}
		})
	}
}

// JPEG takes away much of the noise that tells a live picture from a frozen one.
func TestHealth_ofEncodedPictures(t *testing.T) {
	s, err := scene.Parse("size=160x120&frames=150&noise=1&objects=0&frozen=100-140")
	if err != nil {
		t.Fatal(err)
	}
	var items []element.Item
	for i := range s.Frames() {
		bgr, _ := s.Frame(i)
		m, err := gocv.NewMatFromBytes(120, 160, gocv.MatTypeCV8UC3, bgr)
		if err != nil {
			t.Fatal(err)
		}
		b, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, m, []int{gocv.IMWriteJpegQuality, 80})
		if err != nil {
			t.Fatal(err)
		}
		it := steptest.Item(i, 10, 160, 120, append([]byte(nil), b.GetBytes()...))
		it.Frame.Encoding, it.Frame.Channels = frame.JPEG, 0
		items = append(items, it)
		b.Close()
		m.Close()
	}
	step := newHealth(t, nil)
	events := eventsOf(steptest.Run(t, step, items, nil), step.Name())
	if len(events) != 2 || events[0].Type != result.EventFrozen || events[0].Snapshot != first+115 || events[1].Snapshot != first+140 {
		t.Errorf("%+v", events)
	}
}

func TestHealth_acceptsANewView(t *testing.T) {
	run := watch(t, newHealth(t, func(c *steps.HealthConfig) { c.Moved.Accept = params.Duration(10 * time.Second) }),
		"size=96x72&fps=5&frames=400&noise=2&objects=2&moved=100-300:24")
	var got []string
	for i, events := range run.Events {
		for _, e := range events {
			got = append(got, fmt.Sprintf("%s %s", e.Type, e.Transition))
			if e.Transition == result.End && e.Detail == "accepted as the new normal" && (i < 150 || i > 160 && i < 350 || i > 360) {
				t.Errorf("accepted at frame %d", i)
			}
		}
	}
	// And back is another move, which is accepted too.
	if len(got) != 4 || got[0] != "GlobalSceneChange begin" || got[3] != "GlobalSceneChange end" {
		report(t, run)
	}
}

// still is a frame of a still scene with noise.
func still(t testing.TB, n int, fps float64) element.Item {
	s, err := scene.Parse("size=64x48&objects=0&frames=100000")
	if err != nil {
		t.Fatal(err)
	}
	bgr, _ := s.Frame(n)
	return steptest.Item(n, fps, 64, 48, bgr)
}

func TestHealth_signal(t *testing.T) {
	for _, c := range []struct {
		name  string
		fps   float64
		gap   time.Duration
		epoch bool
		lost  bool
	}{
		{"a short gap", 10, time.Second, false, false},
		{"a long gap", 10, 5 * time.Second, false, true},
		{"so long that the stage speaks of silence", 10, time.Minute, false, true},
		{"a new epoch after a long gap", 10, 5 * time.Second, true, true},
		{"a new epoch at once", 10, 0, true, false},
		{"a camera that is slow always", 0.5, 2 * time.Second, false, false},
		{"a slow camera that is gone", 0.5, 30 * time.Second, false, true},
		{"a film that begins anew", 10, -2 * time.Second, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var items []element.Item
			for i := range 30 {
				it := still(t, i, c.fps)
				if i >= 20 {
					it.Frame.Captured = it.Frame.Captured.Add(c.gap)
					if c.epoch {
						it.Frame.Epoch = "e2"
					}
				}
				items = append(items, it)
			}
			step := newHealth(t, nil)
			rows := steptest.Run(t, step, items, nil)
			events := eventsOf(rows, step.Name())
			if !c.lost {
				if len(events) != 0 {
					t.Errorf("%+v", events)
				}
				return
			}
			if len(events) != 2 || len(eventsOf(rows[20:21], step.Name())) != 2 {
				t.Fatalf("%+v", events)
			}
			want := result.Number(c.gap.Seconds() + 1/c.fps)
			for i, e := range events {
				if e.Type != result.EventSignalLoss || e.Transition != []string{"begin", "end"}[i] || e.Snapshot != int64(first+19+i) || e.Value < want-0.01 || e.Value > want+0.01 {
					t.Errorf("%+v, want %v s", e, want)
				}
			}
		})
	}
}

func TestHealth_framesMissing(t *testing.T) {
	step := newHealth(t, nil)
	var items []element.Item
	for i := range 600 {
		// From 200 to 400 every third is missing; a single one is nothing.
		if i == 100 || i >= 200 && i < 400 && i%3 == 0 {
			continue
		}
		items = append(items, still(t, i, 10))
	}
	events := eventsOf(steptest.Run(t, step, items, nil), step.Name())
	if len(events) != 2 || events[0].Type != result.EventMissingRate || events[0].Transition != result.Begin || events[1].Transition != result.End {
		t.Fatalf("%+v", events)
	}
	if e := events[0]; e.Snapshot < first+200 || e.Snapshot > first+250 || e.Value < 0.1 || e.Value > 0.2 {
		t.Errorf("begins with %+v", e)
	}
	if e := events[1]; e.Snapshot < first+450 || e.Snapshot > first+510 || e.Value < 20 || e.Value > 30 {
		t.Errorf("ends with %+v", e)
	}
}

func TestHealth_looksOnlyForWhatIsAsked(t *testing.T) {
	step := newHealth(t, func(c *steps.HealthConfig) {
		c.Frozen.On, c.Dark.On, c.Bright.On, c.Blurred.On, c.Covered.On, c.Moved.On, c.Signal.On, c.Missing.On = false, false, false, false, false, false, false, false
	})
	run := watch(t, step, "size=96x72&seed=1&noise=1&objects=5&fps=10&frames=700&blurred=100-140&covered=160-200&moved=220-260:20&switch=280-320:10&switch=340-380:400&frozen=400-440&lost=460-500")
	for _, e := range run.Events {
		if len(e) > 0 {
			report(t, run)
			t.FailNow()
		}
	}
}

func TestHealth_aCameraThatIsTurnedWhereThatIsNoFault(t *testing.T) {
	items, _ := film(t, 10, "160x120", "seed=1&frames=200&noise=3&objects=2", "seed=2&frames=900&noise=3&objects=2&blurred=700-760")
	step := newHealth(t, func(c *steps.HealthConfig) { c.Moved.On = false })
	events := eventsOf(steptest.Run(t, step, items, nil), step.Name())
	if len(events) != 2 || events[0].Type != result.EventTooBlurry || events[0].Snapshot < first+900 || events[0].Snapshot > first+920 {
		t.Errorf("%+v", events)
	}
}

func TestHealth_whenTheClockIsSetBack(t *testing.T) {
	items, _ := film(t, 10, "96x72", "seed=1&frames=300&noise=3&switch=150-200:8&frozen=250-290")
	items = later(later(items, 180, -time.Hour), 270, -time.Hour) // while it is dark, and while it is frozen
	step := newHealth(t, nil)
	var got []string
	for _, e := range eventsOf(steptest.Check(t, step, items, kindOf(t, "health").Bytes), step.Name()) {
		got = append(got, e.Type+" "+e.Transition)
		if e.Transition == result.End && (e.Value < 0 || e.Value > 6) {
			t.Errorf("%+v", e)
		}
	}
	if want := []string{"ImageTooDark begin", "ImageTooDark end", "ImageFrozen begin", "ImageFrozen end"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestHealth_ofASizeThatChanges(t *testing.T) {
	var items []element.Item
	for i := range 60 {
		pix, side := make([]byte, 64*48), 64
		if i >= 30 {
			pix, side = make([]byte, 32*48), 32
			for j := range pix {
				pix[j] = byte(100 + (i*j)%7*10)
			}
		}
		items = append(items, steptest.Item(i, 10, side, 48, pix))
	}
	step := newHealth(t, nil)
	events := eventsOf(steptest.Run(t, step, items, nil), step.Name())
	if len(events) != 4 || events[2].Snapshot != first+30 || events[3].Snapshot != first+30 || events[2].Transition != result.End || events[2].Value != 3 {
		t.Errorf("%+v", events)
	}
}

func TestHealthKeepsTheContract(t *testing.T) {
	cfg := func(c *steps.HealthConfig) {
		second := params.Duration(time.Second)
		c.Learn, c.Moved.Accept = second, 2*second
		c.Frozen.After, c.Dark.After, c.Bright.After, c.Blurred.After, c.Covered.After, c.Moved.After = second/2, second/2, second/2, second/2, second/2, second/2
	}
	s, err := scene.Parse("size=96x72&fps=10&frames=200&objects=2&blurred=30-45:2&covered=55-65&moved=80-125:24&switch=140-150:400&frozen=160-170&lost=175-198")
	if err != nil {
		t.Fatal(err)
	}
	var items []element.Item
	for i := range s.Frames() {
		bgr, truth := s.Frame(i)
		if truth.Dropped {
			continue
		}
		items = append(items, steptest.Item(i, 10, 96, 72, bgr))
	}
	items = append(items, steptest.Item(s.Frames(), 10, 10, 10, make([]byte, 100)), steptest.Item(s.Frames()+1, 10, 20, 20, make([]byte, 400)))
	step := newHealth(t, cfg)
	seen := map[string]int{}
	for _, e := range eventsOf(steptest.Check(t, step, items, kindOf(t, "health").Bytes), step.Name()) {
		seen[e.Type]++
	}
	for _, typ := range []string{result.EventFrozen, result.EventTooDark, result.EventTooBright, result.EventTooBlurry, result.EventCovered, result.EventSceneChange, result.EventSignalLoss, result.EventMissingRate} {
		if seen[typ] == 0 {
			t.Errorf("no %s", typ)
		}
	}
}

// The largest numbers that a state can hold still fit.
func TestHealth_stateOfTheWorstPictures(t *testing.T) {
	var items []element.Item
	seed := uint32(1)
	for i := range 4 {
		pix := make([]byte, 640*480)
		for j := range pix {
			seed = seed*1664525 + 1013904223
			pix[j] = byte(int8(seed>>24) >> 7)
		}
		it := steptest.Item(i, 10, 640, 480, pix)
		it.Frame.Sequence = int64(i) << 40
		items = append(items, it)
	}
	for _, name := range []string{"health", "cuts"} {
		step := newHealth(t, nil)
		if name == "cuts" {
			step = newCuts(t, nil)
		}
		steptest.Check(t, step, items, kindOf(t, name).Bytes)
	}
}

func TestHealthConfig_Validate(t *testing.T) {
	if err := steps.DefaultHealth().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*steps.HealthConfig){
		"dark above the mean":         func(c *steps.HealthConfig) { c.Dark.High = c.Dark.Mean - 1 },
		"elsewhere sooner than moved": func(c *steps.HealthConfig) { c.Moved.Elsewhere = c.Moved.After - 1 },
		"no share":                    func(c *steps.HealthConfig) { c.Missing.Share = 0 },
		"a mean that is no level":     func(c *steps.HealthConfig) { c.Bright.Mean = 256 },
		"no time to learn":            func(c *steps.HealthConfig) { c.Learn = 0 },
	} {
		cfg := steps.DefaultHealth()
		change(&cfg)
		if _, err := steps.NewHealth(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzHealthRestore(f *testing.F) {
	step := newHealth(f, func(c *steps.HealthConfig) { c.Learn = params.Duration(time.Second) })
	items, _ := film(f, 10, "48x36", "seed=1&frames=40&covered=15-30&moved=33-40:9")
	for i, b := range states(f, step, items) {
		if i%13 == 0 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, saved []byte) { restored(t, step, saved) })
}

// benchmark measures a step on 640x480 gray pictures beside OpenCV's own reduction,
// histogram and slopes of them, which it does the work of.
func benchmark(b *testing.B, step sequence.Step) {
	pixels.SingleThreaded()
	s, err := scene.Parse("size=640x480&frames=16&objects=5")
	if err != nil {
		b.Fatal(err)
	}
	var items []element.Item
	var mats []gocv.Mat
	for i := range s.Frames() {
		bgr, _ := s.Frame(i)
		it := steptest.Item(i, 10, 640, 480, bgr)
		gray, err := pixels.Gray(&it.Frame)
		if err != nil {
			b.Fatal(err)
		}
		defer gray.Close()
		mats = append(mats, gray)
		items = append(items, it)
	}
	m := step.Start()
	defer m.Close()
	run := func(i int) {
		it := items[i%len(items)]
		it.Frame.Captured = steptest.Begin.Add(time.Duration(i) * 100 * time.Millisecond)
		in := &given{&it.Frame, mats[i%len(mats)]}
		if err := m.Next(in, &it.Result); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 100 {
		run(i)
	}
	bare, n := time.Duration(0), 0
	for b.Loop() {
		b.StopTimer()
		begin := time.Now()
		bareCalls(mats[n%len(mats)])
		bare += time.Since(begin)
		b.StartTimer()
		run(100 + n)
		n++
	}
	b.ReportMetric(float64(b.Elapsed())/float64(bare), "x-bare")
}

func bareCalls(gray gocv.Mat) {
	small, x, y, hist, mask, cells := gocv.NewMat(), gocv.NewMat(), gocv.NewMat(), gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
	gocv.Resize(gray, &small, image.Pt(320, 240), 0, 0, gocv.InterpolationArea)
	gocv.Resize(small, &cells, image.Pt(pixels.SurveyColumns, pixels.SurveyRows), 0, 0, gocv.InterpolationArea)
	gocv.Sobel(small, &x, gocv.MatTypeCV16S, 1, 0, 1, 1, 0, gocv.BorderDefault)
	gocv.Sobel(small, &y, gocv.MatTypeCV16S, 0, 1, 1, 1, 0, gocv.BorderDefault)
	_ = x.Sum()
	_ = y.Sum()
	gocv.CalcHist([]gocv.Mat{small}, []int{0}, mask, &hist, []int{256}, []float64{0, 256}, false)
	for _, m := range []gocv.Mat{small, x, y, hist, mask, cells} {
		m.Close()
	}
}

type given struct {
	f    *frame.Frame
	gray gocv.Mat
}

func (g *given) Frame() *frame.Frame      { return g.f }
func (g *given) Gray() (gocv.Mat, error)  { return g.gray, nil }
func (g *given) Color() (gocv.Mat, error) { return g.gray, nil }

func BenchmarkHealth(b *testing.B) { benchmark(b, newHealth(b, nil)) }

// change is what a collector says of the source of steptest's camera, before frame n.
func change(n int, fps float64, state frame.SourceState) element.Item {
	at := steptest.Begin.Add(time.Duration(float64(n) / fps * float64(time.Second)))
	it := element.Item{Result: result.Frame{Topic: "frames", Offset: 90_000 + int64(n), Camera: "cam"}}
	it.Result.DescribeSource(&frame.SourceChange{State: state, At: at, Reason: "no answer", Sequence: -1})
	return it
}

func TestHealth_signalLossBeginsWhenTheCollectorSaysSo(t *testing.T) {
	frames := func(from, to int) (items []element.Item) {
		for i := from; i < to; i++ {
			items = append(items, still(t, i, 10))
		}
		return items
	}
	for name, c := range map[string]struct {
		items []element.Item
		want  []string
	}{
		"lost, and back": {
			slices.Concat(frames(0, 20), []element.Item{change(25, 10, frame.SourceLost)}, frames(500, 501), []element.Item{change(500, 10, frame.SourceBack)}, frames(501, 520)),
			[]string{"90025 begin 0.6 of 119", "600 end 48.1 of 600"},
		},
		"for a moment only": {
			slices.Concat(frames(0, 20), []element.Item{change(20, 10, frame.SourceLost)}, frames(22, 30)),
			[]string{"90020 begin 0.1 of 119", "122 end 0.3 of 122"},
		},
		"never seen": {
			slices.Concat([]element.Item{change(0, 10, frame.SourceLost)}, frames(50, 60)),
			[]string{"90000 begin 0.0 of 90000", "150 end 5.0 of 150"},
		},
		"said twice, and the first frame is gone": {
			slices.Concat(frames(0, 20), []element.Item{change(20, 10, frame.SourceLost), change(30, 10, frame.SourceLost), change(40, 10, frame.SourceBack)}, frames(41, 50)),
			[]string{"90020 begin 0.1 of 119", "90040 end 2.1 of 119"},
		},
		// What it does not tell of as lost is found by its length, as ever.
		"stopped": {
			slices.Concat(frames(0, 20), []element.Item{change(20, 10, frame.SourceStopped)}, frames(100, 101), []element.Item{change(100, 10, frame.SourceStarted)}, frames(101, 110)),
			[]string{"200 begin 8.1 of 119", "200 end 8.1 of 200"},
		},
	} {
		step := newHealth(t, nil)
		var got []string
		for _, r := range steptest.Check(t, step, c.items, kindOf(t, "health").Bytes) {
			for _, e := range r.Events {
				if e.Type == result.EventSignalLoss {
					got = append(got, fmt.Sprintf("%d %s %.1f of %d", r.Offset, e.Transition, e.Value, e.Snapshot))
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	off := newHealth(t, func(c *steps.HealthConfig) { c.Signal.On = false })
	for _, r := range steptest.Run(t, off, slices.Concat(frames(0, 20), []element.Item{change(25, 10, frame.SourceLost)}, frames(500, 501)), nil) {
		for _, e := range r.Events {
			if e.Type == result.EventSignalLoss {
				t.Errorf("%+v, though it is not looked for", e)
			}
		}
	}
}

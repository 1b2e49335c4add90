package steps_test

import (
	"encoding/json"
	"fmt"
	"image"
	"math"
	"strings"
	"testing"
	"time"

	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/testdata/samples"
	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/testdata/score"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/sequence/steps"
	"github.com/framebeam/framebeam/transforms/sequence/steptest"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

const backgroundBytes = 80 << 10

func sceneOf(t testing.TB, text string) *scene.Scene {
	t.Helper()
	s, err := scene.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newBackground(t testing.TB, change func(*steps.BackgroundConfig)) sequence.Step {
	t.Helper()
	cfg := steps.DefaultBackground()
	if change != nil {
		change(&cfg)
	}
	s, err := steps.NewBackground(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// itemsOf are the frames of a scene.
func itemsOf(s *scene.Scene) []element.Item {
	var items []element.Item
	for i := range s.Frames() {
		bgr, _ := s.Frame(i)
		items = append(items, steptest.Item(i, s.FPS(), s.Size().X, s.Size().Y, bgr))
	}
	return items
}

func TestBackgroundFindsTheObjectsOfScenes(t *testing.T) {
	for _, c := range []struct {
		name, scene string
		f1          float64
	}{
		{"few objects", "objects=2&noise=3", 0.97},
		{"many objects that hide each other", "objects=5&noise=3", 0.9},
		{"noise", "objects=2&noise=8", 0.95},
		{"changes of light", "objects=3&noise=3&ramp=60-90:50&switch=110-140:60", 0.9},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all score.Boxes
			for seed := 1; seed <= 2; seed++ {
				s := sceneOf(t, fmt.Sprintf("size=160x120&frames=160&seed=%d&%s", seed, c.scene))
				b, err := score.OfBoxes(newBackground(t, nil), s, score.DefaultRules(), 3*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				all = all.Plus(*b)
			}
			if t.Log(&all); all.F1() < c.f1 || all.IoU() < 0.85 || all.Hits < 100 {
				t.Errorf("want F1 of at least %v and a mean IoU of 0.85", c.f1)
			}
		})
	}
}

func TestBackgroundInventsNothingWhenOnlyTheLightChanges(t *testing.T) {
	for _, faults := range []string{
		"noise=3", "noise=8", "switch=40-70:40", "switch=40-70:20", "switch=40-70:0", "switch=40-70:400", "switch=40-41:150",
		"ramp=40-80:40", "ramp=40-50:300", "ramp=30-100:250&noise=8", "switch=40-70:40&noise=8", "switch=40-70:70&switch=75-78:30",
		"infrared=40-70&noise=3", "infrared=40-70&noise=8", "cloud=30-80:60&noise=3", "cloud=30-80:70",
	} {
		t.Run(faults, func(t *testing.T) {
			rows, _, err := score.Play(sceneOf(t, "size=160x120&objects=0&frames=100&"+faults), newBackground(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range rows {
				if len(r.Detections) > 0 {
					t.Fatalf("frame %d: %+v", i, r.Detections)
				}
			}
		})
	}
}

// A switch blinds for a second at most: then objects are found as before.
func TestBackgroundIsBlindForAtMostASecondAfterASwitch(t *testing.T) {
	s := sceneOf(t, "size=160x120&frames=100&seed=3&switch=50-100:400")
	rows, truths, err := score.Play(s, newBackground(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	var blind int
	for i := 50; i < 75; i++ {
		if len(score.DefaultRules().Of(truths[i], s.Size()).Wanted) > 0 && len(rows[i].Detections) == 0 {
			blind++
		}
	}
	if blind == 0 || blind > 11 {
		t.Errorf("blind for %d frames of 10 a second", blind)
	}
}

func TestBackgroundKeepsTheContract(t *testing.T) {
	s := sceneOf(t, "size=96x72&frames=45&objects=4&switch=30-45:400")
	step := newBackground(t, func(c *steps.BackgroundConfig) {
		c.WarmUp = params.Duration(time.Second)
		c.Absorb = params.Duration(2 * time.Second)
	})
	found := 0
	for _, r := range steptest.Check(t, step, itemsOf(s), backgroundBytes) {
		found += len(r.Detections)
	}
	if found < 30 {
		t.Errorf("only %d objects: this proves little", found)
	}
}

// blockAt is a gray frame with a bright block.
func blockAt(n int, seconds float64, block image.Rectangle, level byte) element.Item {
	const w, h = 96, 72
	p := make([]byte, w*h)
	for i := range p {
		p[i] = byte(90 + i%w/4 + (i*7919)%5)
		if image.Pt(i%w, i/w).In(block) {
			p[i] = level
		}
	}
	it := steptest.Item(n, 1, w, h, p)
	it.Frame.Captured = steptest.Begin.Add(time.Duration(seconds * float64(time.Second)))
	it.Result.Describe(&it.Frame)
	return it
}

// How long it takes until what rests is background is a matter of time, not of frames.
func TestBackgroundAbsorbsWhatRests(t *testing.T) {
	for _, absorb := range []float64{6, 60, 300} {
		for _, fps := range []float64{0.5, 2, 12.5} {
			if absorb*fps > 1000 {
				continue
			}
			begins := max(4, 7/fps) // the model needs some frames
			step := newBackground(t, func(c *steps.BackgroundConfig) { c.Absorb = params.Duration(absorb * float64(time.Second)) })
			block := image.Rect(40, 30, 60, 50)
			var items []element.Item
			for n := range int(fps * (absorb*1.3 + begins + 4)) {
				at := float64(n) / fps
				if at < begins {
					items = append(items, blockAt(n, at, image.Rectangle{}, 0))
				} else {
					items = append(items, blockAt(n, at, block, 200))
				}
			}
			begin, end := -1., -1.
			for _, r := range steptest.Run(t, step, items, nil) {
				if at := time.UnixMicro(r.Captured).Sub(steptest.Begin).Seconds(); len(r.Detections) > 0 {
					if begin < 0 {
						begin = at
					}
					end = at
				}
			}
			if begin < 0 || begin > begins+1/fps || end-begin < absorb*0.85-1/fps || end-begin > absorb*1.15+1/fps {
				t.Errorf("at %v frames a second what rests is an object from second %v to %v, want %v seconds from %v on", fps, begin, end, absorb, begins)
			}
		}
	}
}

// An object that was there from the start leaves a place that was never seen.
func TestBackgroundTakesInWhatIsUncovered(t *testing.T) {
	var items []element.Item
	for n := range 80 {
		block := image.Rect(40, 30, 60, 50)
		if n >= 40 {
			block = image.Rectangle{}
		}
		items = append(items, blockAt(n, float64(n)/10, block, 200))
	}
	for i, r := range steptest.Run(t, newBackground(t, nil), items, nil) {
		if len(r.Detections) > 0 {
			t.Errorf("frame %d: the place that was left is an object: %+v", i, r.Detections)
		}
	}
}

func TestBackgroundLooksWhereItIsTold(t *testing.T) {
	left := [][]geometry.Position{{{0, 0}, {0.5, 0}, {0.5, 1}, {0, 1}}}
	items := func(b image.Rectangle) []element.Item {
		var items []element.Item
		for n := range 40 {
			if n < 30 {
				items = append(items, blockAt(n, float64(n)/10, image.Rectangle{}, 0))
			} else {
				items = append(items, blockAt(n, float64(n)/10, b, 200))
			}
		}
		return items
	}
	inLeft, inRight, inBoth := image.Rect(10, 20, 25, 40), image.Rect(60, 20, 75, 40), image.Rect(40, 20, 70, 40)
	for _, c := range []struct {
		name   string
		change func(*steps.BackgroundConfig)
		block  image.Rectangle
		want   image.Rectangle
	}{
		{"everywhere", nil, inRight, inRight},
		{"within, inside", func(c *steps.BackgroundConfig) { c.Within = left }, inLeft, inLeft},
		{"within, outside", func(c *steps.BackgroundConfig) { c.Within = left }, inRight, image.Rectangle{}},
		{"within, with less than half of it", func(c *steps.BackgroundConfig) { c.Within = left }, inBoth, image.Rectangle{}},
		{"ignore", func(c *steps.BackgroundConfig) { c.Ignore = left }, inLeft, image.Rectangle{}},
		{"ignore elsewhere", func(c *steps.BackgroundConfig) { c.Ignore = left }, inRight, inRight},
		{"too small", func(c *steps.BackgroundConfig) { c.MinArea = 0.1 }, inRight, image.Rectangle{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := steptest.Run(t, newBackground(t, c.change), items(c.block), nil)
			found := score.Found(rows[35], "background")
			if c.want.Empty() {
				if len(found) != 0 {
					t.Fatalf("found %v", found)
				}
				return
			}
			if len(found) != 1 || score.IoU(found[0], c.want) < 0.9 {
				t.Errorf("found %v, want %v", found, c.want)
			}
			d := rows[35].Detections[0]
			if d.Label != "object" || d.Score <= 0.5 || d.Score > 1 || math.Abs(d.Area-float64(c.want.Dx()*c.want.Dy())) > 60 {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestBackgroundStartsAnewAtAnInterruption(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*element.Item)
		anew   bool
	}{
		{"no interruption", func(*element.Item) {}, false},
		{"missing frames", func(it *element.Item) { it.Frame.Sequence += 3 }, false},
		{"a new epoch", func(it *element.Item) { it.Frame.Epoch = "e2" }, true},
		{"a silence", func(it *element.Item) { it.Frame.Captured = it.Frame.Captured.Add(time.Minute) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var items []element.Item
			for n := range 50 {
				block := image.Rectangle{}
				if n >= 40 {
					block = image.Rect(40, 30, 60, 50)
				}
				items = append(items, blockAt(n, float64(n)/10, block, 200))
			}
			for i := 40; i < 50; i++ {
				c.change(&items[i])
			}
			rows := steptest.Run(t, newBackground(t, nil), items, nil)
			if found := len(rows[45].Detections) > 0; found == c.anew {
				t.Errorf("found %t", found)
			}
		})
	}
}

// Whatever the frames show and whatever their size and times, the state has its size.
func TestBackgroundIsBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		step := newBackground(t, func(c *steps.BackgroundConfig) { c.WarmUp = params.Duration(100 * time.Millisecond) })
		m := step.Start()
		defer func() { m.Close() }()
		size := rapid.Custom(func(rt *rapid.T) image.Point {
			return image.Pt(rapid.IntRange(1, 400).Draw(rt, "width"), rapid.IntRange(1, 300).Draw(rt, "height"))
		})
		at := image.Pt(0, 0)
		captured := steptest.Begin
		for i := range rapid.IntRange(1, 15).Draw(rt, "frames") {
			if i == 0 || rapid.IntRange(0, 9).Draw(rt, "resize") == 0 {
				at = size.Draw(rt, "size")
			}
			seed := rapid.Uint32().Draw(rt, "seed")
			shift := rapid.IntRange(16, 31).Draw(rt, "noise")
			p := make([]byte, at.X*at.Y)
			for j := range p {
				seed = seed*1664525 + 1013904223
				p[j] = byte(seed >> shift)
			}
			captured = captured.Add(time.Duration(rapid.Int64Range(-1e9, 1e10).Draw(rt, "after")))
			f := frame.Frame{Width: at.X, Height: at.Y, Channels: 1, Encoding: frame.Raw, Data: p, Captured: captured}
			show(rt, m, &f)
			saved := m.Save()
			if len(saved) > backgroundBytes {
				rt.Fatalf("%d bytes for %v", len(saved), at)
			}
			m.Close()
			var err error
			if m, err = step.Restore(saved); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// grayInput is a gray frame as a step sees it.
type grayInput struct {
	frame *frame.Frame
	gray  gocv.Mat
}

func (in grayInput) Frame() *frame.Frame     { return in.frame }
func (in grayInput) Gray() (gocv.Mat, error) { return in.gray, nil }
func (in grayInput) Color() (gocv.Mat, error) {
	return gocv.Mat{}, fmt.Errorf("no colour was promised")
}

func show(t interface{ Fatal(...any) }, m sequence.Memory, f *frame.Frame) result.Frame {
	gray, err := gocv.NewMatFromBytes(f.Height, f.Width, gocv.MatTypeCV8UC1, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer gray.Close()
	var out result.Frame
	if err := m.Next(grayInput{f, gray}, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBackgroundConfigNamesEveryViolation(t *testing.T) {
	_, err := steps.NewBackground(steps.BackgroundConfig{
		Contrast: 1, MinArea: math.NaN(), Merge: 1, Absorb: 0, Learn: 0, WarmUp: 0, Global: 2, Texture: -1,
		Ignore: [][]geometry.Position{{{0, 0}, {1, 1}}}, Within: [][]geometry.Position{{{0, 0}, {2, 1}, {1, 0}}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range []string{"contrast", "min_area", "merge", "absorb", "learn", "warm_up", "global", "texture", "ignore/0", "within/0/1/0"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %s", err, word)
		}
	}
}

func TestBackgroundIsMadeFromItsParameters(t *testing.T) {
	s, err := sequence.Make(params.Spec{Kind: "background", Name: "background", Params: json.RawMessage(`{"contrast": 20, "ignore": [[[0,0],[1,0],[1,1]]]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if s.Digest() == newBackground(t, nil).Digest() {
		t.Error("other parameters have the same digest")
	}
}

func FuzzBackgroundRestore(f *testing.F) {
	step := newBackground(f, func(c *steps.BackgroundConfig) { c.WarmUp = params.Duration(100 * time.Millisecond) })
	m := step.Start()
	f.Add(m.Save())
	next := blockAt(8, 0.8, image.Rect(40, 30, 60, 50), 200).Frame
	for n := range 8 {
		fr := blockAt(n, float64(n)/10, image.Rectangle{}, 0).Frame
		show(f, m, &fr)
		f.Add(m.Save())
	}
	show(f, m, &next)
	f.Add(m.Save())
	f.Fuzz(func(t *testing.T, saved []byte) {
		m, err := step.Restore(saved)
		if err != nil {
			return
		}
		defer m.Close()
		show(t, m, &next)
		show(t, m, &next)
	})
}

// On real video there is no truth here, but there are people in every frame.
func TestBackgroundOnRealVideo(t *testing.T) {
	path, err := samples.Path("vtest.avi")
	if err != nil {
		t.Fatal(err)
	}
	video, err := gocv.VideoCaptureFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	step := newBackground(t, nil)
	m := step.Start()
	defer m.Close()
	bgr, gray := gocv.NewMat(), gocv.NewMat()
	defer bgr.Close()
	defer gray.Close()
	found, upright := 0, 0
	for i := range 150 {
		if !video.Read(&bgr) {
			t.Fatalf("only %d frames", i)
		}
		gocv.CvtColor(bgr, &gray, gocv.ColorBGRToGray)
		f := frame.Frame{Width: gray.Cols(), Height: gray.Rows(), Captured: steptest.Begin.Add(time.Duration(i) * time.Second / 7)}
		var out result.Frame
		if err := m.Next(grayInput{&f, gray}, &out); err != nil {
			t.Fatal(err)
		}
		for _, d := range out.Detections {
			if found++; d.Height > d.Width {
				upright++
			}
		}
	}
	if perFrame := float64(found) / 135; perFrame < 3 || perFrame > 9 || upright*10 < found*7 {
		t.Errorf("%.1f objects a frame, %d of %d upright", perFrame, upright, found)
	}
}

// grayFrames are sixty pictures of a scene, in gray.
func grayFrames(b *testing.B) []gocv.Mat {
	s := sceneOf(b, "size=640x480&frames=60&objects=5")
	var grays []gocv.Mat
	for i := range s.Frames() {
		bgr, _ := s.Frame(i)
		color, err := gocv.NewMatFromBytes(480, 640, gocv.MatTypeCV8UC3, bgr)
		if err != nil {
			b.Fatal(err)
		}
		gray := gocv.NewMat()
		b.Cleanup(func() { gray.Close() })
		gocv.CvtColor(color, &gray, gocv.ColorBGRToGray)
		color.Close()
		grays = append(grays, gray)
	}
	return grays
}

// inTurns adds the times of both: who comes first finds the picture outside of the cache.
func inTurns(i int, ours *time.Duration, step func(), theirs *time.Duration, bare func()) {
	timed := func(sum *time.Duration, do func()) {
		t0 := time.Now()
		do()
		*sum += time.Since(t0)
	}
	if i%2 == 0 {
		timed(ours, step)
		timed(theirs, bare)
	} else {
		timed(theirs, bare)
		timed(ours, step)
	}
}

// The bare calls are what one would write with OpenCV on the reduced picture, and
// MOG2 what one would use instead.
func BenchmarkBackground(b *testing.B) {
	grays := grayFrames(b)
	m := newBackground(b, nil).Start()
	defer m.Close()
	mog := gocv.NewBackgroundSubtractorMOG2()
	defer mog.Close()
	small, model, mask, labels := gocv.NewMat(), gocv.NewMat(), gocv.NewMat(), gocv.NewMat()
	defer small.Close()
	defer model.Close()
	defer mask.Close()
	defer labels.Close()
	bare := func(gray gocv.Mat) {
		gocv.Resize(gray, &small, image.Pt(107, 80), 0, 0, gocv.InterpolationArea)
		if model.Empty() {
			small.CopyTo(&model)
		}
		gocv.AbsDiff(small, model, &mask)
		gocv.AddWeighted(model, 0.95, small, 0.05, 0, &model)
		gocv.Threshold(mask, &mask, 14, 255, gocv.ThresholdBinary)
		gocv.ConnectedComponents(mask, &labels)
	}
	var ours, theirs, mogs time.Duration
	i := 0
	for b.Loop() {
		gray := grays[i%len(grays)]
		f := frame.Frame{Width: 640, Height: 480, Captured: steptest.Begin.Add(time.Duration(i) * time.Second / 10)}
		inTurns(i, &ours, func() {
			var out result.Frame
			if err := m.Next(grayInput{&f, gray}, &out); err != nil {
				b.Fatal(err)
			}
		}, &theirs, func() { bare(gray) })
		t0 := time.Now()
		mog.Apply(gray, &mask)
		mogs += time.Since(t0)
		i++
	}
	b.ReportMetric(ours.Seconds()*1e6/float64(i), "us/frame")
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
	b.ReportMetric(float64(ours)/float64(mogs), "x-mog2")
	b.ReportMetric(float64(len(m.Save())), "state-bytes")
}

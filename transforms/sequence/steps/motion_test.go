package steps

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocv.io/x/gocv"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
	"github.com/framebeam/framebeam/transforms/vision/pixels"
)

// grayFrame is a raw frame with a square of 200 at x, y on a slope, and noise
// of the given strength.
func grayFrame(w, h, x, y, side, noise int, seed uint32) frame.Frame {
	data := make([]byte, w*h)
	for i := range data {
		px, py := i%w, i/w
		v := 40 + px%64
		if px >= x && px < x+side && py >= y && py < y+side {
			v = 200
		}
		seed = seed*1664525 + 1013904223
		if noise > 0 {
			v += int(seed>>16) % noise
		}
		data[i] = byte(v)
	}
	return frame.Frame{Camera: "gate", Width: w, Height: h, Channels: 1, Encoding: frame.Raw, Data: data}
}

func encoded(t testing.TB, f frame.Frame, ext gocv.FileExt, enc frame.Encoding) frame.Frame {
	t.Helper()
	m, err := gocv.NewMatFromBytes(f.Height, f.Width, gocv.MatTypeCV8UC1, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	b, err := gocv.IMEncode(ext, m)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	f.Encoding, f.Channels, f.Data = enc, 0, bytes.Clone(b.GetBytes())
	return f
}

func newMotion(t testing.TB, change func(*MotionConfig)) sequence.Step {
	t.Helper()
	cfg := DefaultMotion()
	if change != nil {
		change(&cfg)
	}
	s, err := NewMotion(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOfMoreBoxesThanAnybodyReadsTheLargestAreGiven(t *testing.T) {
	m := newMotion(t, func(c *MotionConfig) { c.Blur, c.MinArea = 1, 0 }).Start()
	defer m.Close()
	const w, h = 640, 480
	flat := frame.Frame{Camera: "gate", Width: w, Height: h, Channels: 1, Encoding: frame.Raw, Data: make([]byte, w*h)}
	dots := flat
	dots.Data = make([]byte, w*h)
	for i := range dots.Data {
		// The dots of the lower half are wider.
		if x, y := i%w, i/w; y%4 < 2 && x%4 < 2+y/240 {
			dots.Data[i] = 255
		}
	}
	look(t, m, flat)
	out := look(t, m, dots)
	const all = w / 4 * h / 4
	if len(out.Events) != 1 || out.Events[0].Type != result.EventMotionSkipped || out.Events[0].Detail != "the 10000 largest of 19200 boxes are given" {
		t.Errorf("events %+v of %d boxes", out.Events, all)
	}
	wide := 0
	for i, d := range out.Detections {
		if d.Width == 3 {
			wide++
		}
		if i > 0 && (d.Y < out.Detections[i-1].Y || d.Y == out.Detections[i-1].Y && d.X <= out.Detections[i-1].X) {
			t.Fatalf("box %d is out of order", i)
		}
	}
	if len(out.Detections) != mostBoxes || wide != all/2 {
		t.Errorf("%d boxes, of which %d of the larger ones", len(out.Detections), wide)
	}
}

func TestMotionFindsWhatMoved(t *testing.T) {
	m := newMotion(t, nil).Start()
	defer m.Close()
	if out := look(t, m, grayFrame(160, 120, 20, 30, 40, 0, 0)); out.Detections != nil || out.Events != nil {
		t.Errorf("a camera's first frame gave %+v", out)
	}
	if out := look(t, m, grayFrame(160, 120, 20, 30, 40, 0, 0)); out.Detections != nil {
		t.Errorf("an unchanged frame gave %+v", out.Detections)
	}
	// The square jumps: where it was and where it is have changed.
	out := look(t, m, grayFrame(160, 120, 90, 10, 40, 0, 0))
	if len(out.Detections) != 2 {
		t.Fatalf("%d detections, want 2: %+v", len(out.Detections), out.Detections)
	}
	for i, want := range [][2]int32{{90, 10}, {20, 30}} { // by y
		d := out.Detections[i]
		if d.Analysis != "motion" || d.Label != "motion" || d.Score != 1 {
			t.Errorf("detection %+v", d)
		}
		// Blurring lets a change reach one pixel further.
		if abs32(d.X-want[0]) > 1 || abs32(d.Y-want[1]) > 1 || abs32(d.Width-40) > 2 || abs32(d.Height-40) > 2 {
			t.Errorf("box %d,%d %dx%d, want about %v 40x40", d.X, d.Y, d.Width, d.Height, want)
		}
		if d.Area < 38*38 || d.Area > 42*42 {
			t.Errorf("area %v", d.Area)
		}
	}
}

func abs32(v int32) int32 { return max(v, -v) }

func TestMotionForgetsAtAnInterruption(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(sequence.Memory)
		next   frame.Frame
		moved  bool
	}{
		{"nothing in between", func(sequence.Memory) {}, grayFrame(160, 120, 90, 10, 40, 0, 0), true},
		{"missing frames", func(m sequence.Memory) { m.Break(sequence.Missing) }, grayFrame(160, 120, 90, 10, 40, 0, 0), true},
		{"a new epoch", func(m sequence.Memory) { m.Break(sequence.NewEpoch) }, grayFrame(160, 120, 90, 10, 40, 0, 0), false},
		{"silence", func(m sequence.Memory) { m.Break(sequence.Silence) }, grayFrame(160, 120, 90, 10, 40, 0, 0), false},
		{"another size", func(sequence.Memory) {}, grayFrame(120, 160, 20, 90, 40, 0, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMotion(t, nil).Start()
			defer m.Close()
			look(t, m, grayFrame(160, 120, 20, 30, 40, 0, 0))
			c.before(m)
			out := look(t, m, c.next)
			if (out.Detections != nil) != c.moved || out.Events != nil {
				t.Errorf("gave %+v %+v", out.Detections, out.Events)
			}
			// Whatever happened, the frame is the previous one from now on.
			if out := look(t, m, c.next); out.Detections != nil {
				t.Errorf("the same frame again gave %+v", out.Detections)
			}
		})
	}
}

func TestMotionSaysWhenTheFrameBeforeWasTooLarge(t *testing.T) {
	step := newMotion(t, func(c *MotionConfig) { c.StateLimit = 4 << 10 })
	m := step.Start()
	defer m.Close()
	small, noise := grayFrame(160, 120, 20, 30, 40, 0, 0), grayFrame(160, 120, 90, 10, 40, 30, 1)
	look(t, m, small)
	if out := look(t, m, noise); out.Detections == nil || out.Events != nil {
		t.Errorf("the large frame itself gave %+v", out)
	}
	out := look(t, m, small)
	if out.Detections != nil || len(out.Events) != 1 || out.Events[0].Type != result.EventMotionSkipped || out.Events[0].Analysis != "motion" {
		t.Errorf("the frame after a large one gave %+v", out)
	}
	if out := look(t, m, noise); out.Detections == nil || out.Events != nil {
		t.Errorf("motion did not go on: %+v", out)
	}
	m.Break(sequence.NewEpoch)
	if out := look(t, m, small); out.Events != nil {
		t.Errorf("the first frame of an epoch misses no other: %+v", out)
	}
}

func TestMotionLeavesTheInputAsItIs(t *testing.T) {
	m := newMotion(t, nil).Start()
	defer m.Close()
	look(t, m, grayFrame(160, 120, 20, 30, 40, 0, 0))
	f := grayFrame(160, 120, 90, 10, 40, 0, 0)
	data := bytes.Clone(f.Data)
	in := &input{frame: &f}
	defer in.close()
	if err := m.Next(in, &result.Frame{}); err != nil {
		t.Fatal(err)
	}
	gray, err := in.Gray()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(gray.ToBytes(), data) || !bytes.Equal(f.Data, data) {
		t.Error("the step changed its input")
	}
}

// The memory that was saved and restored, at any frame and any number of times,
// must be the one that was not.
func TestMotionContinuesAlikeAfterSaveAndRestore(t *testing.T) {
	exts := map[frame.Encoding]gocv.FileExt{frame.JPEG: gocv.JPEGFileExt, frame.PNG: gocv.PNGFileExt}
	rapid.Check(t, func(rt *rapid.T) {
		step := newMotion(t, func(c *MotionConfig) {
			c.StateLimit = rapid.SampledFrom([]int{1 << 10, 3 << 10, 16 << 10}).Draw(rt, "state limit")
			c.Blur = rapid.SampledFrom([]int{1, 3, 5}).Draw(rt, "blur")
			c.MinArea = 10
		})
		straight, restored := step.Start(), step.Start()
		defer straight.Close()
		defer func() { restored.Close() }()
		for i := range rapid.IntRange(2, 12).Draw(rt, "frames") {
			size := rapid.SampledFrom([][2]int{{64, 48}, {64, 48}, {64, 48}, {48, 64}}).Draw(rt, "size")
			f := grayFrame(size[0], size[1], rapid.IntRange(0, 40).Draw(rt, "x"), rapid.IntRange(0, 30).Draw(rt, "y"), 12,
				rapid.SampledFrom([]int{0, 5, 60}).Draw(rt, "noise"), uint32(i))
			if enc := rapid.SampledFrom([]frame.Encoding{frame.Raw, frame.JPEG, frame.PNG}).Draw(rt, "encoding"); enc != frame.Raw {
				f = encoded(t, f, exts[enc], enc)
			}
			if b := rapid.IntRange(0, 9).Draw(rt, "break"); b <= int(sequence.Silence) {
				straight.Break(sequence.Break(b))
				restored.Break(sequence.Break(b))
			}
			want, got := look(rt, straight, f), look(rt, restored, f)
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("frame %d: %s", i, diff)
			}
			if !rapid.Bool().Draw(rt, "restore") {
				continue
			}
			saved := restored.Save()
			if limit := step.(*motion).StateLimit; len(saved) > limit {
				rt.Fatalf("a state of %d bytes, the limit is %d", len(saved), limit)
			}
			restored.Close()
			var err error
			if restored, err = step.Restore(saved); err != nil {
				rt.Fatal(err)
			}
			if !bytes.Equal(restored.Save(), saved) {
				rt.Fatal("a restored memory saves itself otherwise")
			}
		}
	})
}

func TestMotionConfigNamesEveryViolation(t *testing.T) {
	_, err := NewMotion(MotionConfig{Blur: 4, Threshold: 255, MinArea: math.NaN(), StateLimit: 100})
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range []string{"blur", "threshold", "min_area", "state limit"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %s", err, word)
		}
	}
}

func TestMotionIsMadeFromItsParameters(t *testing.T) {
	s, err := sequence.Make(params.Spec{Kind: "motion", Name: "motion", Params: json.RawMessage(`{"threshold": 7}`)})
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultMotion()
	want.Threshold = 7
	if got := s.(*motion).MotionConfig; got != want {
		t.Errorf("made %+v, want %+v", got, want)
	}
	if byDefault := newMotion(t, nil); s.Digest() == byDefault.Digest() {
		t.Error("another threshold has the same digest")
	}
	for _, raw := range []string{`{"treshold": 7}`, `{"blur": 2}`, `[`} {
		if _, err := sequence.Make(params.Spec{Kind: "motion", Name: "motion", Params: json.RawMessage(raw)}); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}

func TestPackedPicturesComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, 70).Draw(rt, "width"), rapid.IntRange(1, 70).Draw(rt, "height")
		f := grayFrame(w, h, 3, 3, 20, rapid.IntRange(0, 200).Draw(rt, "noise"), rapid.Uint32().Draw(rt, "seed"))
		m, err := gocv.NewMatFromBytes(h, w, gocv.MatTypeCV8UC1, f.Data)
		if err != nil {
			rt.Fatal(err)
		}
		defer m.Close()
		packed, err := packGray([]byte("before"), m)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := packGray(nil, m)
		if err != nil || !bytes.Equal(packed, append([]byte("before"), again...)) {
			rt.Fatalf("packed twice, two encodings (%v)", err)
		}
		back, err := unpackGray(again, w, h)
		if err != nil {
			rt.Fatal(err)
		}
		defer back.Close()
		if !bytes.Equal(back.ToBytes(), f.Data) {
			rt.Fatal("other pixels came back")
		}
		if wrong, err := unpackGray(again, w+1, h); err == nil {
			wrong.Close()
			rt.Fatal("unpacked to another size")
		}
	})
}

func FuzzMotionRestore(f *testing.F) {
	step := newMotion(f, nil)
	for _, fr := range []frame.Frame{
		grayFrame(16, 12, 2, 2, 5, 0, 0),
		encoded(f, grayFrame(16, 12, 2, 2, 5, 9, 0), gocv.JPEGFileExt, frame.JPEG),
	} {
		m := step.Start()
		f.Add(m.Save())
		look(f, m, fr)
		f.Add(m.Save())
		m.Close()
	}
	next := grayFrame(16, 12, 8, 2, 5, 0, 0)
	f.Fuzz(func(t *testing.T, saved []byte) {
		m, err := step.Restore(saved)
		if err != nil {
			return
		}
		defer m.Close()
		in := &input{frame: &next}
		defer in.close()
		if _, poison := errors.AsType[*frame.Poison](m.Next(in, &result.Frame{})); poison {
			t.Fatal("a damaged state is called poison")
		}
	})
}

func BenchmarkMotion(b *testing.B) {
	for _, enc := range []frame.Encoding{frame.JPEG, frame.Raw} {
		b.Run(string(enc), func(b *testing.B) {
			step := newMotion(b, nil)
			m := step.Start()
			defer m.Close()
			var frames []frame.Frame
			for i := range 2 {
				f := grayFrame(640, 480, 100+30*i, 100, 60, 12, uint32(i))
				if enc == frame.JPEG {
					f = encoded(b, f, gocv.JPEGFileExt, enc)
				}
				frames = append(frames, f)
			}
			ins := []*input{{frame: &frames[0]}, {frame: &frames[1]}}
			for _, in := range ins {
				defer in.close()
				if _, err := in.Gray(); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			for b.Loop() {
				var out result.Frame
				if err := m.Next(ins[i%2], &out); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(len(m.Save())), "state-bytes")
		})
	}
}

func TestAFrameThatSurelyFitsIsRemembered(t *testing.T) {
	s, err := NewMotion(MotionConfig{Blur: 1, Threshold: 20, MinArea: 1, StateLimit: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 80).Draw(t, "width"), rapid.IntRange(1, 80).Draw(t, "height")
		noise := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		f := &frame.Frame{Width: width, Height: height, Encoding: frame.Raw, Channels: 1, Data: make([]byte, width*height)}
		for i := range f.Data {
			f.Data[i] = byte(noise.Uint32())
		}
		gray, err := pixels.Gray(f)
		if err != nil {
			t.Fatal(err)
		}
		m := &motionMemory{step: s.(*motion)}
		defer m.Close()
		now := m.step.blur(gray)
		gray.Close()
		defer now.Close()
		if err := m.remember(f, now); err != nil {
			t.Fatal(err)
		}
		if size := (sequence.FrameSize{Width: width, Height: height, Bytes: int64(len(f.Data)), Raw: true}); m.step.fits(size) && m.kept == keptTooLarge {
			t.Errorf("%dx%d was to fit, and takes %d bytes", width, height, m.packedSize)
		}
	})
}

package scene_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/testdata/scene"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden file")

func parse(t testing.TB, text string) *scene.Scene {
	t.Helper()
	s, err := scene.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everything has every kind of fault.
const everything = "seed=7&size=160x120&frames=120&fps=10&objects=8" +
	"&ramp=10-20:60&switch=25-30:50&moved=30-40:20&covered=40-45&frozen=50-55&dropped=60-62"

// more has every kind of fault that is not in everything, and a pillar.
const more = "seed=8&size=160x120&frames=120&fps=10&objects=8&pillar=70-25" +
	"&cloud=10-20:30&infrared=24-30&blurred=32-48:3&moved=40-45:20&lost=50-56&lost=118-120"

// Other results are measured against these pixels and this truth: they must be
// the same on every machine and in every version.
func TestScene_Frame_golden(t *testing.T) {
	const file = "testdata/golden.txt"
	var got strings.Builder
	for _, text := range []string{"", "seed=2&size=64x48&fps=25", "size=640x480&objects=12&noise=8", everything, more} {
		s := parse(t, text)
		for _, i := range []int{0, 1, 15, 27, 35, 42, 53, 61, 119} {
			bgr, truth := s.Frame(i)
			line, err := json.Marshal(truth)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%q frame %d pixels %x truth %x\n", text, i, sha256.Sum256(bgr), sha256.Sum256(line))
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("the scenes have changed (-rewrite only if that is meant):\n%s", d)
	}
}

func TestScene_Frame_dependsOnNoOtherFrame(t *testing.T) {
	s := parse(t, everything)
	var wg sync.WaitGroup
	pictures := make([][]byte, 30)
	for i := range pictures {
		wg.Go(func() { pictures[i], _ = s.Frame(i * 4) })
	}
	wg.Wait()
	for i := len(pictures) - 1; i >= 0; i-- {
		if alone, _ := parse(t, everything).Frame(i * 4); !bytes.Equal(alone, pictures[i]) {
			t.Errorf("frame %d depends on what was rendered before", i*4)
		}
	}
}

// differing returns which pixels of two pictures differ.
func differing(a, b []byte, width int) map[image.Point]bool {
	d := map[image.Point]bool{}
	for p := range len(a) / 3 {
		if !bytes.Equal(a[3*p:3*p+3], b[3*p:3*p+3]) {
			d[image.Pt(p%width, p/width)] = true
		}
	}
	return d
}

// The pictures with and without objects differ exactly where the truth says that
// objects can be seen.
func TestTruth_agreesWithThePixels(t *testing.T) {
	for _, text := range []string{
		"noise=0&objects=1&size=64x48", "noise=0&objects=6&size=64x48", "noise=0&objects=8&size=160x120&moved=20-60",
	} {
		cfg, err := scene.ParseConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		full := parse(t, text)
		cfg.Objects = 0
		empty, err := scene.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		objects, hidden, outside := 0, 0, 0
		for i := range 120 {
			with, truth := full.Frame(i)
			without, nothing := empty.Frame(i)
			if len(nothing.Objects) != 0 {
				t.Fatalf("%s frame %d: objects in the empty scene: %v", text, i, nothing.Objects)
			}
			differ := differing(with, without, cfg.Width)
			pixels := 0
			ids := map[int]bool{}
			for _, o := range truth.Objects {
				objects++
				pixels += o.Pixels
				if ids[o.ID] || o.Box().Empty() || !o.Box().In(image.Rectangle{Max: full.Size()}) {
					t.Fatalf("%s frame %d: object %+v", text, i, o)
				}
				ids[o.ID] = true
				if o.Visible < 1 {
					hidden++
				} else if box := o.Box(); box != bounds(differ, box) {
					t.Fatalf("%s frame %d: the box of %+v does not fit its pixels %v", text, i, o, bounds(differ, box))
				}
				if o.X == 0 || o.X+o.Width == cfg.Width {
					outside++
				}
			}
			if pixels != len(differ) {
				t.Fatalf("%s frame %d: %d pixels differ, the truth says %d", text, i, len(differ), pixels)
			}
			for p := range differ {
				if !inAny(p, truth.Objects) {
					t.Fatalf("%s frame %d: pixel %v differs outside every box", text, i, p)
				}
			}
		}
		if objects == 0 || cfg.Objects > 1 && (hidden == 0 || outside == 0) {
			t.Errorf("%s proves nothing: %d objects, %d hidden in part, %d at the edge", text, objects, hidden, outside)
		}
	}
}

// bounds returns the smallest box around the points that lie in within.
func bounds(points map[image.Point]bool, within image.Rectangle) (b image.Rectangle) {
	for y := within.Min.Y; y < within.Max.Y; y++ {
		for x := within.Min.X; x < within.Max.X; x++ {
			if points[image.Pt(x, y)] {
				b = b.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return b
}

func inAny(p image.Point, objects []scene.Object) bool {
	for _, o := range objects {
		if p.In(o.Box()) {
			return true
		}
	}
	return false
}

// An object keeps its id and label while it is on its way and moves smoothly;
// an id that is gone does not come back.
func TestTruth_followsObjects(t *testing.T) {
	s := parse(t, "size=160x120&objects=6&frames=1500")
	last := map[int]scene.Object{}
	gone, rested, labels := map[int]bool{}, 0, map[string]int{}
	for i := range s.Frames() {
		_, truth := s.Frame(i)
		now := map[int]scene.Object{}
		for _, o := range truth.Objects {
			if gone[o.ID] {
				t.Fatalf("frame %d: object %d is back", i, o.ID)
			}
			before, known := last[o.ID]
			inside := o.X > 0 && o.X+o.Width < 160 && before.X > 0 && before.X+before.Width < 160
			if known && (before.Label != o.Label || inside && (before.Width != o.Width || math.Abs(float64(before.X-o.X)) > 8)) {
				t.Fatalf("frame %d: %+v became %+v", i, before, o)
			}
			if known && o.Resting && before.Resting {
				rested++
				if o.Box() != before.Box() {
					t.Fatalf("frame %d: %+v rests, and became %+v", i, before, o)
				}
			}
			labels[o.Label]++
			now[o.ID] = o
		}
		for id := range last {
			if _, ok := now[id]; !ok {
				gone[id] = true
			}
		}
		last = now
	}
	if len(gone) < 10 || rested == 0 || labels[scene.Person] == 0 || labels[scene.Vehicle] == 0 {
		t.Errorf("proves nothing: %d gone, %d rested, labels %v", len(gone), rested, labels)
	}
}

func mean(bgr []byte) float64 {
	sum := 0
	for _, v := range bgr {
		sum += int(v)
	}
	return float64(sum) / float64(len(bgr))
}

func TestFaults(t *testing.T) {
	plain := parse(t, "size=160x120&frames=100")
	bright := func(s *scene.Scene, i int) float64 { bgr, _ := s.Frame(i); return mean(bgr) }
	t.Run("a ramp lowers the light evenly and for good", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&ramp=10-20:40")
		for i, want := range map[int]int{0: 100, 10: 100, 15: 70, 20: 40, 99: 40} {
			_, truth := s.Frame(i)
			if got := bright(s, i) / bright(plain, i) * 100; truth.Light != want || math.Abs(got-float64(want)) > 1 {
				t.Errorf("frame %d: light %d, brightness %.1f%%, want %d%%", i, truth.Light, got, want)
			}
		}
	})
	t.Run("a switch changes the light at once and back", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&switch=10-20:50")
		for i, want := range map[int]int{9: 100, 10: 50, 19: 50, 20: 100} {
			_, truth := s.Frame(i)
			if got := bright(s, i) / bright(plain, i) * 100; truth.Light != want || math.Abs(got-float64(want)) > 1 {
				t.Errorf("frame %d: light %d, brightness %.1f%%, want %d%%", i, truth.Light, got, want)
			}
		}
	})
	t.Run("a covered lens is nearly black and shows nothing", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&covered=10-20")
		for i, want := range map[int]bool{9: false, 10: true, 19: true, 20: false} {
			_, truth := s.Frame(i)
			if dark := bright(s, i) < 10; dark != want || truth.Covered != want {
				t.Errorf("frame %d: dark %t, covered %t, want %t", i, dark, truth.Covered, want)
			}
			for _, o := range truth.Objects {
				if want && (o.Pixels != 0 || o.Visible != 0) {
					t.Errorf("frame %d: %+v can be seen", i, o)
				}
			}
		}
	})
	t.Run("a moved lens shows the same world from elsewhere", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&noise=0&moved=10-20:24")
		still := parse(t, "size=160x120&frames=100&noise=0")
		moved, truth := s.Frame(15)
		before, _ := still.Frame(15)
		if truth.MovedX != 24 || truth.MovedY != 12 {
			t.Fatalf("moved by %d, %d", truth.MovedX, truth.MovedY)
		}
		for y := range 120 - 12 {
			a, b := 3*(y*160), 3*((y+12)*160+24)
			if !bytes.Equal(moved[a:a+3*(160-24)], before[b:b+3*(160-24)]) {
				t.Fatalf("row %d is not the row %d of the unmoved picture", y, y+12)
			}
		}
		if after, truth := s.Frame(20); truth.MovedX != 0 || !bytes.Equal(after, first(still.Frame(20))) {
			t.Error("it does not move back")
		}
	})
	t.Run("a frozen picture repeats the first frame to the byte", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&frozen=10-20")
		want, _ := s.Frame(10)
		for i, frozen := range map[int]bool{9: false, 10: false, 11: true, 19: true, 20: false} {
			got, truth := s.Frame(i)
			if truth.Frame != i || truth.Frozen != frozen || bytes.Equal(got, want) != (frozen || i == 10) {
				t.Errorf("frame %d: %+v, same picture %t", i, truth, bytes.Equal(got, want))
			}
		}
	})
	t.Run("dropped frames are marked and otherwise as they were", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&dropped=10-12&dropped=15-16")
		for i := range 20 {
			got, truth := s.Frame(i)
			if want := i == 10 || i == 11 || i == 15; truth.Dropped != want {
				t.Errorf("frame %d: dropped %t", i, truth.Dropped)
			}
			if !bytes.Equal(got, first(plain.Frame(i))) {
				t.Errorf("frame %d has changed", i)
			}
		}
	})
}

func TestFaults_ofTheCamera(t *testing.T) {
	plain := parse(t, "size=160x120&frames=100")
	t.Run("a cloud takes the light evenly and gives it back", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&cloud=10-30:40")
		for i, want := range map[int]int{9: 100, 10: 100, 15: 70, 20: 40, 25: 70, 30: 100} {
			bgr, truth := s.Frame(i)
			if got := mean(bgr) / mean(first(plain.Frame(i))) * 100; truth.Light != want || math.Abs(got-float64(want)) > 1 {
				t.Errorf("frame %d: light %d, brightness %.1f%%, want %d%%", i, truth.Light, got, want)
			}
		}
	})
	t.Run("a lens out of focus takes the mean over the square", func(t *testing.T) {
		s := parse(t, "size=40x30&objects=2&noise=0&frames=100&blurred=10-20:3")
		sharp := first(parse(t, "size=40x30&objects=2&noise=0&frames=100").Frame(15))
		got, truth := s.Frame(15)
		if truth.Blur != 3 {
			t.Errorf("blur %d", truth.Blur)
		}
		for y := range 30 {
			for x := range 40 {
				for c := range 3 {
					sum := 0
					for dy := -3; dy <= 3; dy++ {
						for dx := -3; dx <= 3; dx++ {
							sum += int(sharp[3*(min(max(y+dy, 0), 29)*40+min(max(x+dx, 0), 39))+c])
						}
					}
					// Rounded twice.
					if d := float64(got[3*(y*40+x)+c]) - float64(sum)/49; math.Abs(d) > 1 {
						t.Fatalf("pixel %d,%d channel %d is %d, want %.2f", x, y, c, got[3*(y*40+x)+c], float64(sum)/49)
					}
				}
			}
		}
		if now, truth := s.Frame(20); truth.Blur != 0 || !bytes.Equal(now, first(parse(t, "size=40x30&objects=2&noise=0&frames=100").Frame(20))) {
			t.Error("it does not come back into focus")
		}
	})
	t.Run("night mode is gray and shows dark objects bright", func(t *testing.T) {
		s := parse(t, "size=160x120&noise=0&frames=100&objects=0&infrared=10-20")
		got, truth := s.Frame(12)
		if !truth.Infrared {
			t.Error("the truth does not know")
		}
		day := first(parse(t, "size=160x120&noise=0&frames=100&objects=0").Frame(12))
		if len(differing(got, day, 160)) < 160*120*9/10 {
			t.Error("the picture is as by day")
		}
		for p := range len(got) / 3 {
			if got[3*p] != got[3*p+1] || got[3*p] != got[3*p+2] {
				t.Fatalf("pixel %d is not gray", p)
			}
		}
		one := []byte{20, 20, 20, 120, 120, 120, 230, 230, 230}
		(&scene.Scene{}).Infrared(3, 1, one)
		if !(one[0] > one[3] && one[6] > one[3]) {
			t.Errorf("dark, wall and bright are %v", one)
		}
		if now, truth := s.Frame(20); truth.Infrared || bytes.Equal(now, got) {
			t.Error("it does not go back")
		}
	})
	t.Run("a lost signal drops frames and begins a new epoch", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=100&lost=10-12&lost=12-14&lost=11-13&lost=20-22&dropped=30-31")
		for i := range 40 {
			got, truth := s.Frame(i)
			lost := i >= 10 && i < 14 || i == 20 || i == 21
			epoch := 0
			if i >= 14 {
				epoch++
			}
			if i >= 22 {
				epoch++
			}
			if truth.Lost != lost || truth.Dropped != (lost || i == 30) || truth.Epoch != epoch {
				t.Errorf("frame %d: %+v", i, truth)
			}
			if !bytes.Equal(got, first(plain.Frame(i))) {
				t.Errorf("frame %d has changed", i)
			}
		}
	})
	t.Run("objects pass behind a pillar", func(t *testing.T) {
		s := parse(t, "size=160x120&frames=300&objects=4&pillar=60-40")
		hidden := 0
		for i := range 300 {
			_, truth := s.Frame(i)
			for _, o := range truth.Objects {
				if o.Box().In(image.Rect(60, 0, 100, 120)) {
					hidden++
					if o.Pixels != 0 || o.Visible != 0 {
						t.Fatalf("frame %d: %+v can be seen through the pillar", i, o)
					}
				}
			}
		}
		if hidden == 0 {
			t.Error("nothing was ever behind it")
		}
	})
}

func first(bgr []byte, _ scene.Truth) []byte { return bgr }

func TestNoise_hasTheDeviationAskedFor(t *testing.T) {
	for _, want := range []int{1, 3, 10} {
		// Before and after noise, on a background that clips nowhere.
		quiet := parse(t, "objects=0&noise=0")
		noisy := parse(t, fmt.Sprintf("objects=0&noise=%d", want))
		a, _ := quiet.Frame(3)
		b, _ := noisy.Frame(3)
		var sum, squares float64
		for p := range a {
			d := float64(b[p]) - float64(a[p])
			sum, squares = sum+d, squares+d*d
		}
		n := float64(len(a))
		bias, deviation := sum/n, math.Sqrt(squares/n-sum/n*sum/n)
		// Cutting off fractions makes a small deviation smaller.
		if math.Abs(bias) > 0.1 || deviation > float64(want)*1.02 || deviation < float64(want)-0.4 {
			t.Errorf("noise %d has bias %.2f and deviation %.2f", want, bias, deviation)
		}
	}
}

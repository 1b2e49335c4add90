package steps

import (
	"testing"

	"pgregory.net/rapid"
)

func TestCellsAreAsSmallAsTheyMayBe(t *testing.T) {
	for _, c := range []struct{ width, height, most, size, cols, rows int }{
		{320, 240, 10000, 3, 107, 80},
		{640, 480, 10000, 6, 107, 80},
		{1920, 1080, 10000, 15, 128, 72},
		{16, 16, 10000, 1, 16, 16},
		{16384, 1, 10000, 2, 8192, 1},
		{1, 1, 1, 1, 1, 1},
	} {
		if got, want := cellsOf(c.width, c.height, c.most), (cells{c.width, c.height, c.size, c.cols, c.rows}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestReducingIsTheMeanOfEachCell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, 40).Draw(rt, "width"), rapid.IntRange(1, 40).Draw(rt, "height")
		if rapid.IntRange(0, 9).Draw(rt, "tall") == 0 {
			h = 600 // more rows than a lane holds
		}
		c := cellsOf(w, h, rapid.IntRange(1, 300).Draw(rt, "most"))
		f := grayFrame(w, h, 0, 0, 10, rapid.SampledFrom([]int{1, 100, 256}).Draw(rt, "noise"), rapid.Uint32().Draw(rt, "seed"))
		got := c.reduce(nil, f.Data)
		for i, v := range got {
			sum, n := 0, 0
			for y := i / c.cols * c.size; y < min(h, (i/c.cols+1)*c.size); y++ {
				for x := i % c.cols * c.size; x < min(w, (i%c.cols+1)*c.size); x++ {
					sum += int(f.Data[y*w+x])
					n++
				}
			}
			if want := uint16((sum*16 + n/2) / n); v != want {
				rt.Fatalf("%dx%d cell %d of %+v: %d, want %d", w, h, i, c, v, want)
			}
		}
	})
}

func TestPartsAreWhatIsConnected(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := cells{cols: rapid.IntRange(1, 12).Draw(rt, "columns"), rows: rapid.IntRange(1, 12).Draw(rt, "rows")}
		marked := rapid.SliceOfN(rapid.Bool(), c.count(), c.count()).Draw(rt, "marked")
		by := touching(rapid.Bool().Draw(rt, "corners"))
		labels, n := c.parts(nil, marked, by)
		// The oracle gives every cell the lowest label of its neighbours until nothing changes.
		want := make([]int, c.count())
		for i := range want {
			want[i] = i
		}
		near := func(i, j int) bool {
			dx, dy := i%c.cols-j%c.cols, i/c.cols-j/c.cols
			if by == sides && dx != 0 && dy != 0 {
				return false
			}
			return marked[i] && marked[j] && max(dx, -dx, dy, -dy) <= 1
		}
		for changed := true; changed; {
			changed = false
			for i := range want {
				for j := range want {
					if near(i, j) && want[j] < want[i] {
						want[i], changed = want[j], true
					}
				}
			}
		}
		first := map[int]int32{}
		for i, l := range labels {
			if !marked[i] {
				if l != 0 {
					rt.Fatalf("cell %d is not marked and has the label %d", i, l)
				}
				continue
			}
			if _, known := first[want[i]]; !known {
				first[want[i]] = int32(len(first) + 1)
			}
			if l != first[want[i]] {
				rt.Fatalf("cell %d has the label %d, want %d", i, l, first[want[i]])
			}
		}
		if n != len(first) {
			rt.Fatalf("%d parts, want %d", n, len(first))
		}
	})
}

func TestAnAreaIsTheCellsWhoseCentresLieInIt(t *testing.T) {
	c := cells{width: 61, height: 47, size: 5, cols: 13, rows: 10}
	whole := outline{{0, 0}, {1, 0}, {1, 1}, {0, 1}}
	left := outline{{0, 0}, {0.5, 0}, {0.5, 1}, {0, 1}}
	for _, k := range []struct {
		name                   string
		ignore, within         []outline
		leftIgnored, leftIn    bool
		rightIgnored, rightsIn bool
	}{
		{"nothing said", nil, nil, false, true, false, true},
		{"ignore", []outline{left}, nil, true, true, false, true},
		{"within", nil, []outline{left}, false, true, false, false},
		{"two of them", nil, []outline{left, whole}, false, true, false, true},
	} {
		a, err := newArea(k.ignore, k.within)
		if err != nil {
			t.Fatal(err)
		}
		ignore, within := a.of(c)
		for i := range ignore {
			x := float64(i%c.cols*c.size+min((i%c.cols+1)*c.size, c.width)) / float64(2*c.width)
			wantIgnored, wantIn := k.leftIgnored, k.leftIn
			if x > 0.5 {
				wantIgnored, wantIn = k.rightIgnored, k.rightsIn
			}
			if ignore[i] != wantIgnored || within[i] != wantIn {
				t.Errorf("%s: cell %d at %v: ignored %t, within %t", k.name, i, x, ignore[i], within[i])
			}
		}
	}
	if _, err := newArea([]outline{{{0, 0}, {1, 1}}}, []outline{make(outline, 40)}); err == nil {
		t.Error("no error")
	}
}

func TestGainIsThatOfTheLight(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(64, 200).Draw(rt, "cells")
		light := rapid.IntRange(20, 380).Draw(rt, "per cent")
		before, now := make([]uint16, n), make([]uint16, n)
		for i := range before {
			before[i] = uint16(rapid.IntRange(20, 64).Draw(rt, "level") * gray16)
			now[i] = uint16(min(int(before[i])*light/100, brightest16))
		}
		// Objects in a third of the picture change nothing.
		for i := range n / 3 {
			now[i] = uint16(rapid.IntRange(0, 255).Draw(rt, "object") * gray16)
		}
		got := gain(now, before, make([]bool, n))
		if want := light * gainOne / 100; max(got-want, want-got) > 5 {
			rt.Fatalf("gain %d, want %d", got, want)
		}
	})
	if got := gain(make([]uint16, 100), make([]uint16, 100), make([]bool, 100)); got != gainOne {
		t.Errorf("gain %d of black pictures", got)
	}
}

func TestTextureTellsLightFromObjects(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint32().Draw(rt, "seed")
		next := func() int { seed = seed*1664525 + 1013904223; return int(seed>>16)%1000 - 500 }
		var light, object, flat texture
		for range 100 {
			was := next()
			light.add(was*2/5+next()/40, was)
			object.add(next(), was)
			flat.add(next()/40, next()/40)
		}
		if !light.same(0.8) || object.same(0.8) || flat.same(0.8) {
			rt.Fatalf("light %t, object %t, flat %t", light.same(0.8), object.same(0.8), flat.same(0.8))
		}
	})
}

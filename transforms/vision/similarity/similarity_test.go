package similarity

import (
	"math"
	"math/bits"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestHistogramsCompareByWhatTheyShare(t *testing.T) {
	one := func(counts ...uint32) Histogram { return NewHistogram(2, 2, 2, counts) }
	for _, c := range []struct {
		name string
		a, b Histogram
		want float64
	}{
		{"with itself", one(0, 0, 1, 2, 3, 4, 5, 6), one(0, 0, 1, 2, 3, 4, 5, 6), 1},
		{"nothing in common", one(0, 0, 9, 0, 0, 0, 0, 0), one(0, 0, 0, 9, 0, 0, 0, 0), 0},
		{"half in common, of pictures of different sizes", one(0, 0, 5, 5, 0, 0, 0, 0), one(0, 0, 800, 0, 0, 0, 0, 800), 0.5},
		{"gray has no hue", one(4, 0, 0, 0, 0, 0, 0, 0), one(0, 0, 0, 0, 4, 0, 0, 0), 1},
		{"no pixels at all", one(0, 0, 0, 0, 0, 0, 0, 0), one(0, 0, 0, 0, 0, 0, 0, 0), 1},
	} {
		got, err := Intersection(c.a, c.b)
		if err != nil || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v (%v), want %v", c.name, got, err, c.want)
		}
	}
	if _, err := Intersection(one(make([]uint32, 8)...), NewHistogram(1, 2, 4, make([]uint32, 8))); err == nil {
		t.Error("histograms of different bins compare")
	}
}

func TestHistogramsSurviveTheirLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, s, v := rapid.IntRange(1, 6).Draw(t, "hue"), rapid.IntRange(1, 4).Draw(t, "saturation"), rapid.IntRange(1, 4).Draw(t, "value")
		counts := rapid.SliceOfN(rapid.Uint32(), h*s*v, h*s*v).Draw(t, "counts")
		a := NewHistogram(h, s, v, counts)
		b, err := ParseHistogram(a.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatal(diff)
		}
		sum := 0
		for _, x := range a.Shares {
			sum += int(x)
		}
		if sum > 65535 {
			t.Fatalf("shares add up to %d", sum)
		}
	})
}

func TestAHashSaysWhereItGetsBrighter(t *testing.T) {
	var sums, pixels [72]int64
	for i := range sums {
		pixels[i] = 10
		sums[i] = int64(i % 9 * 10) // every row gets brighter to the right
	}
	if h := NewHash(&sums, &pixels); h != math.MaxUint64 {
		t.Errorf("hash %x", uint64(h))
	}
	sums[1] = -5 // now the first is brighter than the second
	if h := NewHash(&sums, &pixels); h != math.MaxUint64>>1 {
		t.Errorf("hash %x", uint64(h))
	}
	for i := range sums { // as bright, though the sums differ: cells of different sizes
		pixels[i] = int64(1 + i%2)
		sums[i] = 7 * pixels[i]
	}
	h := NewHash(&sums, &pixels)
	if h != 0 {
		t.Errorf("hash of a flat picture %x", uint64(h))
	}
	if d := Distance(h, 0xf0f0); d != 8 {
		t.Errorf("distance %d", d)
	}
	if back, err := ParseHash(Hash(0x123456789abcdef0).Marshal()); err != nil || back != 0x123456789abcdef0 {
		t.Errorf("%x %v", uint64(back), err)
	}
	if _, err := ParseHash(make([]byte, 7)); err == nil {
		t.Error("seven bytes are a hash")
	}
}

func keypoints(t *rapid.T, name string) []Keypoint {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Keypoint {
		k := Keypoint{X: rapid.Uint16().Draw(t, "x"), Y: rapid.Uint16().Draw(t, "y"), Octave: rapid.Uint8().Draw(t, "octave"), Angle: rapid.Uint8().Draw(t, "angle")}
		for i := range 3 { // few bits, so that equals are common
			k.Descriptor[11*i] = rapid.Byte().Draw(t, "byte")
		}
		return k
	}), 0, 12).Draw(t, name)
}

// matches is the definition of Match, word by word.
func matches(a, b []Keypoint, most int, ratio float64) (pairs []Pair) {
	distance := func(i, j int) (d int) {
		for n := range 32 {
			d += bits.OnesCount8(a[i].Descriptor[n] ^ b[j].Descriptor[n])
		}
		return d
	}
	for i := range a {
		for j := range b {
			d, second, ok := distance(i, j), 256, true
			for k := range b {
				if k != j {
					second = min(second, distance(i, k))
				}
				ok = ok && (distance(i, k) > d || distance(i, k) == d && k >= j)
			}
			for k := range a {
				ok = ok && (distance(k, j) > d || distance(k, j) == d && k >= i)
			}
			if ok && d <= most && float64(d) < ratio*float64(second) {
				pairs = append(pairs, Pair{i, j, d})
			}
		}
	}
	return pairs
}

func TestMatchIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := keypoints(t, "a"), keypoints(t, "b")
		most, ratio := rapid.IntRange(0, 30).Draw(t, "most"), rapid.Float64Range(0.1, 1.5).Draw(t, "ratio")
		if diff := cmp.Diff(matches(a, b, most, ratio), Match(a, b, most, ratio)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestKeypointsSurviveTheirLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := keypoints(t, "a")
		b, err := ParseKeypoints(MarshalKeypoints(a))
		if err != nil || len(a) != len(b) {
			t.Fatalf("%d of %d: %v", len(b), len(a), err)
		}
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("%+v, was %+v", b[i], a[i])
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(NewHistogram(2, 1, 1, []uint32{1, 2}).Marshal())
	f.Add(MarshalKeypoints(make([]Keypoint, 2)))
	f.Add(Hash(5).Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseHistogram(b); err == nil && !cmp.Equal(h.Marshal(), b) {
			t.Error("a histogram changes")
		}
		if ks, err := ParseKeypoints(b); err == nil && !cmp.Equal(MarshalKeypoints(ks), b) {
			t.Error("keypoints change")
		}
		if h, err := ParseHash(b); err == nil && !cmp.Equal(h.Marshal(), b) {
			t.Error("a hash changes")
		}
	})
}

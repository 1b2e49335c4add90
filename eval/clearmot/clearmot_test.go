package clearmot

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/eval/motchallenge"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// at is an object of 10 x 10 pixels.
func at(id int64, x float64) Object { return Object{id, tracking.Box{X: x, Width: 10, Height: 10}} }

// frame is the truth and the tracks of one frame.
type frame struct{ truth, found []Object }

func score(t testing.TB, frames []frame) Summary {
	t.Helper()
	s, err := New(DefaultOverlap)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := s.Add(f.truth, f.found); err != nil {
			t.Fatal(err)
		}
	}
	return s.Summary()
}

func TestScoresWorkedByHand(t *testing.T) {
	// Boxes that are 2 apart overlap by 8/12, those 4 apart by 6/14.
	two := tracking.IoU(at(1, 0).Box, at(2, 2).Box)
	if math.Abs(two-8.0/12) > 1e-15 {
		t.Fatal(two)
	}
	o := func(objects ...Object) []Object { return objects }
	cases := []struct {
		name       string
		frames     []frame
		want       Summary
		mota, idf1 float64
	}{
		{"nothing", nil, Summary{}, 0, 0},
		{"an empty frame", []frame{{}}, Summary{Frames: 1}, 0, 0},
		{"all right",
			[]frame{{o(at(1, 0)), o(at(7, 0))}, {o(at(1, 5)), o(at(7, 5))}},
			Summary{Frames: 2, Objects: 2, Found: 2, IDs: 1, Tracks: 1, Matches: 2, IoUs: 2, MostlyTracked: 1, IDTP: 2}, 1, 1},
		{"too far away is a miss and a false one",
			[]frame{{o(at(1, 0)), o(at(7, 4))}},
			Summary{Frames: 1, Objects: 1, Found: 1, IDs: 1, Tracks: 1, Misses: 1, MostlyLost: 1}, -1, 0},
		{"another track is a switch",
			[]frame{{o(at(1, 0)), o(at(7, 0))}, {o(at(1, 0)), o(at(7, 0))}, {o(at(1, 0)), o(at(8, 0))}},
			Summary{Frames: 3, Objects: 3, Found: 3, IDs: 1, Tracks: 2, Matches: 3, Switches: 1, IoUs: 3, MostlyTracked: 1, IDTP: 2},
			2.0 / 3, 2.0 / 3},
		{"another track after a gap is a switch too, and a fragmentation",
			[]frame{{o(at(1, 0)), o(at(7, 0))}, {o(at(1, 0)), nil}, {o(at(1, 0)), o(at(8, 0))}},
			Summary{Frames: 3, Objects: 3, Found: 2, IDs: 1, Tracks: 2, Matches: 2, Misses: 1, Switches: 1, Fragmentations: 1, IoUs: 2, PartlyTracked: 1, IDTP: 1},
			1.0 / 3, 2.0 / 5},
		{"a match is kept where another track is nearer",
			[]frame{{o(at(1, 0)), o(at(7, 0))}, {o(at(1, 0)), o(at(7, 2), at(8, 0))}},
			Summary{Frames: 2, Objects: 2, Found: 3, IDs: 1, Tracks: 2, Matches: 2, IoUs: 1 + two, MostlyTracked: 1, IDTP: 2}, 0.5, 4.0 / 5},
		{"but not once it is too far away",
			[]frame{{o(at(1, 0)), o(at(7, 0))}, {o(at(1, 0)), o(at(7, 4), at(8, 0))}},
			Summary{Frames: 2, Objects: 2, Found: 3, IDs: 1, Tracks: 2, Matches: 2, Switches: 1, IoUs: 2, MostlyTracked: 1, IDTP: 1}, 0, 2.0 / 5},
		{"as many matches as possible, not the nearest pair",
			[]frame{{o(at(1, 0), at(2, 4)), o(at(7, 2), at(8, 6))}},
			Summary{Frames: 1, Objects: 2, Found: 2, IDs: 2, Tracks: 2, Matches: 2, IoUs: 2 * two, MostlyTracked: 2, IDTP: 2}, 1, 1},
		{"of as many, the nearest",
			[]frame{{o(at(1, 0), at(2, 2)), o(at(7, 2), at(8, 0))}},
			Summary{Frames: 1, Objects: 2, Found: 2, IDs: 2, Tracks: 2, Matches: 2, IoUs: 2, MostlyTracked: 2, IDTP: 2}, 1, 1},
		{"two tracks that swap objects are two switches",
			[]frame{{o(at(1, 0), at(2, 50)), o(at(7, 0), at(8, 50))}, {o(at(1, 0), at(2, 50)), o(at(8, 0), at(7, 50))}},
			Summary{Frames: 2, Objects: 4, Found: 4, IDs: 2, Tracks: 2, Matches: 4, Switches: 2, IoUs: 4, MostlyTracked: 2, IDTP: 2}, 0.5, 0.5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := score(t, c.frames)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if got.MOTA() != c.mota || got.IDF1() != c.idf1 {
				t.Errorf("MOTA %v and IDF1 %v, want %v and %v", got.MOTA(), got.IDF1(), c.mota, c.idf1)
			}
		})
	}
}

func TestAnIDMayBeThereOnlyOnce(t *testing.T) {
	s, _ := New(DefaultOverlap)
	if err := s.Add([]Object{at(1, 0), at(1, 5)}, nil); err == nil {
		t.Error("an object is there twice")
	}
	if err := s.Add(nil, []Object{at(1, 0), at(1, 5)}); err == nil {
		t.Error("a track is there twice")
	}
	for _, overlap := range []float64{0, -1, 1.1, math.NaN()} {
		if _, err := New(overlap); err == nil {
			t.Errorf("an overlap of %v is taken", overlap)
		}
	}
}

func TestScoresHoldTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := func(what string) []Object {
			var all []Object
			for id := range int64(4) {
				if rapid.Bool().Draw(t, what) {
					all = append(all, at(id, float64(rapid.IntRange(0, 12).Draw(t, what))))
				}
			}
			return all
		}
		s, _ := New(DefaultOverlap)
		mixed, _ := New(DefaultOverlap)
		for range rapid.IntRange(0, 8).Draw(t, "frames") {
			truth, found := some("object"), some("track")
			if err := s.Add(truth, found); err != nil {
				t.Fatal(err)
			}
			if err := mixed.Add(rapid.Permutation(truth).Draw(t, "mixed"), rapid.Permutation(found).Draw(t, "mixed")); err != nil {
				t.Fatal(err)
			}
		}
		sum := s.Summary()
		if d := cmp.Diff(sum, mixed.Summary()); d != "" {
			t.Fatalf("the order within a frame matters: %s", d)
		}
		if sum.Matches+sum.Misses != sum.Objects || sum.FalsePositives() < 0 || sum.Switches > sum.Matches {
			t.Fatalf("%+v", sum)
		}
		if sum.IDTP > min(sum.Objects, sum.Found) || sum.MostlyTracked+sum.PartlyTracked+sum.MostlyLost != sum.IDs {
			t.Fatalf("%+v", sum)
		}
		for _, v := range []float64{sum.IDF1(), sum.IDP(), sum.IDR(), sum.MOTP(), sum.Precision(), sum.Recall(), (sum.MOTA() + 100) / 101} {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("a score of %v: %+v", v, sum)
			}
		}
		twice := sum
		twice.Add(sum)
		if math.Abs(twice.MOTA()-sum.MOTA()) > 1e-12 || math.Abs(twice.IDF1()-sum.IDF1()) > 1e-12 || twice.Frames != 2*sum.Frames {
			t.Fatalf("the scores of two videos of one kind are others: %+v", twice)
		}
	})
}

// The table is made by testdata/reference/scores.py.
func TestScoresAreThoseOfPyMotmetrics(t *testing.T) {
	f, err := os.Open("testdata/scores.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(table) < 10 {
		t.Fatalf("only %d lines", len(table))
	}
	for _, line := range table[1:] {
		t.Run("case "+line[0], func(t *testing.T) {
			truth := read(t, line[0]+"-gt.txt", motchallenge.Truth)
			found := read(t, line[0]+"-tracks.txt", motchallenge.Results)
			s, _ := New(DefaultOverlap)
			for n := 1; n <= 60; n++ {
				if err := s.Add(of(truth, n), of(found, n)); err != nil {
					t.Fatal(err)
				}
			}
			sum := s.Summary()
			got := map[string]float64{
				"mota": sum.MOTA(), "motp": 1 - sum.MOTP(), "precision": sum.Precision(), "recall": sum.Recall(),
				"idf1": sum.IDF1(), "idp": sum.IDP(), "idr": sum.IDR(),
			}
			for name, n := range map[string]int{
				"num_frames": sum.Frames, "num_objects": sum.Objects, "num_predictions": sum.Found, "num_unique_objects": sum.IDs,
				"num_detections": sum.Matches, "num_misses": sum.Misses, "num_false_positives": sum.FalsePositives(),
				"num_switches": sum.Switches, "num_fragmentations": sum.Fragmentations, "mostly_tracked": sum.MostlyTracked,
				"partially_tracked": sum.PartlyTracked, "mostly_lost": sum.MostlyLost,
				"idtp": sum.IDTP, "idfp": sum.Found - sum.IDTP, "idfn": sum.Objects - sum.IDTP,
			} {
				got[name] = float64(n)
			}
			for i, name := range table[0][1:] {
				want, err := strconv.ParseFloat(line[i+1], 64)
				if err != nil {
					t.Fatal(err)
				}
				v, ok := got[name]
				if !ok {
					t.Errorf("no %s", name)
				}
				if math.Abs(v-want) > 1e-8 {
					t.Errorf("%s is %v, want %v", name, v, want)
				}
			}
		})
	}
}

func read(t *testing.T, name string, kind motchallenge.Kind) []motchallenge.Row {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "cases", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := motchallenge.Read(f, kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func of(rows []motchallenge.Row, frame int) []Object {
	var objects []Object
	for _, r := range rows {
		if r.Frame == frame {
			objects = append(objects, Object{r.ID, r.Box()})
		}
	}
	slices.Reverse(objects) // the order does not matter
	return objects
}

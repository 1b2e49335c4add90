package tracking

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAssignGivesTheGreatestGain(t *testing.T) {
	cases := []struct {
		name          string
		rows, columns int
		gain          []int64
		want          []int
	}{
		{"nothing to assign", 0, 0, nil, []int{}},
		{"rows without columns", 2, 0, nil, []int{-1, -1}},
		{"columns without rows", 0, 2, nil, []int{}},
		{"one pair", 1, 1, []int64{5}, []int{0}},
		{"a gain of nothing is no pair", 1, 1, []int64{0}, []int{-1}},
		{"a loss is no pair", 1, 2, []int64{-3, -1}, []int{-1}},
		{"greedy would be wrong", 2, 2, []int64{10, 9, 9, 1}, []int{1, 0}},
		{"one great gain beats two small ones", 2, 2, []int64{10, 1, 1, 0}, []int{0, -1}},
		{"more rows than columns", 3, 1, []int64{1, 3, 2}, []int{-1, 0, -1}},
		{"more columns than rows", 1, 3, []int64{1, 3, 2}, []int{1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Assign(c.gain, c.rows, c.columns); !slices.Equal(got, c.want) {
				t.Errorf("columns %v, want %v", got, c.want)
			}
		})
	}
}

// bruteForce tries all assignments.
func bruteForce(gain []int64, rows, columns int) int64 {
	used := make([]bool, columns)
	var from func(i int) int64
	from = func(i int) int64 {
		if i == rows {
			return 0
		}
		best := from(i + 1)
		for j := range columns {
			if !used[j] && gain[i*columns+j] > 0 {
				used[j] = true
				best = max(best, gain[i*columns+j]+from(i+1))
				used[j] = false
			}
		}
		return best
	}
	return from(0)
}

func TestAssignIsAsGoodAsTryingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.IntRange(0, 7).Draw(t, "rows"), rapid.IntRange(0, 7).Draw(t, "columns")
		// Few different gains make ties and, below 1, closed gates.
		most := rapid.SampledFrom([]int64{2, 6, 1 << 48}).Draw(t, "most")
		gain := make([]int64, rows*columns)
		for i := range gain {
			gain[i] = rapid.Int64Range(-most, most).Draw(t, "gain")
		}
		before := slices.Clone(gain)
		of := Assign(gain, rows, columns)
		if len(of) != rows || !slices.Equal(before, gain) {
			t.Fatalf("%d rows for %d, or the gains were changed", len(of), rows)
		}
		var sum int64
		taken := map[int]bool{}
		for i, j := range of {
			if j < 0 {
				continue
			}
			if taken[j] || gain[i*columns+j] <= 0 {
				t.Fatalf("row %d has column %d, which is taken or gains nothing: %v", i, j, of)
			}
			taken[j] = true
			sum += gain[i*columns+j]
		}
		if want := bruteForce(gain, rows, columns); sum != want {
			t.Fatalf("gains %d, and could %d: %v", sum, want, of)
		}
	})
}

func TestTiesGoToWhatComesFirst(t *testing.T) {
	same := func(int, int) float64 { return 0.5 }
	for tracks := range 5 {
		for found := range 5 {
			t.Run(fmt.Sprintf("%d tracks and %d detections", tracks, found), func(t *testing.T) {
				for i, j := range match(tracks, found, same, 0.3) {
					if want := i; i >= found && j != -1 || i < found && j != want {
						t.Errorf("track %d has detection %d", i, j)
					}
				}
			})
		}
	}
	t.Run("a better overlap counts for more than any order", func(t *testing.T) {
		iou := func(i, j int) float64 {
			if i == MaxTracks-1 && j == MaxDetections-1 {
				return 0.5 + 1.0/iouOne
			}
			return 0.5
		}
		of := match(MaxTracks, MaxDetections, iou, 0.3)
		if of[MaxTracks-1] != MaxDetections-1 {
			t.Errorf("the last track has detection %d", of[MaxTracks-1])
		}
	})
	t.Run("the gate is part of what passes", func(t *testing.T) {
		if of := match(1, 1, same, 0.5); of[0] != 0 {
			t.Error("an overlap of just the gate is refused")
		}
		if of := match(1, 1, same, 0.5000001); of[0] != -1 {
			t.Error("an overlap below the gate is taken")
		}
	})
}

func TestIoU(t *testing.T) {
	cases := []struct {
		name string
		a, b Box
		want float64
	}{
		{"the same box", Box{1, 2, 3, 4}, Box{1, 2, 3, 4}, 1},
		{"apart", Box{0, 0, 2, 2}, Box{3, 0, 2, 2}, 0},
		{"side by side", Box{0, 0, 2, 2}, Box{2, 0, 2, 2}, 0},
		{"half of each", Box{0, 0, 4, 2}, Box{2, 0, 4, 2}, 1.0 / 3},
		{"one within the other", Box{0, 0, 4, 4}, Box{1, 1, 2, 2}, 0.25},
		{"two that only share a corner's pixel", Box{0, 0, 2, 2}, Box{1, 1, 2, 2}, 1.0 / 7},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := IoU(c.a, c.b); got != c.want {
				t.Errorf("IoU %v, want %v", got, c.want)
			}
			if got := IoU(c.b, c.a); got != c.want {
				t.Errorf("IoU the other way round %v, want %v", got, c.want)
			}
		})
	}
}

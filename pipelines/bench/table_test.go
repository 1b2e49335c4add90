package main

import (
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"one value is its own median", []float64{3}, 3},
		{"the middle of an odd number, whatever their order", []float64{9, 1, 5}, 5},
		{"the mean of the two in the middle of an even number", []float64{8, 1, 2, 4}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := median(c.values); got != c.want {
				t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
			}
		})
	}
}

func TestMedianLeavesItsInputInOrder(t *testing.T) {
	v := []float64{3, 1, 2}
	median(v)
	if v[0] != 3 || v[1] != 1 || v[2] != 2 {
		t.Errorf("the values are now %v", v)
	}
}

func TestMarginalCostIsFreeOfWhatStartingTakes(t *testing.T) {
	const starting, each = 700 * time.Millisecond, 3 * time.Millisecond
	of := func(frames int64) cost {
		return cost{Frames: frames, CPU: starting + time.Duration(frames)*each}
	}
	if got := marginal(of(256), of(2304)); got != each {
		t.Errorf("a frame costs %v, want %v", got, each)
	}
}

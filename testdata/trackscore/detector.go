package trackscore

import (
	"math"
	"math/rand/v2"

	"github.com/framebeam/framebeam/testdata/scene"
	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// Detector is what is wrong with a detector of objects.
type Detector struct {
	// Jitter is the standard deviation of each side of a box in parts of the
	// box's width or height.
	Jitter float64
	// Missed is the part of the objects that it misses, at random.
	Missed float64
	// Invented is the mean number of false detections in a frame, up to 8.
	Invented float64
	// Hidden is how much of an object must be hidden so that it is not found, 0 to
	// 1; of others, the score falls with what is hidden. 0: hiding does not matter,
	// as long as the object counts ([LeastVisible]).
	Hidden float64
}

// find returns what the detector finds. random must be fresh for each frame.
func (d Detector) find(t scene.Truth, size [2]int, random *rand.Rand) []tracking.Detection {
	var found []tracking.Detection
	add := func(label string, b tracking.Box, score float64) {
		l, u := b.X+random.NormFloat64()*d.Jitter*b.Width, b.Y+random.NormFloat64()*d.Jitter*b.Height
		r := b.X + b.Width + random.NormFloat64()*d.Jitter*b.Width
		o := b.Y + b.Height + random.NormFloat64()*d.Jitter*b.Height
		box := tracking.Box{X: math.Round(l), Y: math.Round(u), Width: math.Round(max(1, r-l)), Height: math.Round(max(1, o-u))}
		found = append(found, tracking.Detection{Box: box, Label: label, Score: min(max(score, 0.01), 1)})
	}
	for _, o := range t.Objects {
		missed := random.Float64() < d.Missed
		score := 0.95 + 0.03*random.NormFloat64()
		if d.Hidden > 0 {
			score -= 1 - o.Visible
		}
		if missed || o.Visible < LeastVisible || d.Hidden > 0 && 1-o.Visible > d.Hidden {
			continue
		}
		add(o.Label, boxOf(o), score)
	}
	for range 8 {
		if random.Float64() >= d.Invented/8 {
			continue
		}
		w := 8 + random.Float64()*float64(size[0])/6
		x, y := random.Float64()*(float64(size[0])-w), random.Float64()*float64(size[1])/2
		add(scene.Person, tracking.Box{X: x, Y: y, Width: w, Height: 2 * w}, 0.05+0.7*random.Float64())
	}
	return found
}

func boxOf(o scene.Object) tracking.Box {
	return tracking.Box{X: float64(o.X), Y: float64(o.Y), Width: float64(o.Width), Height: float64(o.Height)}
}

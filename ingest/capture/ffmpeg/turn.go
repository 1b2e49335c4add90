package ffmpeg

import "gocv.io/x/gocv"

// Turn is how a picture is turned to be shown, one of eight ways: rows and columns
// are swapped first, then left and right, then above and below.
type Turn struct{ Transpose, FlipX, FlipY bool }

// turnOf makes one of a display matrix's upper left part, a, b, c, d, which takes
// (x, y) to (ax+cy, bx+dy), y downwards. Other angles than right ones are odd.
func turnOf(m [4]int32) (t Turn, odd bool) {
	a, b, c, d := float64(m[0]), float64(m[1]), float64(m[2]), float64(m[3])
	// A degree is allowed for, as FFmpeg's own tools do.
	small := func(x, y, than, and float64) bool {
		const degree = 0.0175
		return x*x <= degree*degree*than*than && y*y <= degree*degree*and*and && than != 0 && and != 0
	}
	switch {
	case m == [4]int32{}:
		return Turn{}, false
	case small(b, c, a, d):
		return Turn{FlipX: a < 0, FlipY: d < 0}, false
	case small(a, d, b, c):
		return Turn{Transpose: true, FlipX: c < 0, FlipY: b < 0}, false
	}
	return Turn{}, true
}

// apply turns src into dst; between is memory. It does nothing if nothing is turned.
func (t Turn) apply(src gocv.Mat, between, dst *gocv.Mat) {
	const aboveBelow, leftRight, both = 0, 1, -1
	flip := func(src gocv.Mat) {
		switch {
		case t.FlipX && t.FlipY:
			gocv.Flip(src, dst, both)
		case t.FlipX:
			gocv.Flip(src, dst, leftRight)
		case t.FlipY:
			gocv.Flip(src, dst, aboveBelow)
		}
	}
	switch {
	case t.Transpose && (t.FlipX || t.FlipY):
		gocv.Transpose(src, between)
		flip(*between)
	case t.Transpose:
		gocv.Transpose(src, dst)
	default:
		flip(src)
	}
}

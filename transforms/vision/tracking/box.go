package tracking

import "math"

// Box is a rectangle in pixels: its left top corner, counted from 0, and its size.
type Box struct{ X, Y, Width, Height float64 }

// Limits of what is taken for a box, in pixels: far beyond any picture, and close
// enough that no arithmetic on it overflows.
const (
	leastSide = 0.1
	mostPixel = 1 << 20
)

// valid reports whether the box can be followed.
func (b Box) valid() bool {
	within := func(v, least, most float64) bool { return v >= least && v <= most } // not of NaN
	return within(b.X, -mostPixel, mostPixel) && within(b.Y, -mostPixel, mostPixel) &&
		within(b.Width, leastSide, mostPixel) && within(b.Height, leastSide, mostPixel)
}

// IoU is the intersection of two boxes over their union, 0 to 1.
//
// Here and in the Kalman filter, products are converted explicitly before they
// are added to anything: that forbids the compiler to fuse the two, which some
// architectures would and others would not.
func IoU(a, b Box) float64 {
	w := min(a.X+a.Width, b.X+b.Width) - max(a.X, b.X)
	h := min(a.Y+a.Height, b.Y+b.Height) - max(a.Y, b.Y)
	if !(w > 0 && h > 0) {
		return 0
	}
	both := float64(w * h)
	return min(1, both/(float64(a.Width*a.Height)+float64(b.Width*b.Height)-both))
}

// iouOne is an IoU of 1 in whole numbers: assignments compare and add those, so
// that equal is equal.
const iouOne = 1 << 24

func wholeIoU(iou float64) int64 { return int64(math.Floor(iou * iouOne)) }

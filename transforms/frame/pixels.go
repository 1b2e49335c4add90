package frame

// Pixels says what form of a frame's pixels an analysis needs. Decoding makes
// no more than the most demanding one asks for: gray straight from JPEG costs a
// quarter of colour.
type Pixels uint8

const (
	NoPixels Pixels = iota
	GrayPixels
	ColorPixels
)

// Package similarity compares pictures by the features that the analyses histogram,
// perceptual_hash and keypoints store with a frame's result. It says how each is laid
// out in result.Feature.Data, and is plain arithmetic.
package similarity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Kinds of features: result.Feature.Kind.
const (
	// KindHistogram: see [Histogram.Marshal].
	KindHistogram = "hsv_histogram"
	// KindHash: see [Hash.Marshal].
	KindHash = "dhash"
	// KindKeypoints: see [MarshalKeypoints].
	KindKeypoints = "orb"
)

// version is the first byte of what has one.
const version = 1

// Histogram is how a picture's pixels are spread over colours, in equal bins of hue,
// saturation and value. What has no colour, the bins of least saturation, is counted
// in the first bin of hue whatever its hue, which is noise there.
type Histogram struct {
	Hue, Saturation, Value int      // numbers of bins, 1 to 255
	Shares                 []uint16 // of 65535, by hue, saturation, value
}

// NewHistogram makes a histogram of numbers of pixels, with the bins in that order.
// Shares are rounded down.
func NewHistogram(hue, saturation, value int, counts []uint32) Histogram {
	h := Histogram{hue, saturation, value, make([]uint16, len(counts))}
	merged := make([]uint64, len(counts))
	var total uint64
	for i, c := range counts {
		to := i
		if i/value%saturation == 0 {
			to = i % value
		}
		merged[to] += uint64(c)
		total += uint64(c)
	}
	for i, c := range merged {
		h.Shares[i] = uint16(c * 65535 / max(total, 1))
	}
	return h
}

// Marshal lays the histogram out: the version 1, the three numbers of bins, a byte
// each, and the shares, two bytes each, high byte first.
func (h Histogram) Marshal() []byte {
	b := append(make([]byte, 0, 4+2*len(h.Shares)), version, byte(h.Hue), byte(h.Saturation), byte(h.Value))
	for _, s := range h.Shares {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	return b
}

// ParseHistogram is the inverse of [Histogram.Marshal].
func ParseHistogram(b []byte) (Histogram, error) {
	if len(b) < 4 || b[0] != version {
		return Histogram{}, errors.New("no histogram of version 1")
	}
	h := Histogram{Hue: int(b[1]), Saturation: int(b[2]), Value: int(b[3])}
	if n := h.Hue * h.Saturation * h.Value; n == 0 || len(b) != 4+2*n {
		return Histogram{}, fmt.Errorf("histogram of %dx%dx%d bins in %d bytes", h.Hue, h.Saturation, h.Value, len(b))
	}
	for b = b[4:]; len(b) > 0; b = b[2:] {
		h.Shares = append(h.Shares, binary.BigEndian.Uint16(b))
	}
	return h, nil
}

// Intersection is how much of two histograms is the same, 0 to 1 (M. Swain and D.
// Ballard, Color indexing, International Journal of Computer Vision 7, 1991).
func Intersection(a, b Histogram) (float64, error) {
	if a.Hue != b.Hue || a.Saturation != b.Saturation || a.Value != b.Value || len(a.Shares) != len(b.Shares) {
		return 0, fmt.Errorf("histograms of %dx%dx%d and %dx%dx%d bins cannot be compared",
			a.Hue, a.Saturation, a.Value, b.Hue, b.Saturation, b.Value)
	}
	var same, inA, inB uint64
	for i := range a.Shares {
		same += uint64(min(a.Shares[i], b.Shares[i]))
		inA += uint64(a.Shares[i])
		inB += uint64(b.Shares[i])
	}
	if most := max(inA, inB); most > 0 {
		return float64(same) / float64(most), nil
	}
	return 1, nil
}

// Hash is 64 bits that change little when a picture is scaled, encoded anew or
// brightened: bit 63-8*y-x says that cell x of row y is darker than its right
// neighbour, of 9x8 cells ("dHash": N. Krawetz, Kind of like that, 2013).
type Hash uint64

// NewHash makes the hash of the sums of gray in 9x8 cells, row by row, and the
// numbers of pixels in them: means are compared without a division.
func NewHash(sums, pixels *[72]int64) Hash {
	var h Hash
	for y := range 8 {
		for x := range 8 {
			i := 9*y + x
			h <<= 1
			if sums[i]*pixels[i+1] < sums[i+1]*pixels[i] {
				h |= 1
			}
		}
	}
	return h
}

// Marshal lays the hash out: eight bytes, high byte first.
func (h Hash) Marshal() []byte { return binary.BigEndian.AppendUint64(nil, uint64(h)) }

// ParseHash is the inverse of [Hash.Marshal].
func ParseHash(b []byte) (Hash, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("hash of %d bytes, not 8", len(b))
	}
	return Hash(binary.BigEndian.Uint64(b)), nil
}

// Distance is in how many bits two hashes differ (Hamming), 0 to 64. Of the same
// picture it is seldom above 10, of different ones around 32.
func Distance(a, b Hash) int { return bits.OnesCount64(uint64(a ^ b)) }

package similarity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Keypoint is a corner and what is around it.
type Keypoint struct {
	X, Y       uint16 // in 1/65536 of the picture's width and height
	Octave     uint8  // of the pyramid: how large
	Angle      uint8  // in 1/256 of a turn
	Descriptor [32]byte
}

const keypointBytes = 2 + 2 + 1 + 1 + 32

// MarshalKeypoints lays keypoints out, the strongest first: the version 1, and for
// each X and Y, two bytes each, high byte first, octave, angle, and the 32 bytes of
// the descriptor.
func MarshalKeypoints(ks []Keypoint) []byte {
	b := append(make([]byte, 0, 1+keypointBytes*len(ks)), version)
	for _, k := range ks {
		b = binary.BigEndian.AppendUint16(b, k.X)
		b = binary.BigEndian.AppendUint16(b, k.Y)
		b = append(b, k.Octave, k.Angle)
		b = append(b, k.Descriptor[:]...)
	}
	return b
}

// ParseKeypoints is the inverse of [MarshalKeypoints].
func ParseKeypoints(b []byte) ([]Keypoint, error) {
	if len(b) == 0 || b[0] != version {
		return nil, errors.New("no keypoints of version 1")
	}
	b = b[1:]
	if len(b)%keypointBytes != 0 {
		return nil, fmt.Errorf("keypoints of %d bytes, which is no multiple of %d", len(b), keypointBytes)
	}
	ks := make([]Keypoint, 0, len(b)/keypointBytes)
	for ; len(b) > 0; b = b[keypointBytes:] {
		k := Keypoint{X: binary.BigEndian.Uint16(b), Y: binary.BigEndian.Uint16(b[2:]), Octave: b[4], Angle: b[5]}
		copy(k.Descriptor[:], b[6:])
		ks = append(ks, k)
	}
	return ks, nil
}

// Difference is in how many bits two descriptors differ, 0 to 256.
func Difference(a, b *Keypoint) int {
	n := 0
	for i := 0; i < len(a.Descriptor); i += 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(a.Descriptor[i:]) ^ binary.LittleEndian.Uint64(b.Descriptor[i:]))
	}
	return n
}

// Pair is two keypoints that show the same, by their places in their lists.
type Pair struct{ A, B, Difference int }

// Match pairs keypoints that are each other's nearest, differ in at most that many
// bits, and in less than ratio times the bits of the second nearest in b (D. Lowe,
// Distinctive image features from scale-invariant keypoints, IJCV 60, 2004); 64 and
// 0.8 are usual. Of equally near ones the first counts. Pairs are in the order of a.
func Match(a, b []Keypoint, most int, ratio float64) []Pair {
	back := make([]int, len(b)) // the nearest in a
	for j := range b {
		back[j], _, _ = nearest(&b[j], a)
	}
	var pairs []Pair
	for i := range a {
		j, first, second := nearest(&a[i], b)
		if j >= 0 && back[j] == i && first <= most && float64(first) < ratio*float64(second) {
			pairs = append(pairs, Pair{i, j, first})
		}
	}
	return pairs
}

// nearest is the place in list of the nearest, its difference, and the second's; of a
// list of one, the second differs in all bits.
func nearest(k *Keypoint, list []Keypoint) (at, first, second int) {
	const all = 8 * len(Keypoint{}.Descriptor)
	at, first, second = -1, all+1, all
	for i := range list {
		switch d := Difference(k, &list[i]); {
		case d < first:
			if at >= 0 {
				second = first
			}
			at, first = i, d
		case d < second:
			second = d
		}
	}
	return at, first, second
}

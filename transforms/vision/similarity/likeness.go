package similarity

import (
	"errors"
	"fmt"
)

// Usual limits of [Match].
const (
	mostDifferent = 64
	lowesRatio    = 0.8
)

// Likeness says how alike a feature is to one that is looked for, from 0, nothing in
// common, to 1, the same.
type Likeness func(data []byte) (float64, error)

// To is the likeness to the feature of that kind in wanted: of histograms their
// intersection, of hashes the part of the bits that are equal, of keypoints the part
// of those in wanted that are found again. It is an error if nothing can be compared
// with wanted, and one of the Likeness if that feature cannot.
func To(kind string, wanted []byte) (Likeness, error) {
	switch kind {
	case KindHistogram:
		return to(wanted, ParseHistogram, Intersection)
	case KindHash:
		return to(wanted, ParseHash, func(a, b Hash) (float64, error) { return 1 - float64(Distance(a, b))/64, nil })
	case KindKeypoints:
		if len(wanted) == 1 {
			return nil, errors.New("the picture that is looked for has no keypoints")
		}
		return to(wanted, ParseKeypoints, func(a, b []Keypoint) (float64, error) {
			return float64(len(Match(a, b, mostDifferent, lowesRatio))) / float64(len(a)), nil
		})
	}
	return nil, fmt.Errorf("features of kind %q cannot be compared", kind)
}

func to[T any](wanted []byte, parse func([]byte) (T, error), alike func(a, b T) (float64, error)) (Likeness, error) {
	w, err := parse(wanted)
	if err != nil {
		return nil, err
	}
	return func(data []byte) (float64, error) {
		x, err := parse(data)
		if err != nil {
			return 0, err
		}
		return alike(w, x)
	}, nil
}

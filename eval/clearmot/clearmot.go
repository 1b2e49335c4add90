// Package clearmot scores multi-object tracking against ground truth:
//
//   - CLEAR MOT (K. Bernardin, R. Stiefelhagen, Evaluating Multiple Object Tracking
//     Performance: The CLEAR MOT Metrics, EURASIP JIVP 2008): MOTA, MOTP, misses,
//     false positives, identity switches;
//   - IDF1 (E. Ristani et al., Performance Measures and a Data Set for Multi-Target,
//     Multi-Camera Tracking, ECCV 2016 workshops);
//   - how much of its time each object was followed (B. Wu, R. Nevatia, Tracking of
//     Multiple, Partially Occluded Humans based on Static Body Part Detection,
//     CVPR 2006), with the bounds of the MOTChallenge.
//
// Counts are those of py-motmetrics, with which the tests compare.
package clearmot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/framebeam/framebeam/transforms/vision/tracking"
)

// DefaultOverlap is the IoU from which on a track's box may stand for an object's.
const DefaultOverlap = 0.5

// Object is the box of an object or of a track in one frame.
type Object struct {
	ID  int64
	Box tracking.Box
}

// Scorer compares tracks with the truth, frame by frame. It remembers something of
// every object, track, and pair of them that ever overlapped.
type Scorer struct {
	overlap float64
	sum     Summary
	iou     float64           // of all matches
	objects map[int64]*object // by id
	tracks  map[int64]int     // frames of a track
	pairs   map[[2]int64]int  // frames in which object and track overlap enough
}

// object is what is remembered of an object of the truth.
type object struct {
	track            int64 // that it was matched with last
	matched          bool  // ever
	frames, followed int
	missed           bool // in its last frame
}

// New makes a scorer. overlap is the least IoU of a match, above 0; usually
// [DefaultOverlap].
func New(overlap float64) (*Scorer, error) {
	if !(overlap > 0 && overlap <= 1) {
		return nil, fmt.Errorf("clearmot: an overlap of %v is not above 0 and up to 1", overlap)
	}
	return &Scorer{overlap: overlap, objects: map[int64]*object{}, tracks: map[int64]int{}, pairs: map[[2]int64]int{}}, nil
}

// Add compares the next frame. An id may be there only once.
//
// An object keeps the track that it was matched with last, whenever that was, while
// the two overlap enough. The others are matched as many as possible, and of those
// ways so that the IoUs add up to most.
func (s *Scorer) Add(truth, found []Object) error {
	truth, err := sorted("object", truth)
	if err != nil {
		return err
	}
	found, err = sorted("track", found)
	if err != nil {
		return err
	}
	s.sum.Frames++
	s.sum.Objects += len(truth)
	s.sum.Found += len(found)
	for _, f := range found {
		s.tracks[f.ID]++
	}
	iou := make([]float64, len(truth)*len(found)) // 0: not enough
	for i, o := range truth {
		if s.objects[o.ID] == nil {
			s.objects[o.ID] = &object{}
		}
		for j, f := range found {
			if v := tracking.IoU(o.Box, f.Box); v >= s.overlap {
				iou[i*len(found)+j] = v
				s.pairs[[2]int64{o.ID, f.ID}]++
			}
		}
	}
	for i, j := range s.match(truth, found, iou) {
		s.count(s.objects[truth[i].ID], j, found, iou[i*len(found):])
	}
	return nil
}

// match returns the track of each object, -1 for none.
func (s *Scorer) match(truth, found []Object, iou []float64) []int {
	of := make([]int, len(truth))
	taken := make([]bool, len(found))
	for i, o := range truth {
		of[i] = -1
		known := s.objects[o.ID]
		j, there := slices.BinarySearchFunc(found, known.track, func(f Object, id int64) int { return cmp.Compare(f.ID, id) })
		if known.matched && there && !taken[j] && iou[i*len(found)+j] > 0 {
			of[i], taken[j] = j, true
		}
	}
	const pair, one = 1 << 40, 1 << 24 // a pair is worth more than any IoUs
	gain := make([]int64, len(iou))
	for i := range truth {
		for j := range found {
			if v := iou[i*len(found)+j]; v > 0 && of[i] < 0 && !taken[j] {
				gain[i*len(found)+j] = pair + int64(v*one)
			}
		}
	}
	for i, j := range tracking.Assign(gain, len(truth), len(found)) {
		if j >= 0 {
			of[i] = j
		}
	}
	return of
}

// count adds up what became of an object in a frame.
func (s *Scorer) count(o *object, j int, found []Object, iou []float64) {
	o.frames++
	if j < 0 {
		s.sum.Misses++
		o.missed = true
		return
	}
	if o.matched && o.track != found[j].ID {
		s.sum.Switches++
	}
	if o.matched && o.missed {
		s.sum.Fragmentations++
	}
	o.matched, o.missed, o.track = true, false, found[j].ID
	o.followed++
	s.sum.Matches++
	s.iou += iou[j]
}

func sorted(what string, objects []Object) ([]Object, error) {
	objects = slices.SortedFunc(slices.Values(objects), func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
	for i := 1; i < len(objects); i++ {
		if objects[i].ID == objects[i-1].ID {
			return nil, fmt.Errorf("clearmot: %s %d is there twice in a frame", what, objects[i].ID)
		}
	}
	return objects, nil
}

// Summary are the scores of one or more videos.
type Summary struct {
	Frames int
	// Objects and Found are boxes of the truth and of tracks in all frames; IDs and
	// Tracks how many different ones they belong to.
	Objects, Found, IDs, Tracks int
	// Matches are pairs of an object and a track, those of Switches included.
	Matches, Misses int
	// Switches are matches of an object with another track than the one before.
	Switches int
	// Fragmentations are the times that an object was followed again after a gap.
	Fragmentations int
	// MostlyTracked objects were followed in 80 % of their frames or more,
	// MostlyLost ones in less than 20 %.
	MostlyTracked, PartlyTracked, MostlyLost int
	// IoUs is the sum of those of all matches.
	IoUs float64
	// IDTP are matches of the one-to-one assignment of tracks to objects, for the
	// whole video, that has the most of them.
	IDTP int
}

// Summary is the scores of the frames so far.
func (s *Scorer) Summary() Summary {
	sum := s.sum
	sum.IDs, sum.Tracks, sum.IoUs = len(s.objects), len(s.tracks), s.iou
	for _, o := range s.objects {
		switch {
		case 5*o.followed >= 4*o.frames:
			sum.MostlyTracked++
		case 5*o.followed >= o.frames:
			sum.PartlyTracked++
		default:
			sum.MostlyLost++
		}
	}
	objects, tracks := slices.Sorted(maps.Keys(s.objects)), slices.Sorted(maps.Keys(s.tracks))
	gain := make([]int64, len(objects)*len(tracks))
	for p, n := range s.pairs {
		i, _ := slices.BinarySearch(objects, p[0])
		j, _ := slices.BinarySearch(tracks, p[1])
		gain[i*len(tracks)+j] = int64(n)
	}
	for i, j := range tracking.Assign(gain, len(objects), len(tracks)) {
		if j >= 0 {
			sum.IDTP += int(gain[i*len(tracks)+j])
		}
	}
	return sum
}

// Add adds the scores of another video.
func (s *Summary) Add(o Summary) {
	s.Frames += o.Frames
	s.Objects += o.Objects
	s.Found += o.Found
	s.IDs += o.IDs
	s.Tracks += o.Tracks
	s.Matches += o.Matches
	s.Misses += o.Misses
	s.Switches += o.Switches
	s.Fragmentations += o.Fragmentations
	s.MostlyTracked += o.MostlyTracked
	s.PartlyTracked += o.PartlyTracked
	s.MostlyLost += o.MostlyLost
	s.IoUs += o.IoUs
	s.IDTP += o.IDTP
}

// FalsePositives are boxes of tracks that match no object.
func (s Summary) FalsePositives() int { return s.Found - s.Matches }

// MOTA is 1 - (misses + false positives + switches) / objects; at most 1, and below
// 0 if there are more faults than objects. 0 if there are no objects.
func (s Summary) MOTA() float64 {
	return ratio(s.Objects-s.Misses-s.FalsePositives()-s.Switches, s.Objects)
}

// MOTP is the mean IoU of matches, 0 to 1. py-motmetrics shows 1 - MOTP.
func (s Summary) MOTP() float64 {
	if s.Matches == 0 {
		return 0
	}
	return s.IoUs / float64(s.Matches)
}

// Precision is the part of the tracks' boxes that match an object.
func (s Summary) Precision() float64 { return ratio(s.Matches, s.Found) }

// Recall is the part of the objects' boxes that match a track.
func (s Summary) Recall() float64 { return ratio(s.Matches, s.Objects) }

// IDF1 is the harmonic mean of [Summary.IDP] and [Summary.IDR].
func (s Summary) IDF1() float64 { return ratio(2*s.IDTP, s.Objects+s.Found) }

// IDP is the part of the tracks' boxes that have the right identity.
func (s Summary) IDP() float64 { return ratio(s.IDTP, s.Found) }

// IDR is the part of the objects' boxes that have the right identity.
func (s Summary) IDR() float64 { return ratio(s.IDTP, s.Objects) }

func ratio(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

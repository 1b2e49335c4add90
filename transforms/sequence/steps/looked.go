package steps

import (
	"encoding/binary"
	"image"
	"slices"

	"github.com/framebeam/framebeam/transforms/result"
	trackers "github.com/framebeam/framebeam/transforms/vision/tracking"
)

// The kinds of feature by which an analysis that does not look at all frames says what of a
// frame it looked at: of every frame one of them. Those who follow what it finds have to
// know, and all that a step reads of others lies in the row.
const (
	// lookedKind: the data are the rectangles that it looked at, sixteen bytes each: left,
	// top, width and height in pixels, big-endian; none: it was not time to.
	lookedKind = "looked"
	// stillKind: it did not look, since nothing moved; without data.
	stillKind = "still"
)

// lookedAt makes the feature.
func lookedAt(analysis string, rects []image.Rectangle, still bool) result.Feature {
	f := result.Feature{Analysis: analysis, Kind: lookedKind, Data: []byte{}} // as it is read back
	if still {
		f.Kind = stillKind
	}
	for _, r := range rects {
		for _, v := range []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} {
			f.Data = binary.BigEndian.AppendUint32(f.Data, uint32(v))
		}
	}
	return f
}

// rectanglesOf are those that a feature says were looked at.
func rectanglesOf(f *result.Feature) (rects []image.Rectangle) {
	for b := range slices.Chunk(f.Data, 16) {
		if len(b) == 16 {
			at := func(i int) int { return int(binary.BigEndian.Uint32(b[4*i:])) }
			rects = append(rects, image.Rect(at(0), at(1), at(0)+at(2), at(1)+at(3)))
		}
	}
	return rects
}

// viewOf is what of a frame the analyses looked at, together; all of it if one of them
// looks at every frame.
func viewOf(out *result.Frame, analyses []string) trackers.View {
	var rects []image.Rectangle
	some, still := 0, true
	for i := range out.Features {
		f := &out.Features[i]
		if f.Kind != lookedKind && f.Kind != stillKind || !slices.Contains(analyses, f.Analysis) {
			continue
		}
		some++
		still = still && f.Kind == stillKind
		rects = append(rects, rectanglesOf(f)...)
	}
	whole := image.Rect(0, 0, int(out.Width), int(out.Height))
	if some < len(analyses) || slices.Contains(rects, whole) {
		return trackers.View{}
	}
	return trackers.View{Still: still, Seen: func(b trackers.Box) bool {
		box := image.Rect(int(b.X), int(b.Y), int(b.X+b.Width), int(b.Y+b.Height)).Intersect(whole)
		if box.Empty() { // it has left the picture
			return len(rects) > 0
		}
		return slices.ContainsFunc(rects, func(r image.Rectangle) bool {
			return 4*areaOf(box.Intersect(r)) >= 3*areaOf(box)
		})
	}}
}

func areaOf(r image.Rectangle) int64 { return int64(r.Dx()) * int64(r.Dy()) }

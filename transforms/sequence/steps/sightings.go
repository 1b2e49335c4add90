package steps

import (
	"cmp"
	"slices"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/vision/geometry"
)

// maxJudged is how many tracks a zone or a line remembers at once.
const maxJudged = 64

// sighting is a track that is seen in a frame.
type sighting struct {
	track int64
	label string
	at    geometry.Point // where it stands: the middle of the box's lower edge
	// tentative tracks may turn out to be nothing: they move, but cause no event.
	tentative bool
}

// sightings are the tracks of an analysis that a frame shows, by id: of these labels,
// or of all if there are none. Lost tracks are not seen: where they are is a guess. So it is
// of those that are bridged, but that they are there is not (see [present]).
func sightings(out *result.Frame, of string, labels []string) []sighting {
	var seen []sighting
	for i := range out.Detections {
		d := &out.Detections[i]
		if d.Analysis != of || d.Track == 0 || d.State == "lost" || d.State == "bridged" || len(labels) > 0 && !slices.Contains(labels, d.Label) {
			continue
		}
		seen = append(seen, sighting{
			track: d.Track, label: d.Label, tentative: d.State == "tentative",
			at: geometry.BottomCentre(d.X, d.Y, d.Width, d.Height, out.Width, out.Height),
		})
	}
	slices.SortStableFunc(seen, func(a, b sighting) int { return cmp.Compare(a.track, b.track) })
	return slices.CompactFunc(seen, func(a, b sighting) bool { return a.track == b.track })
}

// present are the ids of the tracks of an analysis that are there: those that are seen, and
// those that were not looked for in the frame and are taken to be there.
func present(seen []sighting, out *result.Frame, of string) (ids []int64) {
	for _, s := range seen {
		ids = append(ids, s.track)
	}
	for i := range out.Detections {
		if d := &out.Detections[i]; d.Analysis == of && d.State == "bridged" {
			ids = append(ids, d.Track)
		}
	}
	return ids
}

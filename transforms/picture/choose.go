package picture

import (
	"cmp"
	"slices"

	"github.com/framebeam/framebeam/transforms/result"
)

// ofAnotherChunk is the sequence number, until it is read, of a frame of which only
// camera and offset are known.
const ofAnotherChunk = -2

// choose returns the rows to show, by offset. Snapshots that lie in other chunks
// come as rows of their own, without what was found in them.
func choose(rows []result.Frame, which string) (chosen []*result.Frame) {
	snapshots := map[int64]*result.Frame{}
	if which == WithEvents {
		for i := range rows {
			for _, e := range rows[i].Events {
				if result.OfAnalysis(e) {
					snapshots[e.Snapshot] = &rows[i]
				}
			}
		}
	}
	for i := range rows {
		r := &rows[i]
		_, snapshot := snapshots[r.Offset]
		delete(snapshots, r.Offset)
		if r.Status != result.OK {
			continue
		}
		if which == AllFrames || which == WithDetections && len(r.Detections) > 0 || snapshot ||
			which == WithEvents && slices.ContainsFunc(r.Events, result.OfAnalysis) {
			chosen = append(chosen, r)
		}
	}
	for offset, of := range snapshots {
		chosen = append(chosen, &result.Frame{
			Topic: of.Topic, Partition: of.Partition, Offset: offset, Camera: of.Camera, Sequence: ofAnotherChunk, Status: result.OK,
		})
	}
	slices.SortFunc(chosen, byOffset)
	return chosen
}

func byOffset(a, b *result.Frame) int { return cmp.Compare(a.Offset, b.Offset) }

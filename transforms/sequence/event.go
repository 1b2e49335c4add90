package sequence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// NewEvent makes an event of a step at the frame, which is also its snapshot.
func NewEvent(step Step, out *result.Frame, typ, transition string) result.Event {
	return result.Event{Analysis: step.Name(), Type: typ, Transition: transition, Snapshot: out.Offset}
}

// Event makes an event of the stage itself.
func Event(out *result.Frame, typ, format string, args ...any) result.Event {
	return result.Event{Analysis: result.OfStage, Type: typ, Snapshot: out.Offset, Detail: fmt.Sprintf(format, args...)}
}

// identify gives ids to the frame's events from the first on. digest is of the
// effective configuration of the analysis that found them.
func identify(out *result.Frame, first int, digest string) {
	for i := first; i < len(out.Events); i++ {
		e := &out.Events[i]
		// Two of one rule, transition and track in a frame are told apart by their order.
		same := 0
		for j := range i {
			o := &out.Events[j]
			if o.Analysis == e.Analysis && o.Type == e.Type && o.Rule == e.Rule && o.Transition == e.Transition && o.Track == e.Track {
				same++
			}
		}
		b := wire.String(nil, out.Topic)
		b = wire.Int(b, int64(out.Partition))
		b = wire.Int(b, out.Offset)
		for _, s := range []string{e.Analysis, e.Type, e.Rule, e.Transition} {
			b = wire.String(b, s)
		}
		b = wire.Int(b, e.Track)
		b = wire.Int(b, int64(same))
		b = wire.String(b, digest)
		sum := sha256.Sum256(b)
		e.ID = hex.EncodeToString(sum[:16])
	}
}

package film

import (
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
)

// WithSources puts into a log what collectors would have said of the cameras' sources: of
// each camera the first frame, a loss and its end, with copies of both, a stop and a start,
// what cannot be read of it, and a loss at the end. The records themselves are left alone.
func WithSources(recs []frame.Record) []frame.Record {
	type camera struct {
		id     string
		frames int
		last   frame.SourceChange
	}
	cameras := map[string]*camera{}
	var order []*camera
	var out []frame.Record
	for _, rec := range recs {
		out = append(out, rec)
		epoch, sequence, ok := rec.Numbered()
		if !ok {
			continue
		}
		c := cameras[rec.Camera()]
		if c == nil {
			c = &camera{id: rec.Camera()}
			cameras[c.id] = c
			order = append(order, c)
		}
		c.frames++
		c.last = frame.SourceChange{Camera: c.id, At: time.UnixMilli(rec.Timestamp + 1).UTC(), Epoch: epoch, Sequence: sequence}
		say := func(states ...frame.SourceState) {
			for _, s := range states {
				out = append(out, said(c.last, s))
			}
		}
		switch c.frames {
		case 1:
			say(frame.SourceStarted)
		case 12:
			say(frame.SourceLost, frame.SourceLost)
		case 14:
			before := out[len(out)-1]
			say(frame.SourceBack, frame.SourceBack)
			out = append(out, before) // a frame of a batch that was carried out twice
		case 20:
			say(frame.SourceStopped, frame.SourceLost)
		case 21:
			say(frame.SourceStarted)
			bad := said(c.last, frame.SourceLost)
			bad.Value = []byte(`{"state":"lost","reason":`)
			out = append(out, bad)
		case 25:
			say(frame.SourceFailed)
		}
	}
	for _, c := range order {
		out = append(out, said(c.last, frame.SourceEnded), said(c.last, frame.SourceLost))
	}
	return out
}

func said(c frame.SourceChange, state frame.SourceState) frame.Record {
	c.State, c.Reason = state, "why it is "+string(state)
	return c.CloudEvent()
}

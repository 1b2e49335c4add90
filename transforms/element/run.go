// Package element defines what flows between the stages of a pipeline, how it is encoded
// on its way, and the credit that bounds how much of it there is; and what all stages
// need beside it: sharing between the copies of one ([Shared]), and an end ([End]). What
// the source gives, runs of records and the ends of chunks, is package chunk's.
package element

import (
	"fmt"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Item is one record of a run after the per-frame stage: its result so far, and
// the parsed frame where it could be parsed.
type Item struct {
	// Result has what the record and the per-frame analyses gave; Status is OK, Dead,
	// Skipped or Source.
	Result result.Frame
	// Frame is meaningful when Result.Status is OK.
	Frame frame.Frame
}

// Run is a chunk.Run after the per-frame stage. Kind is never Stray: records of
// no camera go to the sink from there.
type Run struct {
	chunk.Link
	Items []Item // ascending offsets; empty for Save and Clear

	parked ticket // see Park
}

// Size is about how many bytes of pixels the run holds.
func (r *Run) Size() int {
	n := 0
	for i := range r.Items {
		n += len(r.Items[i].Frame.Data)
	}
	return n
}

// First is the position of the run's first link.
func (r *Run) First() int64 {
	if r.Kind != chunk.Frames {
		return chunk.EndPosition(r.Chunk, r.N)
	}
	return chunk.FramePosition(r.Items[0].Result.Offset)
}

// Last is the position of the run's last link.
func (r *Run) Last() int64 {
	if r.Kind != chunk.Frames {
		return chunk.EndPosition(r.Chunk, r.N)
	}
	return chunk.FramePosition(r.Items[len(r.Items)-1].Result.Offset)
}

// Marshal encodes the run for a shuffle and for the bag of waiting runs.
func (r *Run) Marshal() []byte {
	b := r.Link.Append(make([]byte, 0, r.Size()+256*(len(r.Items)+1)))
	b = wire.Uint(b, r.parked.process)
	b = wire.Uint(b, r.parked.number)
	b = wire.Uint(b, uint64(len(r.Items)))
	for i := range r.Items {
		it := &r.Items[i]
		b = wire.Bytes(b, it.Result.Marshal())
		if it.Result.Status != result.OK {
			continue
		}
		f := &it.Frame
		b = wire.String(b, f.Camera)
		b = wire.String(b, f.Epoch)
		b = wire.Int(b, f.Sequence)
		b = wire.Int(b, f.Captured.UnixNano())
		b = wire.Int(b, int64(f.Width))
		b = wire.Int(b, int64(f.Height))
		b = wire.Int(b, int64(f.Channels))
		b = wire.String(b, string(f.Encoding))
		b = wire.Bytes(b, f.Data)
	}
	return b
}

// UnmarshalRun is the inverse of [Run.Marshal]; Frame.Data aliases b.
func UnmarshalRun(b []byte) (Run, error) {
	r := wire.NewReader(b)
	run := Run{Link: chunk.ReadLink(r), parked: ticket{r.Uint(), r.Uint()}}
	if n := r.Count(); n > 0 {
		run.Items = make([]Item, n)
		for i := range run.Items {
			res, err := result.Unmarshal(r.Bytes())
			if err != nil {
				return Run{}, fmt.Errorf("decode run: %w", err)
			}
			run.Items[i].Result = res
			if res.Status != result.OK {
				continue
			}
			run.Items[i].Frame = frame.Frame{
				Camera: r.String(), Epoch: r.String(), Sequence: r.Int(),
				Captured: time.Unix(0, r.Int()).UTC(),
				Width:    int(r.Int()), Height: int(r.Int()), Channels: int(r.Int()),
				Encoding: frame.Encoding(r.String()), Data: r.Bytes(),
			}
		}
	}
	if err := r.Close(); err != nil {
		return Run{}, fmt.Errorf("decode run: %w", err)
	}
	return run, nil
}

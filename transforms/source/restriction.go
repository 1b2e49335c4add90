package source

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/wire"
)

// never is the end of a task without end, as a position.
const never = math.MaxInt64

// Restriction is what is left to read of a partition, and all that reading it
// further depends on. Next is odd (the frame at offset (Next-1)/2 comes next) or
// a multiple of 2N (the end of a chunk is due).
type Restriction struct {
	N    int64 // offsets per chunk
	Next int64 // the next position to claim
	End  int64 // the exclusive end, a position; never for a task without end
	Seen int64 // the log's highest end seen, an offset: for the backlog, and to notice truncation
	Told int64 // the UpTo of the last partial end; at first the task's From

	Cameras map[string]int64 // each camera's last emitted offset
	Offsets chunk.Offsets    // what was emitted of the open chunk
	// Last is the record that was read last, in this chunk or before it; none at first.
	Last log.Last
}

// newRestriction is all of a task.
func newRestriction(t *Task, n int64) Restriction {
	r := Restriction{N: n, Next: chunk.FramePosition(t.From), End: never, Seen: max(t.From, t.LogEnd), Told: t.From, Cameras: map[string]int64{}, Last: log.NoLast}
	if t.To != chunk.None {
		r.End = 2 * t.To
		if t.To%n == 0 {
			r.End++ // the end of the last chunk belongs to the task
		}
	}
	for _, c := range t.Cameras {
		r.Cameras[c.Camera] = c.Last
	}
	return r
}

// Offset is the next offset to read.
func (r *Restriction) Offset() int64 { return r.Next / 2 }

// limit is the exclusive end as an offset.
func (r *Restriction) limit() int64 {
	if r.End == never {
		return chunk.MaxOffset
	}
	return r.End / 2
}

// endDue reports whether the end of a chunk is the next to claim.
func (r *Restriction) endDue() bool { return r.Next%2 == 0 }

// done reports whether nothing is left.
func (r *Restriction) done() bool { return r.Next >= r.End }

// chunk is the open chunk: the one of the next offset or of the end that is due.
func (r *Restriction) chunk() int64 {
	if r.endDue() {
		return chunk.Of(r.Offset()-1, r.N)
	}
	return chunk.Of(r.Offset(), r.N)
}

// digest is that of the last record in Offsets; 0 if there is none.
func (r *Restriction) digest() uint64 {
	if len(r.Offsets) == 0 {
		return 0
	}
	return r.Last.Digest
}

// backlog is the number of offsets that can be read now.
func (r *Restriction) backlog() int64 { return max(0, min(r.Seen, r.limit())-r.Offset()) }

// clone returns a copy that shares no memory.
func (r *Restriction) clone() Restriction {
	c := *r
	c.Cameras = maps.Clone(r.Cameras)
	c.Offsets = r.Offsets.Clone()
	return c
}

// cameras lists the camera map, sorted by id.
func (r *Restriction) cameras() []chunk.CameraOffset {
	if len(r.Cameras) == 0 {
		return nil
	}
	out := make([]chunk.CameraOffset, 0, len(r.Cameras))
	for _, c := range slices.Sorted(maps.Keys(r.Cameras)) {
		out = append(out, chunk.CameraOffset{Camera: c, Last: r.Cameras[c]})
	}
	return out
}

// restrictionVersion is the first byte of an encoded restriction: engines keep
// them in checkpoints and savepoints. Version 1 knew the last record's digest only, and
// only while a chunk was open.
const restrictionVersion = 2

// Marshal encodes the restriction; equal ones give equal bytes.
func (r *Restriction) Marshal() []byte {
	b := []byte{restrictionVersion}
	b = wire.Int(b, r.N)
	b = wire.Int(b, r.Next)
	b = wire.Int(b, r.End)
	b = wire.Int(b, r.Seen)
	b = wire.Int(b, r.Told)
	b = wire.Int(b, r.Last.Offset)
	b = wire.Uint(b, r.Last.Digest)
	b = wire.Int(b, int64(r.Last.Epoch))
	b = r.Offsets.Append(b)
	b = wire.Uint(b, uint64(len(r.Cameras)))
	for _, c := range r.cameras() {
		b = wire.String(b, c.Camera)
		b = wire.Int(b, r.Offset()-c.Last) // small, so one or two bytes
	}
	return b
}

// UnmarshalRestriction is the inverse of [Restriction.Marshal].
func UnmarshalRestriction(b []byte) (Restriction, error) {
	w, err := wire.Open(b, 1, restrictionVersion)
	if err != nil {
		return Restriction{}, fmt.Errorf("decode restriction: %w", err)
	}
	r := Restriction{N: w.Int(), Next: w.Int(), End: w.Int(), Seen: w.Int(), Told: w.Int(), Last: log.NoLast}
	if w.Version() > 1 {
		r.Last = log.Last{Offset: w.Int(), Digest: w.Uint(), Epoch: int32(w.Int())}
		r.Offsets = chunk.ReadOffsets(w)
	} else {
		digest := w.Uint()
		if r.Offsets = chunk.ReadOffsets(w); len(r.Offsets) > 0 {
			r.Last.Offset, r.Last.Digest = r.Offsets[len(r.Offsets)-1].To-1, digest
		}
	}
	n := w.Count()
	r.Cameras = make(map[string]int64, n)
	for range n {
		camera := w.String()
		r.Cameras[camera] = r.Offset() - w.Int()
	}
	if err := w.Close(); err != nil {
		return Restriction{}, fmt.Errorf("decode restriction: %w", err)
	}
	if r.N <= 0 || r.Next < 0 || r.endDue() && (r.Next == 0 || r.Next%(2*r.N) != 0) {
		return Restriction{}, fmt.Errorf("decode restriction: impossible position %d in chunks of %d", r.Next, r.N)
	}
	return r, nil
}

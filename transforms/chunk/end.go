package chunk

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/wire"
)

// CameraOffset is the offset of a camera's last frame in the partition.
type CameraOffset struct {
	Camera string
	Last   int64
}

// End says what a chunk consists of, so that its completeness is a comparison of
// sets and never a matter of watermarks. A partial End says the same of the part
// of a chunk that the log has so far.
type End struct {
	ID
	N int64
	// Partial marks "chunk so far": Offsets are those below UpTo, there is no
	// Owed, and Cameras is empty.
	Partial bool
	UpTo    int64
	// Interim marks a partial End after which more is expected at once: it is told every few
	// seconds while the log grows, and what is published for it is what came since the last.
	Interim bool
	// Offsets are exactly the offsets that the chunk's records have.
	Offsets Offsets
	// Owed are the cameras that were seen in the chunk and so owe a state, sorted.
	Owed []string
	// Cameras are all cameras of the partition that are not forgotten, sorted
	// by id, with their last offset: from them a restart finds each state.
	Cameras []CameraOffset
	// LastDigest is frame.Record.Digest of the chunk's last record (0 when the
	// chunk has none): a restart compares it with the log.
	LastDigest uint64
}

// The kinds of ends, as they are encoded.
const (
	ofAll   = iota // a chunk
	partial        // what there is of it, for the time being
	interim
)

func (e *End) kind() uint64 {
	switch {
	case e.Interim:
		return interim
	case e.Partial:
		return partial
	}
	return ofAll
}

// Marshal encodes the end; equal ends give equal bytes.
func (e *End) Marshal() []byte {
	b := e.ID.Append(nil)
	b = wire.Int(b, e.N)
	b = wire.Uint(b, e.kind())
	b = wire.Int(b, e.UpTo)
	b = e.Offsets.Append(b)
	b = wire.Uint(b, uint64(len(e.Owed)))
	for _, c := range e.Owed {
		b = wire.String(b, c)
	}
	b = wire.Uint(b, uint64(len(e.Cameras)))
	for _, c := range e.Cameras {
		b = wire.String(b, c.Camera)
		b = wire.Int(b, c.Last)
	}
	return wire.Uint(b, e.LastDigest)
}

// UnmarshalEnd is the inverse of [End.Marshal].
func UnmarshalEnd(b []byte) (End, error) {
	r := wire.NewReader(b)
	e := End{ID: ReadID(r), N: r.Int()}
	kind := r.Uint()
	if e.Partial, e.Interim = kind > 0, kind == interim; kind > interim {
		r.Fail()
	}
	e.UpTo, e.Offsets = r.Int(), ReadOffsets(r)
	if n := r.Count(); n > 0 {
		e.Owed = make([]string, n)
		for i := range e.Owed {
			e.Owed[i] = r.String()
		}
	}
	if n := r.Count(); n > 0 {
		e.Cameras = make([]CameraOffset, n)
		for i := range e.Cameras {
			e.Cameras[i] = CameraOffset{r.String(), r.Int()}
		}
	}
	e.LastDigest = r.Uint()
	if err := r.Close(); err != nil {
		return End{}, fmt.Errorf("decode chunk end: %w", err)
	}
	return e, nil
}

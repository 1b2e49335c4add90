// Package chunk holds the arithmetic of order and completeness: chunks of
// offsets, positions in a camera's chain, runs of frames, and chunk ends.
//
// A chunk is the offsets [k*N, (k+1)*N) of one partition. Everything that
// happens to a camera is a link in a chain of positions: the frame at offset o
// has position 2o+1, the end of chunk k has position 2(k+1)N. Positions of
// frames are odd and of ends even, so a frame and an end never share one, and
// the end of a chunk lies between its last frame and the next chunk's first.
package chunk

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/framebeam/framebeam/transforms/wire"
)

// Fresh is the Prev of a run that has no predecessor: the camera was never seen,
// or so long ago that it was forgotten.
const Fresh int64 = -1

// None stands for "no chunk", "no offset" and "no position".
const None int64 = -1

// MaxOffset is the highest offset that may be read or be told to begin or end at:
// positions, and event times made of them, are far from overflow.
const MaxOffset = 1 << 50

// Of returns the chunk that holds offset o when chunks have n offsets.
func Of(o, n int64) int64 { return o / n }

// FramePosition is the position of the frame at offset o.
func FramePosition(o int64) int64 { return 2*o + 1 }

// EndPosition is the position of the end of chunk k.
func EndPosition(k, n int64) int64 { return 2 * (k + 1) * n }

// LinkBefore is the position of the link before a camera's next one in chunk k,
// when the camera's last frame has offset last: that frame if it lies in the
// same chunk, else the end of the frame's chunk, where the state was saved.
func LinkBefore(last, k, n int64) int64 {
	if last == None {
		return Fresh
	}
	if Of(last, n) == k {
		return FramePosition(last)
	}
	return EndPosition(Of(last, n), n)
}

// ID names a chunk.
type ID struct {
	Partition
	Index int64
}

// Key is the chunk's Beam key: topic+partition+index. '+' is not legal in a topic.
func (id ID) Key() string {
	return id.Partition.Key() + "+" + strconv.FormatInt(id.Index, 10)
}

// ParseKey is the inverse of [ID.Key].
func ParseKey(key string) (ID, error) {
	p := strings.Split(key, "+")
	if len(p) != 3 || p[0] == "" {
		return ID{}, fmt.Errorf("chunk key %q is not topic+partition+index", key)
	}
	part, err := strconv.ParseInt(p[1], 10, 32)
	if err != nil || part < 0 {
		return ID{}, fmt.Errorf("chunk key %q: bad partition", key)
	}
	k, err := strconv.ParseInt(p[2], 10, 64)
	if err != nil || k < 0 {
		return ID{}, fmt.Errorf("chunk key %q: bad index", key)
	}
	id := ID{Partition{p[0], int32(part)}, k}
	if id.Key() != key {
		return ID{}, fmt.Errorf("chunk key %q is not written as %q", key, id.Key())
	}
	return id, nil
}

func (id ID) String() string {
	return fmt.Sprintf("%v chunk %d", id.Partition, id.Index)
}

// Append appends the ID's encoding to b.
func (id ID) Append(b []byte) []byte { return wire.Int(id.Partition.Append(b), id.Index) }

// ReadID reads what [ID.Append] wrote.
func ReadID(r *wire.Reader) ID { return ID{ReadPartition(r), r.Int()} }

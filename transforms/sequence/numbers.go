package sequence

import (
	"encoding/binary"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/wire"
)

const (
	// maxEpochs is how many epochs of a camera are remembered, the current one
	// included. A frame of an older one counts as a new epoch.
	maxEpochs = 64
	// maxRanges is how many unbroken stretches of sequence numbers are
	// remembered of one epoch. Beyond it the oldest hole counts as seen.
	maxRanges = 64
)

// epoch is one epoch of a camera and the sequence numbers seen of it.
type epoch struct {
	name string
	seen chunk.Offsets
}

// numbers knows which frames of a camera have been seen. The last epoch is the
// current one; those before it were left, in that order.
type numbers struct{ epochs []epoch }

// verdict is what a frame's epoch and sequence number say about it.
type verdict struct {
	status  result.Status // OK, Repeat or OutOfOrder
	begins  bool          // it begins an epoch
	missing int64         // sequence numbers missing just before it
	// forgotten are epochs that left the memory because of it, and might come again.
	forgotten []string
}

// see judges the frame and remembers it. Frames without a number are always new.
func (n *numbers) see(f *frame.Frame) verdict {
	if f.Sequence < 0 {
		return verdict{status: result.OK}
	}
	for i := len(n.epochs) - 1; i >= 0; i-- {
		e := &n.epochs[i]
		if e.name != f.Epoch {
			continue
		}
		next := e.seen[len(e.seen)-1].To
		switch {
		case !e.add(f.Sequence):
			return verdict{status: result.Repeat}
		case i < len(n.epochs)-1 || f.Sequence < next:
			return verdict{status: result.OutOfOrder}
		}
		return verdict{status: result.OK, missing: f.Sequence - next}
	}
	v := verdict{status: result.OK, begins: true, missing: f.Sequence}
	if len(n.epochs) == maxEpochs {
		v.forgotten = n.drop(v.forgotten)
	}
	n.epochs = append(n.epochs, epoch{f.Epoch, chunk.Span(f.Sequence, f.Sequence+1)})
	return v
}

// drop forgets the oldest epoch, and adds it to forgotten if it might come again.
// A live source's does not, so a camera that reconnects for months is no news.
func (n *numbers) drop(forgotten []string) []string {
	if name := n.epochs[0].name; !frame.LiveEpoch(name) {
		forgotten = append(forgotten, name)
	}
	n.epochs = append(n.epochs[:0], n.epochs[1:]...)
	return forgotten
}

// add remembers a sequence number and reports whether it was new. What lies
// before the oldest remembered stretch counts as seen once stretches had to be joined.
func (e *epoch) add(seq int64) bool {
	if !e.seen.Add(seq) {
		return false
	}
	if len(e.seen) > maxRanges {
		e.join()
	}
	return true
}

// join takes the oldest hole for seen; false if there is none.
func (e *epoch) join() bool {
	if len(e.seen) < 2 {
		return false
	}
	e.seen[1].From = e.seen[0].From
	e.seen = append(e.seen[:0], e.seen[1:]...)
	return true
}

// trim forgets the oldest epochs, and then the oldest holes, until the encoding
// takes at most room bytes, and adds those epochs to forgotten. Asked after every
// frame it does not depend on where runs end.
func (n *numbers) trim(room int, forgotten []string) []string {
	for size := n.size(); size > room; size = n.size() {
		if len(n.epochs) > 1 {
			forgotten = n.drop(forgotten)
		} else if len(n.epochs) == 0 || !n.epochs[0].join() {
			break
		}
	}
	return forgotten
}

// size is at least the length of the encoding, and not much more.
func (n *numbers) size() int {
	size := binary.MaxVarintLen64
	for i := range n.epochs {
		e := &n.epochs[i]
		size += len(e.name) + 2*binary.MaxVarintLen16 + 2*binary.MaxVarintLen64*len(e.seen)
	}
	return size
}

func (n *numbers) append(b []byte) []byte {
	b = wire.Uint(b, uint64(len(n.epochs)))
	for _, e := range n.epochs {
		b = wire.String(b, e.name)
		b = e.seen.Append(b)
	}
	return b
}

func readNumbers(r *wire.Reader) numbers {
	var n numbers
	if c := r.Count(); c > 0 {
		n.epochs = make([]epoch, c)
		for i := range n.epochs {
			n.epochs[i] = epoch{r.String(), chunk.ReadOffsets(r)}
			if len(n.epochs[i].seen) == 0 {
				r.Fail() // never written
				return numbers{}
			}
		}
	}
	return n
}

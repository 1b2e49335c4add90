package nodes

import (
	"fmt"

	"github.com/framebeam/framebeam/transforms/wire"
)

// piece is what one results file knows of a stretch of a camera's time or of a track.
// Pieces of one key come together from all files.
type piece struct {
	// Of a stretch: the first frame with a hash, the key frames that cuts has told, the
	// first frames after cuts, and what happened.
	first  []Node // at most one
	keys   []Node
	begins []Node
	events []Event
	counts []Count
	// last is when the last frame of the stretch was captured.
	last int64
	// Of a track, or nil.
	track *Node
}

func (p *piece) marshal() []byte {
	var b []byte
	for _, list := range [][]Node{p.first, p.keys, p.begins} {
		b = wire.Uint(b, uint64(len(list)))
		for i := range list {
			b = wire.Bytes(b, list[i].Marshal())
		}
	}
	b = wire.Uint(b, uint64(len(p.events)))
	for _, e := range p.events {
		b = e.append(b)
	}
	b = wire.Uint(b, uint64(len(p.counts)))
	for _, c := range p.counts {
		b = wire.Int(c.What.append(b), c.Times)
	}
	b = wire.Int(b, p.last)
	if p.track == nil {
		return wire.Bytes(b, nil)
	}
	return wire.Bytes(b, p.track.Marshal())
}

func unmarshalPiece(b []byte) (p piece, err error) {
	r := wire.NewReader(b)
	for _, list := range []*[]Node{&p.first, &p.keys, &p.begins} {
		*list = readList(r, func() Node {
			n, bad := Unmarshal(r.Bytes())
			if err == nil {
				err = bad
			}
			return n
		})
	}
	p.events = readList(r, func() Event { return readEvent(r) })
	p.counts = readList(r, func() Count { return Count{readWhat(r), r.Int()} })
	p.last = r.Int()
	if b := r.Bytes(); b != nil && err == nil {
		var n Node
		n, err = Unmarshal(b)
		p.track = &n
	}
	if bad := r.Close(); err == nil {
		err = bad
	}
	if err != nil {
		return piece{}, fmt.Errorf("decode piece: %w", err)
	}
	return p, nil
}

package graph

import (
	"cmp"
	"slices"

	"github.com/framebeam/framebeam/transforms/wire"
)

// rankMessage is what one part sends to another.
type rankMessage struct {
	spread  uint64   // of the sender's nodes, over all nodes
	changed uint64   // in the iteration before, by the sender's nodes
	gifts   []gift   // for the receiver's nodes, ascending, one for each
	own     []uint64 // the ranks that gave it, to the sender itself
}

// gift is what a node gets.
type gift struct {
	node   int64
	amount uint64
}

func (m *rankMessage) marshal() []byte {
	b := wire.Uint(wire.Uint(make([]byte, 0, 16+9*len(m.gifts)+6*len(m.own)), m.spread), m.changed)
	b = wire.Uint(b, uint64(len(m.gifts)))
	last := int64(0)
	for _, g := range m.gifts {
		b = wire.Uint(wire.Int(b, g.node-last), g.amount)
		last = g.node
	}
	return marshalRanks(b, m.own)
}

func unmarshalRankMessage(b []byte) (m rankMessage, err error) {
	r := wire.NewReader(b)
	m.spread, m.changed = r.Uint(), r.Uint()
	m.gifts = make([]gift, r.Count())
	last := int64(0)
	for i := range m.gifts {
		m.gifts[i] = gift{last + r.Int(), r.Uint()}
		last = m.gifts[i].node
	}
	m.own = readRanks(r)
	return m, r.Close()
}

func marshalRanks(b []byte, ranks []uint64) []byte {
	b = wire.Uint(b, uint64(len(ranks)))
	for _, x := range ranks {
		b = wire.Uint(b, x)
	}
	return b
}

func readRanks(r *wire.Reader) []uint64 {
	ranks := make([]uint64, r.Count())
	for i := range ranks {
		ranks[i] = r.Uint()
	}
	return ranks
}

// together sorts gifts and adds up those to the same node.
func together(gifts []gift) []gift {
	slices.SortFunc(gifts, func(a, b gift) int { return cmp.Compare(a.node, b.node) })
	sums := gifts[:0]
	for _, g := range gifts {
		if n := len(sums); n > 0 && sums[n-1].node == g.node {
			sums[n-1].amount += g.amount
			continue
		}
		sums = append(sums, g)
	}
	return sums
}

package graph

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/wire"
)

// Adjacency is a part of a graph: its nodes in ascending order, and all edges of each.
type Adjacency struct {
	Nodes []Node
	// Compared and GivenUp are how many pairs were looked at to find the graph's edges, and
	// left out of it: of those that were told to this part.
	Compared, GivenUp int64
}

// Node is a node with its edges.
type Node struct {
	ID    int64
	Edges []Half // by ascending To, of which each is there once
}

// Half is an edge as one of its nodes has it.
type Half struct {
	To     int64
	Weight uint16
	Kind   uint8
}

// weight is that of all its edges.
func (n *Node) weight() (sum uint64) {
	for _, e := range n.Edges {
		sum += uint64(e.Weight)
	}
	return sum
}

// newAdjacency makes a part of nodes and the edges that begin in it, in any order. Both may
// be there more than once.
func newAdjacency(nodes []int64, from []Edge) (Adjacency, error) {
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	slices.SortFunc(from, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.Kind, y.Kind))
	})
	from = slices.CompactFunc(from, func(x, y Edge) bool { return x.A == y.A && x.B == y.B })
	halves := make([]Half, len(from))
	for i, e := range from {
		halves[i] = Half{e.B, e.Weight, e.Kind}
	}
	a := Adjacency{Nodes: make([]Node, len(nodes))}
	at := 0
	for i, id := range nodes {
		n := at
		for n < len(from) && from[n].A == id {
			n++
		}
		a.Nodes[i] = Node{id, halves[at:n:n]}
		at = n
	}
	if at < len(from) {
		return Adjacency{}, fmt.Errorf("graph: the edge %d to %d has no node %d", from[at].A, from[at].B, from[at].A)
	}
	return a, nil
}

const adjacencyVersion = 1

// Marshal encodes the part as its file holds it.
func (a *Adjacency) Marshal() []byte {
	b := wire.Int(wire.Int([]byte{adjacencyVersion}, a.Compared), a.GivenUp)
	b = wire.Uint(b, uint64(len(a.Nodes)))
	last := int64(0)
	for _, n := range a.Nodes {
		b = wire.Uint(wire.Int(b, n.ID-last), uint64(len(n.Edges)))
		last = n.ID
		to := n.ID
		for _, e := range n.Edges {
			b = wire.Uint(wire.Uint(wire.Int(b, e.To-to), uint64(e.Weight)), uint64(e.Kind))
			to = e.To
		}
	}
	return b
}

// UnmarshalAdjacency is the inverse of [Adjacency.Marshal].
func UnmarshalAdjacency(b []byte) (Adjacency, error) {
	r, err := wire.Open(b, adjacencyVersion)
	if err != nil {
		return Adjacency{}, fmt.Errorf("decode part of a graph: %w", err)
	}
	a := Adjacency{Compared: r.Int(), GivenUp: r.Int()}
	a.Nodes = make([]Node, r.Count())
	last := int64(0)
	for i := range a.Nodes {
		n := &a.Nodes[i]
		n.ID = last + r.Int()
		last = n.ID
		n.Edges = make([]Half, r.Count())
		to := n.ID
		for k := range n.Edges {
			n.Edges[k] = Half{to + r.Int(), readWeight(r), uint8(r.Uint())}
			to = n.Edges[k].To
		}
	}
	if err := r.Close(); err != nil {
		return Adjacency{}, fmt.Errorf("decode part of a graph: %w", err)
	}
	return a, nil
}

// The folder of the graph in the work folder.
const edgesDir = "edges"

// partFile is the file of a part in a folder of the work folder.
func partFile(dir string, part int64) string { return fmt.Sprintf("%s/part+%04d", dir, part) }

// Part reads a part of the graph that [Store] has stored.
func (c Config) Part(ctx context.Context, part int) (Adjacency, error) {
	folder, err := store.Open(ctx, c.Work)
	if err != nil {
		return Adjacency{}, err
	}
	return readAdjacency(ctx, folder, int64(part))
}

func readAdjacency(ctx context.Context, folder *store.Folder, part int64) (Adjacency, error) {
	name := partFile(edgesDir, part)
	b, err := folder.Read(ctx, name)
	if err != nil {
		return Adjacency{}, err
	}
	a, err := UnmarshalAdjacency(b)
	if err != nil {
		return Adjacency{}, fmt.Errorf("read %s: %w", folder.Path(name), err)
	}
	return a, nil
}

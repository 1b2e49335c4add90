package graph

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterDoFn(&nodesFn{})
	beam.RegisterDoFn(&edgesFn{})
	beam.RegisterDoFn(&everyPartFn{})
	beam.RegisterDoFn(&storeFn{})
	register.Emitter2[string, int]()
}

// Store stores a graph in the work folder, and ends the pipeline: nodes (a PCollection of
// int64) and edges (PCollections of [Edges], at least one) in any order, and more than once
// if need be. Both nodes of an edge must be among the nodes.
func Store(s beam.Scope, cfg Config, nodes beam.PCollection, edges ...beam.PCollection) {
	s = s.Scope("graph.Store")
	if err := cfg.Validate(); err != nil {
		panic(fmt.Sprintf("graph.Store: %v", err))
	}
	sent := []beam.PCollection{
		beam.ParDo(s, &everyPartFn{Config: cfg}, beam.Impulse(s)),
		beam.ParDo(s, &nodesFn{Config: cfg}, nodes),
	}
	for _, e := range edges {
		sent = append(sent, beam.ParDo(s, &edgesFn{Config: cfg}, e))
	}
	element.End(s, beam.ParDo(s, &storeFn{worker{Config: cfg}}, beam.GroupByKey(s, beam.Flatten(s, sent...))))
}

// What a message to a part has, by its first byte.
const (
	someNodes = 'n'
	someEdges = 'e'
)

// everyPartFn sends every part a message, so that one without nodes is stored too.
type everyPartFn struct{ Config Config }

// ProcessElement sends no nodes.
func (fn *everyPartFn) ProcessElement(_ []byte, emit func(int64, []byte)) {
	for p := range int64(fn.Config.Parts) {
		emit(p, marshalNodes(nil))
	}
}

// nodesFn sends nodes to their parts.
type nodesFn struct {
	Config Config
	out    outbox[int64]
}

// ProcessElement keeps what goes to the same part together.
func (fn *nodesFn) ProcessElement(node int64, emit func(int64, []byte)) error {
	if node < 0 {
		return fmt.Errorf("graph: %d is no node", node)
	}
	fn.out.put(fn.Config.part(node), node, marshalNodes, emit)
	return nil
}

// FinishBundle sends what is left.
func (fn *nodesFn) FinishBundle(emit func(int64, []byte)) { fn.out.flush(marshalNodes, emit) }

func marshalNodes(nodes []int64) []byte {
	b := wire.Uint([]byte{someNodes}, uint64(len(nodes)))
	for _, n := range nodes {
		b = wire.Int(b, n)
	}
	return b
}

// edgesFn sends each edge to the parts of both of its nodes.
type edgesFn struct {
	Config Config
	out    outbox[Edge]
}

// ProcessElement keeps what goes to the same part together.
func (fn *edgesFn) ProcessElement(edges Edges, emit func(int64, []byte)) error {
	for _, e := range edges.List {
		if err := e.check(); err != nil {
			return err
		}
		fn.out.put(fn.Config.part(e.A), e, marshalEdges, emit)
		e.A, e.B = e.B, e.A
		fn.out.put(fn.Config.part(e.A), e, marshalEdges, emit)
	}
	if edges.Compared != 0 || edges.GivenUp != 0 {
		edges.List = nil
		emit(0, append([]byte{someEdges}, edges.Marshal()...))
	}
	return nil
}

// FinishBundle sends what is left.
func (fn *edgesFn) FinishBundle(emit func(int64, []byte)) { fn.out.flush(marshalEdges, emit) }

func marshalEdges(list []Edge) []byte {
	e := Edges{List: list}
	return append([]byte{someEdges}, e.Marshal()...)
}

// storeFn writes a part.
type storeFn struct{ worker }

// ProcessElement writes one part's file and emits nothing.
func (fn *storeFn) ProcessElement(ctx context.Context, part int64, messages func(*[]byte) bool, _ func(string, int)) error {
	var nodes []int64
	var edges Edges
	for m := []byte(nil); messages(&m); {
		var err error
		switch {
		case len(m) > 0 && m[0] == someNodes:
			nodes, err = appendNodes(nodes, m[1:])
		case len(m) > 0 && m[0] == someEdges:
			var e Edges
			e, err = UnmarshalEdges(m[1:])
			edges.List = append(edges.List, e.List...)
			edges.Compared += e.Compared
			edges.GivenUp += e.GivenUp
		default:
			err = wire.ErrCorrupt
		}
		if err != nil {
			return fmt.Errorf("message to part %d of a graph: %w", part, err)
		}
	}
	a, err := newAdjacency(nodes, edges.List)
	if err != nil {
		return err
	}
	a.Compared, a.GivenUp = edges.Compared, edges.GivenUp
	return fn.folder.WriteAtomic(ctx, partFile(edgesDir, part), a.Marshal())
}

func appendNodes(nodes []int64, b []byte) ([]int64, error) {
	r := wire.NewReader(b)
	n := r.Count()
	nodes = slices.Grow(nodes, n)
	for range n {
		nodes = append(nodes, r.Int())
	}
	return nodes, r.Close()
}

// Stats is what a graph has.
type Stats struct {
	Nodes, Edges int64
	// Compared is how many pairs of nodes were looked at to find the edges, and GivenUp how
	// many were not although they share a bucket; see [Near].
	Compared, GivenUp int64
}

// Stats reads what the graph has that [Store] has stored. It is an error if it has too many
// nodes to be ranked.
func (c Config) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	for p := range c.Parts {
		a, err := c.Part(ctx, p)
		if err != nil {
			return Stats{}, err
		}
		s.Nodes += int64(len(a.Nodes))
		s.Compared += a.Compared
		s.GivenUp += a.GivenUp
		for _, n := range a.Nodes {
			s.Edges += int64(len(n.Edges))
		}
	}
	s.Edges /= 2
	if s.Nodes > MostNodes {
		return s, fmt.Errorf("graph: %d nodes, at most %d", s.Nodes, MostNodes)
	}
	return s, nil
}

// Stored reports whether [Store] has stored all parts.
func (c Config) Stored(ctx context.Context) (bool, error) {
	folder, err := store.Open(ctx, c.Work)
	if err != nil {
		return false, err
	}
	for p := range int64(c.Parts) {
		if is, err := folder.Exists(ctx, partFile(edgesDir, p)); !is || err != nil {
			return false, err
		}
	}
	return true, nil
}

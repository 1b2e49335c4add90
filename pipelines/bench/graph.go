package main

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/pipelines/launch"
	"github.com/framebeam/framebeam/transforms/graph"
)

func init() {
	beam.RegisterFunction(signaturesOf)
	beam.RegisterFunction(nodeOf)
}

// A graph of pictures of which some ten each show the same.
const (
	graphNodes     = 100_000
	graphBlock     = 1000 // nodes that one element becomes
	graphAlike     = 10   // nodes of one kind
	graphDiffer    = 5    // bits in which a node differs from its kind at most
	graphMost      = 8    // bits in which neighbours differ at most
	graphWindow    = 32
	graphIteration = 20
)

func measureGraph(ctx context.Context, b *bencher) ([]sample, error) {
	bare, err := b.run(ctx, "bare graph", "bare graph", params{})
	if err != nil {
		return nil, err
	}
	ours, err := b.run(ctx, "graph on the direct runner", "graph", params{})
	if err != nil {
		return nil, err
	}
	if ours.Boxes != bare.Boxes {
		return nil, fmt.Errorf("graph: %d edges, the bare loop finds %d", ours.Boxes, bare.Boxes)
	}
	return []sample{{ours.CPU.Seconds(), bare.CPU.Seconds()}}, nil
}

// signaturesOf are those of a block of nodes.
func signaturesOf(block int64, emit func(graph.Signature)) {
	for _, s := range blockOf(block) {
		emit(s)
	}
}

func blockOf(block int64) []graph.Signature {
	r := rand.New(rand.NewPCG(uint64(block), 1)) //nolint:gosec // the same in every run
	all := make([]graph.Signature, graphBlock)
	for i := range all {
		node := block*graphBlock + int64(i)
		x := rand.New(rand.NewPCG(uint64(node/graphAlike), 2)).Uint64() //nolint:gosec // as above
		for range r.IntN(graphDiffer + 1) {
			x ^= 1 << r.IntN(64)
		}
		all[i] = graph.Signature{Node: node, Bits: x}
	}
	return all
}

func nodeOf(s graph.Signature) int64 { return s.Node }

// onGraph finds edges, components and ranks in pipelines.
func onGraph(ctx context.Context, p params) (cost, error) {
	dir, err := os.MkdirTemp(p.Scratch, "graph-")
	if err != nil {
		return cost{}, fmt.Errorf("work folder: %w", err)
	}
	defer os.RemoveAll(dir)
	cfg := graph.Config{Work: dir, Parts: 8}
	run := func(ctx context.Context, p *beam.Pipeline) error { return launch.Direct.Run(ctx, p, nil) }
	c, err := measure(p.Profile, func() error {
		blocks := make([]int64, graphNodes/graphBlock)
		for i := range blocks {
			blocks[i] = int64(i)
		}
		p, s := beam.NewPipelineWithRoot()
		signatures := beam.ParDo(s, signaturesOf, beam.Reshuffle(s, beam.CreateList(s, blocks)))
		graph.Store(s, cfg, beam.ParDo(s, nodeOf, signatures), graph.Near(s, cfg, graph.NearConfig{Most: graphMost, Window: graphWindow}, signatures))
		if err := run(ctx, p); err != nil {
			return err
		}
		if _, err := graph.Components(ctx, run, cfg); err != nil {
			return err
		}
		_, err := graph.PageRank(ctx, run, cfg, graph.RankConfig{Iterations: graphIteration})
		return err
	})
	if err != nil {
		return c, err
	}
	stats, err := cfg.Stats(ctx)
	c.Frames, c.Boxes = stats.Nodes, stats.Edges
	return c, err
}

// bareGraph does the same in one loop each: the same buckets in a map, a union of sets, and
// ranks in floating point.
func bareGraph(_ context.Context, p params) (cost, error) {
	var edges int64
	c, err := measure(p.Profile, func() error {
		var all []graph.Signature
		for i := range int64(graphNodes / graphBlock) {
			all = append(all, blockOf(i)...)
		}
		to := bareEdges(all)
		set := make([]int32, len(all))
		for i := range set {
			set[i] = int32(i)
		}
		find := func(i int32) int32 {
			for set[i] != i {
				set[i] = set[set[i]]
				i = set[i]
			}
			return i
		}
		for i, list := range to {
			edges += int64(len(list))
			for _, k := range list {
				a, b := find(int32(i)), find(k)
				set[max(a, b)] = min(a, b)
			}
		}
		edges /= 2
		bareRanks(to)
		return nil
	})
	c.Frames, c.Boxes = graphNodes, edges
	return c, err
}

// bareEdges are the neighbours of each node.
func bareEdges(all []graph.Signature) [][]int32 {
	to := make([][]int32, len(all))
	for a := range 8 {
		for b := a + 1; b < 8; b++ {
			buckets := map[uint16][]graph.Signature{}
			for _, s := range all {
				key := uint16(byte(s.Bits>>(8*a)))<<8 | uint16(byte(s.Bits>>(8*b)))
				buckets[key] = append(buckets[key], s)
			}
			for _, in := range buckets {
				slices.SortFunc(in, func(x, y graph.Signature) int {
					if x.Bits != y.Bits {
						if x.Bits < y.Bits {
							return -1
						}
						return 1
					}
					return int(x.Node - y.Node)
				})
				for i, x := range in {
					for _, y := range in[i+1 : min(len(in), i+1+graphWindow)] {
						if bits.OnesCount64(x.Bits^y.Bits) <= graphMost && firstIn(x.Bits^y.Bits, a, b) {
							to[x.Node] = append(to[x.Node], int32(y.Node))
							to[y.Node] = append(to[y.Node], int32(x.Node))
						}
					}
				}
			}
		}
	}
	return to
}

// firstIn reports whether a and b are the first two bytes in which nothing differs.
func firstIn(differs uint64, a, b int) bool {
	for i := range b {
		if i != a && byte(differs>>(8*i)) == 0 {
			return false
		}
	}
	return true
}

func bareRanks(to [][]int32) []float64 {
	rank, next := make([]float64, len(to)), make([]float64, len(to))
	for i := range rank {
		rank[i] = 1
	}
	for range graphIteration {
		clear(next)
		alone := 0.0
		for i, list := range to {
			if len(list) == 0 {
				alone += rank[i]
			}
			for _, k := range list {
				next[k] += rank[i] / float64(len(list))
			}
		}
		for i := range next {
			next[i] = 0.15 + 0.85*(next[i]+alone/float64(len(to)))
		}
		rank, next = next, rank
	}
	return rank
}

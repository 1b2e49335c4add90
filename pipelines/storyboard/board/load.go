package board

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/pipelines/storyboard/nodes"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/graph"
)

// ranked is a node with what was computed of it.
type ranked struct {
	nodes.Node
	component int64 // the least number of a node in it
	rank      uint64
}

// pair is two tracks that are perhaps the same thing.
type pair struct {
	from, to int64 // numbers of nodes; to begins later
	score    int   // thousandths
}

func (p pair) compare(q pair) int {
	return cmp.Or(cmp.Compare(q.score, p.score), cmp.Compare(p.from, q.from), cmp.Compare(p.to, q.to))
}

// mostPairs is how many of the best pairs of tracks are kept.
const mostPairs = 5000

// load reads all nodes, by camera and time, and the best pairs of tracks.
func load(ctx context.Context, work *store.Folder, g graph.Config) (all []ranked, pairs []pair, err error) {
	computed, err := g.Computed(ctx)
	if err != nil {
		return nil, nil, err
	}
	for p := range g.Parts {
		some, err := nodes.Read(ctx, work, p)
		if err != nil {
			return nil, nil, err
		}
		a, err := g.Part(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		labels, err := computed.Labels(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		ranks, err := computed.Ranks(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		if len(some) != len(a.Nodes) || len(ranks) != len(a.Nodes) {
			return nil, nil, fmt.Errorf("work folder %s: part %d has %d nodes, %d in the graph and %d ranks", work.Root(), p, len(some), len(a.Nodes), len(ranks))
		}
		for i, n := range some {
			if a.Nodes[i].ID != n.ID {
				return nil, nil, fmt.Errorf("work folder %s: node %d of part %d is %d in the graph", work.Root(), n.ID, p, a.Nodes[i].ID)
			}
			label, ok := labels[n.ID]
			if !ok {
				label = n.ID
			}
			all = append(all, ranked{n, label, ranks[i]})
			for _, e := range a.Nodes[i].Edges {
				if e.Kind == nodes.Gap && e.To > n.ID {
					pairs = append(pairs, pair{n.ID, e.To, int(e.Weight)})
				}
			}
			if len(pairs) > 2*mostPairs {
				pairs = best(pairs)
			}
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(strings.Compare(a.Camera, b.Camera), strings.Compare(a.Topic, b.Topic), cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID))
	})
	return all, best(pairs), nil
}

func best(pairs []pair) []pair {
	slices.SortFunc(pairs, pair.compare)
	return pairs[:min(len(pairs), mostPairs)]
}

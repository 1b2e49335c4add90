package graph_test

import (
	"context"
	"fmt"
	"os"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	"github.com/framebeam/framebeam/transforms/graph"
)

// Nodes 1, 2 and 5 hang together, 2 in their middle; 9 is alone.
func Example() {
	ctx := context.Background()
	work, err := os.MkdirTemp("", "graph-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(work)
	cfg := graph.Config{Work: work, Parts: 1}
	run := func(ctx context.Context, p *beam.Pipeline) error {
		_, err := prism.Execute(ctx, p)
		return err
	}

	p, s := beam.NewPipelineWithRoot()
	edges := []graph.Edges{{List: []graph.Edge{{A: 5, B: 2, Weight: 1}, {A: 1, B: 2, Weight: 1}}}}
	graph.Store(s, cfg, beam.CreateList(s, []int64{1, 2, 5, 9}), beam.CreateList(s, edges))
	if err := run(ctx, p); err != nil {
		panic(err)
	}
	if _, err := graph.Components(ctx, run, cfg); err != nil {
		panic(err)
	}
	if _, err := graph.PageRank(ctx, run, cfg, graph.RankConfig{}); err != nil {
		panic(err)
	}

	part, err := cfg.Part(ctx, 0)
	if err != nil {
		panic(err)
	}
	computed, err := cfg.Computed(ctx)
	if err != nil {
		panic(err)
	}
	labels, err := computed.Labels(ctx, 0)
	if err != nil {
		panic(err)
	}
	ranks, err := computed.Ranks(ctx, 0)
	if err != nil {
		panic(err)
	}
	for i, n := range part.Nodes {
		label, ok := labels[n.ID]
		if !ok {
			label = n.ID // alone
		}
		fmt.Printf("node %d, component %d, rank %.2f\n", n.ID, label, float64(ranks[i])/graph.One)
	}
	// Output:
	// node 1, component 1, rank 0.99
	// node 2, component 1, rank 1.84
	// node 5, component 1, rank 0.99
	// node 9, component 9, rank 0.19
}

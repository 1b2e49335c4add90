package graph

import (
	"context"
	"log/slog"
	"maps"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
)

func TestMain(m *testing.M) {
	beam.Init()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	*jobopts.Experiments = "prism_disable_sdf_split"
	os.Exit(m.Run())
}

// onPrism runs a pipeline on the direct runner.
func onPrism(ctx context.Context, p *beam.Pipeline) error {
	_, err := prism.Execute(ctx, p)
	return err
}

// plain is a graph in the plainest form.
type plain struct {
	nodes []int64
	edges []Edge
}

// neighbours are those of each node, by the rule for several edges between two nodes.
func (g plain) neighbours() map[int64]map[int64]Edge {
	of := map[int64]map[int64]Edge{}
	for _, n := range g.nodes {
		of[n] = map[int64]Edge{}
	}
	for _, e := range g.edges {
		for range 2 {
			have, ok := of[e.A][e.B]
			if !ok || e.Weight > have.Weight || e.Weight == have.Weight && e.Kind < have.Kind {
				of[e.A][e.B] = e
			}
			e.A, e.B = e.B, e.A
		}
	}
	return of
}

// components is the least node of each node's component, found by walking.
func (g plain) components() map[int64]int64 {
	of, label := g.neighbours(), map[int64]int64{}
	for _, start := range slices.Sorted(maps.Keys(of)) {
		if _, seen := label[start]; seen {
			continue
		}
		for left := []int64{start}; len(left) > 0; {
			n := left[len(left)-1]
			left = left[:len(left)-1]
			if _, seen := label[n]; seen {
				continue
			}
			label[n] = start
			left = slices.AppendSeq(left, maps.Keys(of[n]))
		}
	}
	return label
}

// ranks is PageRank in one loop, in the same whole numbers.
func (g plain) ranks(c RankConfig) map[int64]uint64 {
	c = c.withDefaults()
	of, rank := g.neighbours(), map[int64]uint64{}
	for n := range of {
		rank[n] = One
	}
	for range c.Iterations {
		in, spread, changed := map[int64]uint64{}, uint64(0), uint64(0)
		for n, edges := range of {
			var all uint64
			for _, e := range edges {
				all += uint64(e.Weight)
			}
			left := rank[n]
			for to, e := range edges {
				hi, lo := bits.Mul64(rank[n], uint64(e.Weight))
				x, _ := bits.Div64(hi, lo, all)
				in[to] += x
				left -= x
			}
			spread += left
		}
		next := map[int64]uint64{}
		for n := range of {
			hi, lo := bits.Mul64(in[n]+spread/uint64(len(of)), uint64(c.Damping))
			x, _ := bits.Div64(hi, lo, 100)
			next[n] = One*uint64(100-c.Damping)/100 + x
			changed += max(next[n], rank[n]) - min(next[n], rank[n])
		}
		rank = next
		if changed <= c.Tolerance*uint64(len(of)) {
			break
		}
	}
	return rank
}

// random is a graph of so many nodes with numbers far apart, in paths, stars, cliques and
// at random, and nodes alone.
func random(r *rand.Rand, n int) plain {
	var g plain
	seen := map[int64]bool{}
	for len(g.nodes) < n {
		id := r.Int64N(1 << 50)
		if !seen[id] {
			seen[id] = true
			g.nodes = append(g.nodes, id)
		}
	}
	join := func(i, k int) {
		if i != k {
			g.edges = append(g.edges, Edge{g.nodes[i], g.nodes[k], uint16(1 + r.IntN(MostWeight)), uint8(r.IntN(4))})
		}
	}
	for at := 0; at < n; {
		m := min(1+r.IntN(1+n/2), n-at)
		switch r.IntN(4) {
		case 0: // a path, in the order of neither the numbers nor the parts
			for i := 1; i < m; i++ {
				join(at+i-1, at+i)
			}
		case 1:
			for i := 1; i < m; i++ {
				join(at, at+i)
			}
		case 2:
			for range 2 * m {
				join(at+r.IntN(m), at+r.IntN(m))
			}
		}
		at += m
	}
	return g
}

// stored stores the graph in a new work folder.
func stored(t *testing.T, g plain, parts, unroll int) Config {
	t.Helper()
	cfg := Config{Work: t.TempDir(), Parts: parts, Unroll: unroll}
	p, s := beam.NewPipelineWithRoot()
	several := []Edges{{}}
	for e := range slices.Chunk(g.edges, 7) {
		several = append(several, Edges{List: e, Compared: int64(len(e)), GivenUp: 1})
	}
	Store(s, cfg, beam.CreateList(s, g.nodes), beam.CreateList(s, several))
	if err := onPrism(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// found is what was computed of a stored graph.
type found struct {
	Component map[int64]int64
	Rank      map[int64]uint64
}

func read(t *testing.T, cfg Config) found {
	t.Helper()
	f := found{map[int64]int64{}, map[int64]uint64{}}
	of, err := cfg.Computed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for p := range cfg.Parts {
		a, err := cfg.Part(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		labels, err := of.Labels(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		ranks, err := of.Ranks(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range a.Nodes {
			label, ok := labels[n.ID]
			if !ok {
				label = n.ID
			}
			f.Component[n.ID], f.Rank[n.ID] = label, ranks[i]
		}
	}
	return f
}

package graph

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/google/go-cmp/cmp"
)

func TestComponentsAndRanksAreThoseOfAPlainLoop(t *testing.T) {
	for seed, c := range []struct{ nodes, parts, unroll int }{
		{0, 3, 4}, {1, 1, 8}, {2, 2, 1}, {9, 4, 3}, {40, 5, 8}, {120, 7, 2}, {300, 3, 8}, {700, 8, 20},
	} {
		t.Run(fmt.Sprintf("%d nodes in %d parts", c.nodes, c.parts), func(t *testing.T) {
			g := random(rand.New(rand.NewPCG(uint64(seed), 1)), c.nodes)
			cfg := stored(t, g, c.parts, c.unroll)
			rank := RankConfig{Iterations: 7}
			compute(t, cfg, rank)
			got := read(t, cfg)
			if diff := cmp.Diff(found{g.components(), g.ranks(rank)}, got); diff != "" {
				t.Error(diff)
			}
			var sum uint64
			for _, r := range got.Rank {
				sum += r
			}
			if want := float64(c.nodes) * One; math.Abs(float64(sum)-want) > 1e-6*want {
				t.Errorf("ranks are %d together, of %d nodes", sum, c.nodes)
			}
			stats, err := cfg.Stats(t.Context())
			edges := 0
			for _, of := range g.neighbours() {
				edges += len(of)
			}
			want := Stats{int64(c.nodes), int64(edges / 2), int64(len(g.edges)), int64(len(g.edges)+6) / 7}
			if err != nil || stats != want {
				t.Errorf("%+v, %v; want %+v", stats, err, want)
			}
		})
	}
}

func compute(t *testing.T, cfg Config, rank RankConfig) (supersteps, iterations int) {
	t.Helper()
	supersteps, err := Components(t.Context(), onPrism, cfg)
	if err == nil {
		iterations, err = PageRank(t.Context(), onPrism, cfg, rank)
	}
	if err != nil {
		t.Fatal(err)
	}
	return supersteps, iterations
}

func TestALongPathNeedsFewSupersteps(t *testing.T) {
	const n = 4096
	var g plain
	for i := range int64(n) {
		g.nodes = append(g.nodes, i)
		if i > 0 {
			g.edges = append(g.edges, Edge{i - 1, i, 1, 0})
		}
	}
	cfg := stored(t, g, 4, 8)
	supersteps, err := Components(t.Context(), onPrism, cfg)
	if err != nil || supersteps > 4*12 {
		t.Errorf("%d supersteps, %v", supersteps, err)
	}
	t.Log(supersteps, "supersteps")
	of, err := cfg.Computed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for p := range cfg.Parts {
		labels, err := of.Labels(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for node, label := range labels {
			if label != 0 {
				t.Fatalf("%d is in the component of %d", node, label)
			}
		}
	}
}

func TestRanksThatSettleEndTheIterations(t *testing.T) {
	g := random(rand.New(rand.NewPCG(4, 4)), 60)
	rank := RankConfig{Iterations: 500, Tolerance: One / 1000}
	want := g.ranks(rank)
	for _, unroll := range []int{2, 7, 60} {
		cfg := stored(t, g, 3, unroll)
		_, iterations := compute(t, cfg, rank)
		if iterations >= 120 {
			t.Errorf("%d iterations", iterations)
		}
		if got := read(t, cfg).Rank; !maps.Equal(want, got) {
			t.Errorf("with %d supersteps in a pipeline: %s", unroll, cmp.Diff(want, got))
		}
	}
}

// A computation that is killed in any of its pipelines, when a state is only partly there,
// goes on to the same.
func TestAnInterruptedComputationGoesOn(t *testing.T) {
	g := random(rand.New(rand.NewPCG(8, 2)), 200)
	rank := RankConfig{Iterations: 6}
	cfg := stored(t, g, 3, 2)
	killed := errors.New("killed")
	pipelines := 0
	run := func(ctx context.Context, p *beam.Pipeline) error {
		err := onPrism(ctx, p)
		if pipelines++; err != nil || pipelines%2 == 0 {
			return err
		}
		dirs, err := filepath.Glob(filepath.Join(cfg.Work, "*+*"))
		return errors.Join(err, os.Remove(filepath.Join(slices.Max(dirs), "part+0001")), killed)
	}
	again := func(compute func() error) {
		err := killed
		for errors.Is(err, killed) {
			err = compute()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	again(func() error { _, err := Components(t.Context(), run, cfg); return err })
	again(func() error { _, err := PageRank(t.Context(), run, cfg, rank); return err })
	if diff := cmp.Diff(found{g.components(), g.ranks(rank)}, read(t, cfg)); diff != "" {
		t.Error(diff)
	}
	if pipelines < 8 {
		t.Errorf("only %d pipelines", pipelines)
	}
}

func TestAnEdgeToANodeThatIsNotThereIsAnError(t *testing.T) {
	cfg := Config{Work: t.TempDir(), Parts: 2}
	p, s := beam.NewPipelineWithRoot()
	Store(s, cfg, beam.CreateList(s, []int64{1}), beam.CreateList(s, []Edges{{List: []Edge{{1, 2, 5, 0}}}}))
	if err := onPrism(t.Context(), p); err == nil {
		t.Error("it was stored")
	}
}

func TestWhatIsNotComputedYetIsAnError(t *testing.T) {
	cfg := stored(t, plain{nodes: []int64{1, 2}, edges: []Edge{{1, 2, 5, 0}}}, 2, 8)
	of, err := cfg.Computed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := of.Labels(t.Context(), 0); err == nil {
		t.Error("there are components")
	}
	if _, err := of.Ranks(t.Context(), 0); err == nil {
		t.Error("there are ranks")
	}
}

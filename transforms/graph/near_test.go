package graph

import (
	"cmp"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// near runs both DoFns without an engine, the signatures cut and delivered in any order.
func near(t interface{ Fatal(...any) }, cfg NearConfig, shards int64, all []Signature, r *rand.Rand) (edges []Edge, compared, givenUp int64) {
	sent := map[int64][][]byte{}
	r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	for bundle := range slices.Chunk(all, 1+r.IntN(len(all)+1)) {
		fn := &bandFn{Shards: shards}
		emit := func(to int64, b []byte) { sent[to] = append(sent[to], b) }
		for _, s := range bundle {
			fn.ProcessElement(s, emit)
		}
		fn.FinishBundle(emit)
	}
	for key, batches := range sent {
		fn := &pairFn{Config: cfg, Shards: shards}
		next := func(b *[]byte) bool {
			if len(batches) == 0 {
				return false
			}
			*b, batches = batches[0], batches[1:]
			return true
		}
		if err := fn.ProcessElement(key, next, func(e Edges) {
			edges = append(edges, e.List...)
			compared += e.Compared
			givenUp += e.GivenUp
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(edges, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	return edges, compared, givenUp
}

// allPairs is what Near finds, by the rule of its comment and all pairs.
func allPairs(cfg NearConfig, all []Signature) (edges []Edge) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Signature) int { return cmp.Or(cmp.Compare(a.Bits, b.Bits), cmp.Compare(a.Node, b.Node)) })
	for i, a := range all {
		for k, b := range all[i+1:] {
			d := bits.OnesCount64(a.Bits ^ b.Bits)
			if d > cfg.Most {
				continue
			}
			table := slices.IndexFunc(blocksOf[:], func(of [2]int) bool {
				return byte(a.Bits>>(8*of[0])) == byte(b.Bits>>(8*of[0])) && byte(a.Bits>>(8*of[1])) == byte(b.Bits>>(8*of[1]))
			})
			if table < 0 {
				continue
			}
			between := 0
			for _, c := range all[i+1 : i+1+k] {
				if band(table, c.Bits) == band(table, a.Bits) {
					between++
				}
			}
			if between < cfg.window() {
				edges = append(edges, Edge{a.Node, b.Node, uint16(1000 * (64 - d) / 64), cfg.Kind})
			}
		}
	}
	slices.SortFunc(edges, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	return edges
}

// drawSignatures are some that are alike: few bits differ from few others.
func drawSignatures(t *rapid.T) []Signature {
	centres := rapid.SliceOfN(rapid.Uint64(), 1, 4).Draw(t, "centres")
	n := rapid.IntRange(0, 60).Draw(t, "signatures")
	all := make([]Signature, n)
	for i := range all {
		x := rapid.SampledFrom(centres).Draw(t, "centre")
		for _, bit := range rapid.SliceOfN(rapid.IntRange(0, 63), 0, 8).Draw(t, "differs") {
			x ^= 1 << bit
		}
		all[i] = Signature{int64(i), x}
	}
	return all
}

func TestPairsInBucketsAreThoseOfAllPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawSignatures(t)
		cfg := NearConfig{Most: rapid.IntRange(0, 20).Draw(t, "most"), Window: rapid.IntRange(1, 9).Draw(t, "window"), Kind: 3}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		want := allPairs(cfg, all)
		got, compared, _ := near(t, cfg, rapid.Int64Range(1, 5).Draw(t, "shards"), all, r)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if most := int64(tables * len(all) * cfg.Window); compared > most {
			t.Fatalf("%d pairs compared, at most %d", compared, most)
		}
	})
}

func TestPairsThatDifferInFewBitsAreAlwaysFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Uint64().Draw(t, "a")
		b := a
		for _, bit := range rapid.SliceOfN(rapid.IntRange(0, 63), 0, 6).Draw(t, "differs") {
			b ^= 1 << bit
		}
		got, _, _ := near(t, NearConfig{Most: 6}, 2, []Signature{{1, a}, {2, b}}, rand.New(rand.NewPCG(0, 0)))
		if len(got) != 1 {
			t.Fatalf("%d edges", len(got))
		}
	})
}

func TestAHotBucketCostsItsWindow(t *testing.T) {
	const n, window = 3000, 4
	all := make([]Signature, n)
	for i := range all {
		all[i] = Signature{int64(i), 42}
	}
	edges, compared, givenUp := near(t, NearConfig{Most: 3, Window: window}, 1, all, rand.New(rand.NewPCG(1, 1)))
	const within = window*n - window*(window+1)/2
	if compared != tables*within || givenUp != tables*(n*(n-1)/2-within) || len(edges) != within {
		t.Errorf("%d pairs compared, %d given up, %d edges", compared, givenUp, len(edges))
	}
}

// How many of those that share no bucket there are is what the comment of Near says.
func TestWhatIsGivenUpIsAsMuchAsIsSaid(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for d, want := range map[int]float64{6: 0, 7: 0.027, 8: 0.10, 9: 0.21, 10: 0.33} {
		const trials = 20000
		missed := 0
		for range trials {
			a := r.Uint64()
			b := a
			for _, bit := range r.Perm(64)[:d] {
				b ^= 1 << bit
			}
			if firstTable(a, b) < 0 {
				missed++
			}
		}
		if got := float64(missed) / trials; got < want-0.01 || got > want+0.01 {
			t.Errorf("%.3f of those that differ in %d bits are missed, not %.2f", got, d, want)
		}
	}
}

func TestNearIsTheSameOnAnEngine(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	var all []Signature
	var g plain
	for i := range int64(400) {
		x := mix(uint64(i % 20))
		for range r.IntN(9) {
			x ^= 1 << r.IntN(64)
		}
		all = append(all, Signature{i, x})
		g.nodes = append(g.nodes, i)
	}
	near := NearConfig{Most: 10, Window: 8}
	g.edges = allPairs(near, all)
	for _, parts := range []int{1, 3} {
		t.Run(fmt.Sprint(parts), func(t *testing.T) {
			cfg := Config{Work: t.TempDir(), Parts: parts}
			p, s := beam.NewPipelineWithRoot()
			Store(s, cfg, beam.CreateList(s, g.nodes), Near(s, cfg, near, beam.CreateList(s, all)))
			if err := onPrism(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			compute(t, cfg, RankConfig{Iterations: 3})
			if diff := gocmp.Diff(found{g.components(), g.ranks(RankConfig{Iterations: 3})}, read(t, cfg)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

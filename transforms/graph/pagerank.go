package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterDoFn(&rankStartFn{})
	beam.RegisterDoFn(&rankFn{})
	beam.RegisterDoFn(&rankKeepFn{})
}

const rankName = "pagerank"

// One is the mean rank. Ranks are whole numbers of its 2^40th parts, so that their sums do
// not depend on the order in which they are made.
const One = 1 << 40

// RankConfig says how ranks are computed.
type RankConfig struct {
	Damping    int // percent, 1 to 99; 0: 85
	Iterations int // most, at least 1; 0: 20
	// Tolerance ends the iterations early: when all ranks together changed by no more than
	// this many 2^40ths a node, at most One. 0: when none changed.
	Tolerance uint64
}

const (
	defaultDamping    = 85
	defaultIterations = 20
)

// withDefaults fills in what is not said.
func (c RankConfig) withDefaults() RankConfig {
	if c.Damping == 0 {
		c.Damping = defaultDamping
	}
	if c.Iterations == 0 {
		c.Iterations = defaultIterations
	}
	return c
}

// Validate returns every violation, joined.
func (c RankConfig) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Damping < 1 || c.Damping > 99 {
		errs = append(errs, fmt.Errorf("pagerank: damping %d%%, not 1 to 99", c.Damping))
	}
	if c.Iterations < 1 || c.Iterations > 1000 {
		errs = append(errs, fmt.Errorf("pagerank: %d iterations, not 1 to 1000", c.Iterations))
	}
	if c.Tolerance > One {
		errs = append(errs, fmt.Errorf("pagerank: tolerance %d, above %d", c.Tolerance, uint64(One)))
	}
	return errors.Join(errs...)
}

// PageRank ranks the nodes of the graph that [Store] has stored (L. Page, S. Brin, R.
// Motwani and T. Winograd, The PageRank citation ranking: bringing order to the Web,
// Stanford 1999), and returns after how many iterations; see [Computed.Ranks]. Every edge
// leads both ways, and of a node's rank a share goes along it as its weight says: the nodes
// that are like many others rank highest (Y. Jing and S. Baluja, VisualRank, IEEE Trans.
// Pattern Analysis and Machine Intelligence 30(11), 2008). The rank of nodes without edges,
// and what dividing leaves, is spread over all nodes. If a run before was interrupted it
// goes on from there.
func PageRank(ctx context.Context, run Run, cfg Config, rank RankConfig) (iterations int, err error) {
	if err := errors.Join(cfg.Validate(), rank.Validate()); err != nil {
		return 0, err
	}
	rank = rank.withDefaults()
	stats, err := cfg.Stats(ctx)
	if err != nil {
		return 0, err
	}
	folder, err := store.Open(ctx, cfg.Work)
	if err != nil {
		return 0, err
	}
	at, changed, err := latest(ctx, folder, rankName, cfg.Parts)
	if err != nil {
		return 0, err
	}
	r := ranking{RankConfig: rank, Nodes: stats.Nodes}
	for at.n == 0 || at.n < rank.Iterations && !r.settled(changed) {
		next := step{rankName, min(at.n+cfg.unroll(), rank.Iterations)}
		p, s := beam.NewPipelineWithRoot()
		ranksFrom(s.Scope("graph.PageRank"), cfg, r, at.n, next.n)
		if changed, err = next.reach(ctx, run, p, folder, cfg.Parts); err != nil {
			return at.n, fmt.Errorf("pagerank, iterations %d to %d: %w", at.n+1, next.n, err)
		}
		at = next
	}
	return at.n, nil
}

// ranksFrom builds the supersteps from one state to another.
func ranksFrom(s beam.Scope, cfg Config, r ranking, from, to int) {
	ranker := partRanker{worker{Config: cfg}, r}
	sent := beam.ParDo(s, &rankStartFn{ranker, from}, cfg.each(s))
	for n := from + 1; n < to; n++ {
		sent = beam.ParDo(s, &rankFn{ranker}, beam.GroupByKey(s, sent))
	}
	element.End(s, beam.ParDo(s, &rankKeepFn{ranker, to}, beam.GroupByKey(s, sent)))
}

// ranking is the arithmetic, which an oracle can share.
type ranking struct {
	RankConfig
	Nodes int64 // of the whole graph
}

// settled reports whether ranks that changed by so much all together need no iteration more.
func (r ranking) settled(changed uint64) bool { return changed <= r.Tolerance*uint64(r.Nodes) }

// share is what a rank gives along an edge of a weight, of all that the node's edges weigh.
func share(rank, weight, all uint64) uint64 {
	hi, lo := bits.Mul64(rank, weight)
	q, _ := bits.Div64(hi, lo, all) // weight <= all, so hi < all
	return q
}

// next is a node's next rank, of what came along its edges and what is spread over all.
func (r ranking) next(in, spread uint64) uint64 {
	hi, lo := bits.Mul64(in+spread/uint64(r.Nodes), uint64(r.Damping))
	q, _ := bits.Div64(hi, lo, 100)
	return One*uint64(100-r.Damping)/100 + q
}

// always is a change with which ranks are not settled: there was no iteration yet.
const always uint64 = 1 << 63

// partRanker is what the DoFns of an iteration share.
type partRanker struct {
	worker
	Ranking ranking
}

// send sends what the nodes of a part give, by their ranks.
func (fn *partRanker) send(part int64, a *Adjacency, ranks []uint64, changed uint64, emit func(int64, []byte)) {
	out := make([]rankMessage, fn.Config.Parts)
	var spread uint64
	for i := range a.Nodes {
		n := &a.Nodes[i]
		left, all := ranks[i], n.weight()
		for _, e := range n.Edges {
			x := share(ranks[i], uint64(e.Weight), all)
			left -= x
			to := &out[fn.Config.part(e.To)]
			to.gifts = append(to.gifts, gift{e.To, x})
		}
		spread += left
	}
	out[part].own = ranks
	for p := range out {
		m := &out[p]
		m.spread, m.changed, m.gifts = spread, changed, together(m.gifts)
		emit(int64(p), m.marshal())
	}
}

// receive is an iteration of a part: its next ranks of what all parts have sent, and by how
// much they changed together.
func (fn *partRanker) receive(part int64, a *Adjacency, messages func(*[]byte) bool) (ranks []uint64, changed uint64, err error) {
	in := make([]uint64, len(a.Nodes))
	var own []uint64
	var spread, before uint64
	senders := 0
	for b := []byte(nil); messages(&b); senders++ {
		m, err := unmarshalRankMessage(b)
		if err != nil {
			return nil, 0, fmt.Errorf("message to part %d of ranks: %w", part, err)
		}
		spread += m.spread
		before += m.changed
		if len(m.own) > 0 {
			own = m.own
		}
		at := 0
		for _, g := range m.gifts {
			k, ok := slices.BinarySearchFunc(a.Nodes[at:], g.node, func(n Node, id int64) int { return cmp.Compare(n.ID, id) })
			if !ok {
				return nil, 0, fmt.Errorf("graph: an edge leads to %d, which is no node", g.node)
			}
			at += k
			in[at] += g.amount
		}
	}
	if senders != fn.Config.Parts || len(own) != len(in) {
		return nil, 0, fmt.Errorf("part %d of ranks has %d messages and %d ranks of %d parts and %d nodes",
			part, senders, len(own), fn.Config.Parts, len(in))
	}
	if fn.Ranking.settled(before) {
		return own, before / uint64(fn.Config.Parts), nil // nothing changes any more, in no part
	}
	for i, was := range own {
		in[i] = fn.Ranking.next(in[i], spread)
		changed += max(in[i], was) - min(in[i], was)
	}
	return in, changed, nil
}

// rankStartFn sends what the nodes of a part give in a state.
type rankStartFn struct {
	partRanker
	From int
}

// ProcessElement reads the part, and sends.
func (fn *rankStartFn) ProcessElement(ctx context.Context, part int64, _ func(*[]byte) bool, emit func(int64, []byte)) error {
	a, err := readAdjacency(ctx, fn.folder, part)
	if err != nil {
		return err
	}
	ranks, changed := make([]uint64, len(a.Nodes)), always/uint64(fn.Config.Parts)
	for i := range ranks {
		ranks[i] = One
	}
	if fn.From > 0 {
		if ranks, changed, err = readPartRanks(ctx, fn.folder, step{rankName, fn.From}, part); err != nil {
			return err
		}
	}
	fn.send(part, &a, ranks, changed, emit)
	return nil
}

// rankFn is an iteration.
type rankFn struct{ partRanker }

// ProcessElement computes the ranks of a part, and sends what they give.
func (fn *rankFn) ProcessElement(ctx context.Context, part int64, messages func(*[]byte) bool, emit func(int64, []byte)) error {
	a, err := readAdjacency(ctx, fn.folder, part)
	if err != nil {
		return err
	}
	ranks, changed, err := fn.receive(part, &a, messages)
	if err != nil {
		return err
	}
	fn.send(part, &a, ranks, changed, emit)
	return nil
}

// rankKeepFn is an iteration whose ranks are kept.
type rankKeepFn struct {
	partRanker
	To int
}

// ProcessElement computes the ranks of a part, writes its file and emits nothing.
func (fn *rankKeepFn) ProcessElement(ctx context.Context, part int64, messages func(*[]byte) bool, _ func(string, int)) error {
	a, err := readAdjacency(ctx, fn.folder, part)
	if err != nil {
		return err
	}
	ranks, changed, err := fn.receive(part, &a, messages)
	if err != nil {
		return err
	}
	return step{rankName, fn.To}.write(ctx, fn.folder, part, changed, marshalRanks(nil, ranks))
}

func readPartRanks(ctx context.Context, folder *store.Folder, at step, part int64) (ranks []uint64, changed uint64, err error) {
	changed, b, err := at.read(ctx, folder, part)
	if err != nil {
		return nil, 0, err
	}
	r := wire.NewReader(b)
	ranks = readRanks(r)
	if err := r.Close(); err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", folder.Path(partFile(at.dir(), part)), err)
	}
	return ranks, changed, nil
}

// Ranks reads, after [PageRank], the ranks of the nodes of a part, in their order there.
func (c Computed) Ranks(ctx context.Context, part int) ([]uint64, error) {
	if c.ranks.n == 0 {
		return nil, errors.New("graph: the ranks are not known yet")
	}
	ranks, _, err := readPartRanks(ctx, c.folder, c.ranks, int64(part))
	return ranks, err
}

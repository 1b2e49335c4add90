package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterDoFn(&spreadFn{})
	beam.RegisterDoFn(&starFn{})
	beam.RegisterDoFn(&keepFn{})
}

const componentsName = "components"

// mostRounds is far more than any graph needs: they are some logarithm of its nodes.
const mostRounds = 512

// Components finds the connected components of the graph that [Store] has stored, and
// returns after how many supersteps they no longer changed; see [Computed.Labels]. If a run
// before was interrupted it goes on from there.
//
// It turns every component into a star around its least node, by alternating large-stars
// and small-stars (R. Kiveris, S. Lattanzi, V. Mirrokni, V. Rastogi and S. Vassilvitskii,
// Connected components in MapReduce and beyond, SoCC 2014), a superstep each. In a
// large-star every node joins its larger neighbours to the least of its neighbours and
// itself, in a small-star its smaller neighbours and itself. Edges never become more than
// nodes and edges were; rounds are some O(log² n), in practice few more than log n.
//
// The part of a component's least node holds, in the end, an edge to each node of it, in
// memory: 16 bytes each.
func Components(ctx context.Context, run Run, cfg Config) (supersteps int, err error) {
	if err := cfg.Validate(); err != nil {
		return 0, err
	}
	folder, err := store.Open(ctx, cfg.Work)
	if err != nil {
		return 0, err
	}
	at, changed, err := latest(ctx, folder, componentsName, cfg.Parts)
	if err != nil {
		return 0, err
	}
	for at.n == 0 || changed > 0 {
		if at.n > mostRounds {
			return at.n, fmt.Errorf("graph: components still change after %d supersteps", at.n)
		}
		next := step{componentsName, at.n + 2*max(1, cfg.unroll()/2)}
		p, s := beam.NewPipelineWithRoot()
		componentsFrom(s.Scope("graph.Components"), cfg, at.n, next.n)
		if changed, err = next.reach(ctx, run, p, folder, cfg.Parts); err != nil {
			return at.n, fmt.Errorf("connected components, supersteps %d to %d: %w", at.n+1, next.n, err)
		}
		at = next
	}
	return at.n, nil
}

// componentsFrom builds the supersteps from one state to another.
func componentsFrom(s beam.Scope, cfg Config, from, to int) {
	sent := beam.ParDo(s, &spreadFn{worker{Config: cfg}, from}, cfg.each(s))
	for n := from; n < to; n++ {
		sent = beam.ParDo(s, &starFn{Config: cfg, Large: (n-from)%2 == 0}, beam.GroupByKey(s, sent))
	}
	element.End(s, beam.ParDo(s, &keepFn{worker{Config: cfg}, to}, beam.GroupByKey(s, sent)))
}

// link is an edge, the larger node first.
type link struct{ node, to int64 }

func orderLinks(a, b link) int { return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.to, b.to)) }

// Messages between parts are how many edges changed, and links.

func marshalLinks(changed uint64, links []link) []byte {
	slices.SortFunc(links, orderLinks)
	links = slices.Compact(links)
	b := wire.Uint(wire.Uint(make([]byte, 0, 8+6*len(links)), changed), uint64(len(links)))
	var last link
	for _, l := range links {
		if l.node != last.node {
			last.to = l.node
		}
		b = wire.Int(wire.Int(b, l.node-last.node), l.to-last.to)
		last = l
	}
	return b
}

func unmarshalLinks(b []byte, links []link) (changed uint64, _ []link, err error) {
	r := wire.NewReader(b)
	changed = r.Uint()
	n := r.Count()
	links = slices.Grow(links, n)
	var last link
	for range n {
		var l link
		if l.node = last.node + r.Int(); l.node != last.node {
			last.to = l.node
		}
		l.to = last.to + r.Int()
		links = append(links, l)
		last = l
	}
	if err := r.Close(); err != nil {
		return 0, nil, fmt.Errorf("decode links: %w", err)
	}
	return changed, links, nil
}

// links are those that a part sends, by part.
type links struct {
	cfg     Config
	to      [][]link
	changed uint64
}

func newLinks(cfg Config) *links { return &links{cfg: cfg, to: make([][]link, cfg.Parts)} }

// join tells a link to the parts of its nodes: of the larger, or of both.
func (s *links) join(a, b int64, both bool) {
	l := link{max(a, b), min(a, b)}
	larger, smaller := s.cfg.part(l.node), s.cfg.part(l.to)
	s.to[larger] = append(s.to[larger], l)
	if both && smaller != larger {
		s.to[smaller] = append(s.to[smaller], l)
	}
}

// send sends every part a message, and the changes to one of them.
func (s *links) send(emit func(int64, []byte)) {
	for p, ls := range s.to {
		emit(int64(p), marshalLinks(s.changed, ls))
		s.changed = 0
	}
}

// received are the links that parts have sent, sorted.
func received(part int64, messages func(*[]byte) bool) (all []link, changed uint64, err error) {
	for m := []byte(nil); messages(&m); {
		var n uint64
		if n, all, err = unmarshalLinks(m, all); err != nil {
			return nil, 0, fmt.Errorf("message to part %d: %w", part, err)
		}
		changed += n
	}
	slices.SortFunc(all, orderLinks)
	return slices.Compact(all), changed, nil
}

// spreadFn sends the edges of a state to the parts of both of their nodes.
type spreadFn struct {
	worker
	From int
}

// ProcessElement sends what a part has.
func (fn *spreadFn) ProcessElement(ctx context.Context, part int64, _ func(*[]byte) bool, emit func(int64, []byte)) error {
	out := newLinks(fn.Config)
	if fn.From == 0 {
		a, err := readAdjacency(ctx, fn.folder, part)
		if err != nil {
			return err
		}
		for _, n := range a.Nodes {
			for _, e := range n.Edges {
				if e.To < n.ID { // the other node has it too
					out.join(n.ID, e.To, true)
				}
			}
		}
	} else {
		ls, err := readLinks(ctx, fn.folder, step{componentsName, fn.From}, part)
		if err != nil {
			return err
		}
		for _, l := range ls {
			out.join(l.node, l.to, true)
		}
	}
	out.send(emit)
	return nil
}

func readLinks(ctx context.Context, folder *store.Folder, at step, part int64) ([]link, error) {
	_, b, err := at.read(ctx, folder, part)
	if err != nil {
		return nil, err
	}
	_, ls, err := unmarshalLinks(b, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", folder.Path(partFile(at.dir(), part)), err)
	}
	return ls, nil
}

// starFn is a large-star or a small-star of the nodes of a part.
type starFn struct {
	Config Config
	Large  bool
}

// ProcessElement sends the links that come of those that were sent.
func (fn *starFn) ProcessElement(part int64, messages func(*[]byte) bool, emit func(int64, []byte)) error {
	all, changed, err := received(part, messages)
	if err != nil {
		return err
	}
	out := newLinks(fn.Config)
	if fn.Large {
		largeStars(part, all, out)
	} else {
		smallStars(all, out)
		out.changed += changed // of the large-stars before
	}
	out.send(emit)
	return nil
}

// largeStars joins the larger neighbours of every node to its least neighbour or itself.
// all are the links with a node of the part.
func largeStars(part int64, all []link, out *links) {
	var of []link // neighbours, of each node of the part
	for _, l := range all {
		if out.cfg.part(l.node) == part {
			of = append(of, l)
		}
		if out.cfg.part(l.to) == part {
			of = append(of, link{l.to, l.node})
		}
	}
	slices.SortFunc(of, orderLinks)
	for len(of) > 0 {
		n := ofOne(of)
		node, least := of[0].node, min(of[0].node, of[0].to)
		for _, l := range of[:n] {
			if l.to < node {
				continue
			}
			out.join(l.to, least, false)
			if least != node {
				out.changed++
			}
		}
		of = of[n:]
	}
}

// smallStars joins every node of the part and its smaller neighbours to the least of them.
// all are the links whose larger node is of the part.
func smallStars(all []link, out *links) {
	for len(all) > 0 {
		n := ofOne(all)
		least := all[0].to
		out.join(all[0].node, least, true)
		for _, l := range all[1:n] {
			out.join(l.to, least, true)
		}
		out.changed += uint64(n - 1)
		all = all[n:]
	}
}

// ofOne is how many of sorted links are of the first's node.
func ofOne(ls []link) int {
	n := 1
	for n < len(ls) && ls[n].node == ls[0].node {
		n++
	}
	return n
}

// keepFn writes a state.
type keepFn struct {
	worker
	To int
}

// ProcessElement writes one part's file and emits nothing.
func (fn *keepFn) ProcessElement(ctx context.Context, part int64, messages func(*[]byte) bool, _ func(string, int)) error {
	all, changed, err := received(part, messages)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(l link) bool { return fn.Config.part(l.node) != part })
	return step{componentsName, fn.To}.write(ctx, fn.folder, part, changed, marshalLinks(0, all))
}

// Labels reads, after [Components], the component of every node of a part that is not
// alone: the component's least node. One that is missing is its own.
func (c Computed) Labels(ctx context.Context, part int) (map[int64]int64, error) {
	if c.components.n == 0 {
		return nil, errors.New("graph: the components are not known yet")
	}
	ls, err := readLinks(ctx, c.folder, c.components, int64(part))
	if err != nil {
		return nil, err
	}
	of := make(map[int64]int64, len(ls))
	for _, l := range ls {
		of[l.node] = l.to
	}
	return of, nil
}

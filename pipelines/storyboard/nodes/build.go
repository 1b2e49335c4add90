package nodes

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/graph"
	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterDoFn(&signatureFn{})
	beam.RegisterDoFn(&fileFn{})
	beam.RegisterDoFn(&everyFileFn{})
	beam.RegisterDoFn(&writeFn{})
	beam.RegisterFunction(idOf)
	register.Emitter1[graph.Signature]()
	register.Emitter2[int64, []byte]()
	register.Emitter2[string, int]()
}

// Build builds the pipeline that stores the graph of an output's files: the nodes for
// [Read], and the graph for graph.Components and graph.PageRank.
func Build(s beam.Scope, cfg Config, g graph.Config, files []File) {
	s = s.Scope("storyboard.Nodes")
	read := beam.ParDo(s, &readFn{Config: cfg}, beam.Reshuffle(s, beam.CreateList(s, files)))
	nodes := beam.ParDo(s, &mergeFn{}, beam.GroupByKey(s, read))

	alike := graph.Near(s, g, graph.NearConfig{Most: mostBits, Kind: Alike}, beam.ParDo(s, &signatureFn{}, nodes))
	close := beam.ParDo(s, &compareFn{}, beam.GroupByKey(s, beam.ParDo(s, &bucketFn{}, nodes)))
	graph.Store(s, g, beam.ParDo(s, idOf, nodes), alike, close)

	sent := beam.Flatten(s, beam.ParDo(s, &everyFileFn{Parts: g.Parts}, beam.Impulse(s)), beam.ParDo(s, &fileFn{Graph: g}, nodes))
	element.End(s, beam.ParDo(s, &writeFn{Work: g.Work}, beam.GroupByKey(s, sent)))
}

func idOf(n Node) int64 { return n.ID }

type signatureFn struct{}

// ProcessElement emits the signature of a shot; a track has none.
func (*signatureFn) ProcessElement(n Node, emit func(graph.Signature)) {
	if n.Kind == Shot {
		emit(graph.Signature{Node: n.ID, Bits: n.Hash})
	}
}

// Nodes lie in a file of the work folder for each part of the graph.
func nodesFile(part int64) string { return fmt.Sprintf("nodes/part+%04d", part) }

type everyFileFn struct{ Parts int }

// ProcessElement sends every file nothing, so that it is written if it is empty too.
func (fn *everyFileFn) ProcessElement(_ []byte, emit func(int64, []byte)) {
	for p := range int64(fn.Parts) {
		emit(p, nil)
	}
}

type fileFn struct{ Graph graph.Config }

// ProcessElement sends a node to the file of its part of the graph. The histogram has done
// its work.
func (fn *fileFn) ProcessElement(n Node, emit func(int64, []byte)) {
	n.Histogram = nil
	emit(int64(fn.Graph.PartOf(n.ID)), n.Marshal())
}

type writeFn struct {
	Work   string
	folder *store.Folder
}

// Setup opens the work folder.
func (fn *writeFn) Setup(ctx context.Context) (err error) {
	fn.folder, err = store.Open(ctx, fn.Work)
	return err
}

const nodesVersion = 1

// ProcessElement writes a file and emits nothing.
func (fn *writeFn) ProcessElement(ctx context.Context, part int64, nodes func(*[]byte) bool, _ func(string, int)) error {
	var all []Node
	for b := []byte(nil); nodes(&b); {
		if len(b) == 0 {
			continue
		}
		n, err := Unmarshal(b)
		if err != nil {
			return err
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	b := wire.Uint([]byte{nodesVersion}, uint64(len(all)))
	for i := range all {
		b = wire.Bytes(b, all[i].Marshal())
	}
	return fn.folder.WriteAtomic(ctx, nodesFile(part), b)
}

// Read reads the nodes of a part of the graph, ascending, that [Build] has stored.
func Read(ctx context.Context, folder *store.Folder, part int) ([]Node, error) {
	name := nodesFile(int64(part))
	b, err := folder.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	r, err := wire.Open(b, nodesVersion)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", folder.Path(name), err)
	}
	all := readList(r, func() Node {
		n, err := Unmarshal(r.Bytes())
		if err != nil {
			r.Fail()
		}
		return n
	})
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("read %s: %w", folder.Path(name), err)
	}
	return all, nil
}

// Built reports whether a pipeline of [Build] has written everything.
func Built(ctx context.Context, folder *store.Folder, g graph.Config) (bool, error) {
	for p := range g.Parts {
		if is, err := folder.Exists(ctx, nodesFile(int64(p))); !is || err != nil {
			return false, err
		}
	}
	return g.Stored(ctx)
}

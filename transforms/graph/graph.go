package graph

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterCoder(reflect.TypeOf(Edges{}), func(e Edges) []byte { return e.Marshal() }, UnmarshalEdges)
}

// Limits of a graph.
const (
	MostNodes  = 1 << 22 // with more, sums of ranks could exceed 64 bits
	MostWeight = 1000
	MostParts  = 4096
)

// Config says where a graph lies and how it is computed. Results depend on neither.
type Config struct {
	Work  string // the work folder: a local path or scheme://… that all workers reach
	Parts int    // how many parts the graph is cut into, 1 to MostParts; fixed by [Store]
	// Unroll is how many supersteps a pipeline has; 0: 8.
	Unroll int
}

const defaultUnroll = 8

func (c Config) unroll() int { return cmp.Or(c.Unroll, defaultUnroll) }

// Validate returns every violation, joined.
func (c Config) Validate() error {
	var errs []error
	if strings.TrimSpace(c.Work) == "" {
		errs = append(errs, errors.New("graph: no work folder"))
	}
	if c.Parts < 1 || c.Parts > MostParts {
		errs = append(errs, fmt.Errorf("graph: %d parts, not 1 to %d", c.Parts, MostParts))
	}
	if c.Unroll < 0 {
		errs = append(errs, fmt.Errorf("graph: %d supersteps in a pipeline", c.Unroll))
	}
	return errors.Join(errs...)
}

// PartOf is where a node lies.
func (c Config) PartOf(node int64) int { return int(c.part(node)) }

func (c Config) part(node int64) int64 { return int64(mix(uint64(node)) % uint64(c.Parts)) }

// mix spreads numbers that are close to each other (the finalizer of S. Vigna's splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Edge joins two different nodes, which are numbers from 0 on. Of several edges between two
// nodes the heaviest counts, and of equally heavy ones that of the least Kind.
type Edge struct {
	A, B   int64
	Weight uint16 // 1 to MostWeight
	Kind   uint8  // the caller's: how the edge was found
}

// Edges are some of a graph's, on their way to their parts, and what it took to find them.
type Edges struct {
	List []Edge
	// Compared is how many pairs of nodes were looked at, and GivenUp how many were not
	// although they share a bucket.
	Compared, GivenUp int64
}

// Marshal encodes the edges for a shuffle.
func (e *Edges) Marshal() []byte {
	b := make([]byte, 0, 16+12*len(e.List))
	b = wire.Int(wire.Int(b, e.Compared), e.GivenUp)
	b = wire.Uint(b, uint64(len(e.List)))
	last := int64(0)
	for _, x := range e.List {
		b = wire.Int(wire.Int(b, x.A-last), x.B-x.A)
		b = wire.Uint(wire.Uint(b, uint64(x.Weight)), uint64(x.Kind))
		last = x.A
	}
	return b
}

// UnmarshalEdges is the inverse of [Edges.Marshal].
func UnmarshalEdges(b []byte) (Edges, error) {
	r := wire.NewReader(b)
	e := Edges{Compared: r.Int(), GivenUp: r.Int()}
	if n := r.Count(); n > 0 {
		e.List = make([]Edge, n)
	}
	last := int64(0)
	for i := range e.List {
		x := &e.List[i]
		x.A = last + r.Int()
		x.B = x.A + r.Int()
		x.Weight, x.Kind = readWeight(r), uint8(r.Uint())
		last = x.A
	}
	if err := r.Close(); err != nil {
		return Edges{}, fmt.Errorf("decode edges: %w", err)
	}
	return e, nil
}

// readWeight reads a weight, and fails on one that cannot be.
func readWeight(r *wire.Reader) uint16 {
	w := r.Uint()
	if w < 1 || w > MostWeight {
		r.Fail()
		return 0
	}
	return uint16(w)
}

// check says what is wrong with an edge.
func (e Edge) check() error {
	if e.A < 0 || e.B < 0 || e.A == e.B || e.Weight < 1 || e.Weight > MostWeight {
		return fmt.Errorf("graph: no edge can be %+v", e)
	}
	return nil
}

package graph

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/transforms/wire"
)

func init() {
	beam.RegisterDoFn(&bandFn{})
	beam.RegisterDoFn(&pairFn{})
	beam.RegisterCoder(reflect.TypeOf(Signature{}), func(s Signature) []byte { return s.append(nil) }, unmarshalSignature)
	register.Emitter2[int64, []byte]()
	register.Emitter1[Edges]()
	register.Iter1[[]byte]()
}

// Signature is a node with 64 bits that differ little between nodes that are alike.
type Signature struct {
	Node int64
	Bits uint64
}

const signatureBytes = 8 + 8

func (s Signature) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(s.Node)), s.Bits)
}

// marshalSignatures lays signatures out, the node and the bits of each in eight bytes, high
// byte first.
func marshalSignatures(all []Signature) []byte {
	b := make([]byte, 0, len(all)*signatureBytes)
	for _, s := range all {
		b = s.append(b)
	}
	return b
}

func unmarshalSignatures(b []byte) ([]Signature, error) {
	if len(b)%signatureBytes != 0 {
		return nil, fmt.Errorf("decode signatures: %w", wire.ErrCorrupt)
	}
	all := make([]Signature, 0, len(b)/signatureBytes)
	for ; len(b) > 0; b = b[signatureBytes:] {
		all = append(all, Signature{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])})
	}
	return all, nil
}

func unmarshalSignature(b []byte) (Signature, error) {
	all, err := unmarshalSignatures(b)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("decode signature: %w", wire.ErrCorrupt)
	}
	if err != nil {
		return Signature{}, err
	}
	return all[0], nil
}

// NearConfig says which signatures are alike.
type NearConfig struct {
	Most   int   // bits in which two may differ, 0 to 63
	Window int   // how many of those that follow it in a bucket one is compared with; 0: 32
	Kind   uint8 // of the edges
}

const defaultWindow = 32

func (c NearConfig) window() int { return cmp.Or(c.Window, defaultWindow) }

// A signature is cut into blocks; there is a table for each two of them, in which
// signatures with the same bits in both share a bucket.
const (
	blocks    = 8
	blockBits = 64 / blocks
	tables    = blocks * (blocks - 1) / 2
)

// Near returns the edges (a PCollection of [Edges]) between signatures (a PCollection of
// [Signature], of each node one) that differ in at most cfg.Most bits, without comparing
// all pairs: only those that share a bucket in one of 28 tables (P. Indyk and R. Motwani,
// Approximate nearest neighbors, STOC 1998; the tables by pairs of blocks as in G. Manku,
// A. Jain and A. Das Sarma, Detecting near-duplicates for web crawling, WWW 2007). An edge
// weighs a thousandth for each thousandth of the bits that are equal.
//
// What is given up:
//
//   - Pairs that share no bucket. By pigeonhole no two that differ in at most 6 bits are
//     among them; of those that differ in 7, 8, 9 and 10 bits at random places some 3, 10,
//     21 and 33 of a hundred are.
//   - Pairs too far apart in a bucket of many. A bucket is sorted by the bits, and each
//     signature compared with the cfg.Window next ones only (M. Hernández and S. Stolfo,
//     The merge/purge problem for large databases, SIGMOD 1995), so that a bucket of m costs
//     m times the window, not m². Signatures that are equal are neighbours then, so what is
//     connected mostly stays connected. How many pairs it is, is counted ([Stats]).
//
// A pair that shares several buckets is looked at in the first only.
func Near(s beam.Scope, graph Config, cfg NearConfig, signatures beam.PCollection) beam.PCollection {
	s = s.Scope("graph.Near")
	shards := int64(graph.Parts)
	banded := beam.ParDo(s, &bandFn{Shards: shards}, signatures)
	return beam.ParDo(s, &pairFn{Config: cfg, Shards: shards}, beam.GroupByKey(s, banded))
}

// blocksOf are the two blocks of each table, in ascending order.
var blocksOf = func() (t [tables][2]int) {
	n := 0
	for i := range blocks {
		for k := i + 1; k < blocks; k++ {
			t[n] = [2]int{i, k}
			n++
		}
	}
	return t
}()

// band is what two signatures must have in common to share a bucket of a table.
func band(table int, x uint64) uint64 {
	const mask = 1<<blockBits - 1
	b := blocksOf[table]
	return x>>(b[0]*blockBits)&mask<<blockBits | x>>(b[1]*blockBits)&mask
}

// firstTable is the first table in which two signatures share a bucket, -1 if there is none.
func firstTable(a, b uint64) int {
	first := -1
	for i := range blocks {
		if (a^b)>>(i*blockBits)&(1<<blockBits-1) != 0 {
			continue
		}
		if first >= 0 {
			return first*(2*blocks-first-1)/2 + i - first - 1
		}
		first = i
	}
	return -1
}

// bandFn sends each signature to a shard of every table.
type bandFn struct {
	Shards int64
	out    outbox[Signature]
}

// ProcessElement keeps what goes to the same shard together.
func (fn *bandFn) ProcessElement(s Signature, emit func(int64, []byte)) {
	for t := range tables {
		shard := int64(mix(band(t, s.Bits)) % uint64(fn.Shards))
		fn.out.put(int64(t)*fn.Shards+shard, s, marshalSignatures, emit)
	}
}

// FinishBundle sends what is left.
func (fn *bandFn) FinishBundle(emit func(int64, []byte)) { fn.out.flush(marshalSignatures, emit) }

// pairFn compares what shares a bucket in a shard of a table.
type pairFn struct {
	Config NearConfig
	Shards int64
}

// ProcessElement emits the edges of the shard's buckets.
func (fn *pairFn) ProcessElement(key int64, batches func(*[]byte) bool, emit func(Edges)) error {
	table := int(key / fn.Shards)
	var all []Signature
	for b := []byte(nil); batches(&b); {
		some, err := unmarshalSignatures(b)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b Signature) int {
		return cmp.Or(cmp.Compare(band(table, a.Bits), band(table, b.Bits)), cmp.Compare(a.Bits, b.Bits), cmp.Compare(a.Node, b.Node))
	})
	all = slices.Compact(all) // told twice
	for len(all) > 0 {
		n := 1
		for n < len(all) && band(table, all[n].Bits) == band(table, all[0].Bits) {
			n++
		}
		fn.bucket(table, all[:n], emit)
		all = all[n:]
	}
	return nil
}

// mostEdges is about how many edges an element holds.
const mostEdges = 4096

// bucket compares those in a bucket, which are sorted.
func (fn *pairFn) bucket(table int, in []Signature, emit func(Edges)) {
	var found Edges
	for i, a := range in {
		rest := in[i+1:]
		if w := fn.Config.window(); len(rest) > w {
			found.GivenUp += int64(len(rest) - w)
			rest = rest[:w]
		}
		found.Compared += int64(len(rest))
		for _, b := range rest {
			d := bits.OnesCount64(a.Bits ^ b.Bits)
			if d > fn.Config.Most || a.Node == b.Node || firstTable(a.Bits, b.Bits) != table {
				continue
			}
			found.List = append(found.List, Edge{a.Node, b.Node, uint16(MostWeight * (64 - d) / 64), fn.Config.Kind})
		}
		if len(found.List) >= mostEdges {
			emit(found)
			found = Edges{}
		}
	}
	if found.Compared > 0 {
		emit(found)
	}
}

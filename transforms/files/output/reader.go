package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/result"
)

// Reader reads the results of a partition's complete chunks in their order, of those that
// follow each other without a gap: what is there stays, whatever jobs do.
type Reader struct {
	c *contents
}

// Reader is a reader of a partition.
func (o *Output) Reader(p chunk.Partition) (*Reader, error) {
	c, err := o.contents(p)
	if err != nil {
		return nil, fmt.Errorf("read output: %w", err)
	}
	return &Reader{c}, nil
}

// Read reads the results file that holds chunk k, and says which chunk comes after it. ok is
// false if the chunk is not complete. Chunks asked for in ascending order are listed once a
// block. Whether a newer generation makes the chunk anew tells [Output.Refresh].
func (r *Reader) Read(ctx context.Context, k int64) (rows []result.Frame, next int64, ok bool, err error) {
	n := r.c.o.layout.N
	b, err := r.c.block(ctx, r.c.o.layout.BlockOf(k))
	if err != nil {
		return nil, 0, false, fmt.Errorf("read output: %w", err)
	}
	name, ok := b.covering(k, n)
	if !ok {
		return nil, 0, false, nil
	}
	rows, lineage, err := readResults(ctx, r.c.o.folder, r.c.o.layout.results(name))
	if errors.Is(err, fs.ErrNotExist) { // it is just being replaced
		r.c.listed = nil
		return nil, 0, false, nil
	}
	if err != nil {
		return nil, 0, false, fmt.Errorf("read output: %w", err)
	}
	if lineage != r.c.lineage(k) {
		return nil, 0, false, nil
	}
	for len(rows) > 0 && rows[0].Offset < k*n {
		rows = rows[1:]
	}
	return rows, chunk.Of(name.End, n) + 1, true, nil
}

// Lineage is a stretch of a partition's chunks that was made by one configuration.
type Lineage struct {
	Chunk  int64  `json:"chunk"` // the first
	Digest string `json:"lineage"`
}

// Lineages are those that the chunks [from, to) of a partition have when they are complete.
func (o *Output) Lineages(p chunk.Partition, from, to int64) (found []Lineage) {
	for _, g := range governors(o.gens, p.Key()) {
		l := Lineage{max(g.from, from), g.lineage}
		if l.Chunk >= to {
			break
		}
		if n := len(found); n > 0 && (found[n-1].Chunk == l.Chunk || found[n-1].Digest == l.Digest) {
			found[n-1].Digest = l.Digest
			continue
		}
		found = append(found, l)
	}
	return found
}

// Refresh reads the generations that were begun since the output was opened. Chunks that
// were complete before have kept their lineages.
func (o *Output) Refresh(ctx context.Context) error {
	gens, err := readGenerations(ctx, o.folder, 0)
	if err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	o.gens = gens
	return nil
}

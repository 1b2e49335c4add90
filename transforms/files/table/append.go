package table

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/output"
)

// append appends the rows that are new, commit by commit.
func (ts *Tables) append(ctx context.Context, o *output.Output) error {
	for {
		sl, err := ts.slice(ctx, o)
		if err != nil {
			return err
		}
		if len(sl.read) == 0 {
			return nil
		}
		// A generation that began after this keeps the chunks: they were complete before.
		if err := o.Refresh(ctx); err != nil {
			return err
		}
		for i, s := range ts.tables {
			next, further := maps.Clone(s.progress), false
			for key, to := range sl.read {
				if r, ok := sl.from[i][key]; ok && r.To < to.upto {
					next[key], further = r.advance(o, to.Partition, to.upto), true
				}
			}
			if !further {
				continue // the other table was behind
			}
			if err := s.progress.check(o); err != nil {
				return err
			}
			if !sl.stands(o) {
				return fmt.Errorf("the output was made anew while it was read: %w", iceberg.ErrConflict)
			}
			summary, err := next.summary()
			if err != nil {
				return err
			}
			c := s.table.Begin(s.version, "append", ts.cfg.Program, summary[progressKey])
			files, err := sl.buffers[i].write(ctx, s.table, c)
			if err != nil {
				return err
			}
			if err := ts.publish(ctx, s, c, iceberg.Change{Added: files, Summary: summary}); err != nil {
				return err
			}
			s.progress = next
			var rows int64
			for j := range files {
				rows += files[j].Rows
			}
			s.done.Appended += rows
			if i == 0 {
				ts.cfg.Appended(rows)
			}
		}
	}
}

// slice is what is appended at once.
type slice struct {
	buffers []buffer             // of each table
	from    []map[string]reached // of each table, where it goes on
	read    map[string]readTo    // by topic+partition
}

type readTo struct {
	chunk.Partition
	upto     int64
	first    int64            // chunk
	lineages []output.Lineage // that were read
}

// stands reports whether the chunks that were read have their lineages still.
func (sl *slice) stands(o *output.Output) bool {
	for _, r := range sl.read {
		if !slices.Equal(o.Lineages(r.Partition, r.first, chunk.Of(r.upto, o.N())), r.lineages) {
			return false
		}
	}
	return true
}

// slice reads complete chunks that not every table has, in the order of partitions and
// offsets, as many as the buffer holds.
func (ts *Tables) slice(ctx context.Context, o *output.Output) (*slice, error) {
	sl := &slice{read: map[string]readTo{}}
	for _, s := range ts.tables {
		sl.buffers = append(sl.buffers, s.newBuffer())
		sl.from = append(sl.from, map[string]reached{})
	}
	parts, err := o.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	var held int64
	for _, p := range parts {
		if held >= ts.cfg.Buffer {
			break
		}
		if err := ts.readPartition(ctx, o, p, sl, &held); err != nil {
			return nil, err
		}
	}
	return sl, nil
}

// readPartition reads the complete chunks of a partition that are new, while the buffer has room.
func (ts *Tables) readPartition(ctx context.Context, o *output.Output, p chunk.Partition, sl *slice, held *int64) error {
	r, err := o.Reader(p)
	if err != nil {
		return err
	}
	base, err := o.Base(ctx, p)
	if err != nil || base == chunk.None {
		return err
	}
	first := int64(-1)
	for i, s := range ts.tables {
		at, ok := s.progress[p.Key()]
		if !ok {
			at = reached{From: base, To: base}
		} else if at.To < base {
			s.done.Missed[p.Key()] = base - at.To
			at = reached{From: base, To: base}
		}
		sl.from[i][p.Key()] = at
		if first < 0 || at.To < first {
			first = at.To
		}
	}
	begin := chunk.Of(first, o.N())
	k := begin
	for *held < ts.cfg.Buffer {
		rows, next, ok, err := r.Read(ctx, k)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		k = next
		for i := range ts.tables {
			to := sl.from[i][p.Key()].To
			for j := range rows {
				if rows[j].Offset >= to {
					sl.buffers[i].add(&rows[j])
				}
			}
		}
		for j := range rows {
			*held += weight(&rows[j])
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if k > begin {
		sl.read[p.Key()] = readTo{p, k * o.N(), begin, o.Lineages(p, begin, k)}
	}
	return nil
}

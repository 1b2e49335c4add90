package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// headFile is the frozen beginning of a chunk in which the configuration changed: the
// partial file that was there when the new generation began. What was shown stays,
// so the new generation, which reads the chunk from its first offset to have its
// analyses see what came before, takes the rows before its effective offset from here.
// lineage is that of the generation which the new one follows.
func headFile(key, lineage string, start, at int64) string {
	return fmt.Sprintf("%shead+%s+%0*d+%0*d%s", partitionDir(key), lineage, chunkfolder.OffsetDigits, start, chunkfolder.OffsetDigits, at-1, resultsExt)
}

// shown returns up to which offset, exclusive, readers see chunk k, which is not
// complete; the chunk's first offset if they see nothing of it.
func (o *Output) shown(ctx context.Context, p chunk.Partition, k int64) (upTo int64, err error) {
	_, _, upTo, err = o.begun(ctx, p, k)
	return upTo, err
}

// frozen are the chunks of which there is a beginning that stays.
func (c *contents) frozen() (ks []int64) {
	for _, g := range governors(c.o.gens, c.key) {
		if g.at > 0 {
			ks = append(ks, g.from)
		}
	}
	return ks
}

// freeze keeps the beginnings of chunks that the next generation, g, goes on from. It
// may be done again.
func (o *Output) freeze(ctx context.Context, g Generation) error {
	gens := append(slices.Clone(o.gens), g)
	for key, at := range g.Effective {
		gov := governing(gens, key, g.Began[key])
		start := gov.from * o.layout.N
		file := headFile(key, gov.before, start, at)
		if there, err := o.folder.Exists(ctx, file); err != nil || there {
			if err != nil {
				return err
			}
			continue
		}
		p, err := chunk.ParsePartition(key)
		if err != nil {
			return err
		}
		b, err := o.frozenRows(ctx, p, gov, at)
		if err != nil {
			return err
		}
		crashpoint.At("journal-generation")
		if err := o.folder.CreateExclusive(ctx, file, b); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// frozenRows is the file of a chunk's rows before an offset, up to which readers see them.
func (o *Output) frozenRows(ctx context.Context, p chunk.Partition, gov governor, at int64) ([]byte, error) {
	_, files, upTo, err := o.begun(ctx, p, gov.from)
	if err != nil {
		return nil, err
	}
	if upTo != at {
		// Another job on this output has just written.
		return nil, fmt.Errorf("%v: the chunk was shown up to offset %d, and now up to %d: %w", p, at, upTo, fs.ErrNotExist)
	}
	if len(files) == 1 && files[0].As == "" {
		return o.folder.Read(ctx, files[0].Name)
	}
	var rows []result.Frame
	for _, f := range files {
		more, err := o.Rows(ctx, f.Name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return encodeResults(gov.before, "", rows)
}

// head returns the frozen rows of chunk k, none if its configuration did not change inside.
func (o *Output) head(ctx context.Context, id chunk.ID) (rows []result.Frame, gov governor, err error) {
	key := id.Partition.Key()
	gov = governing(o.gens, key, id.Index)
	if gov.at == 0 || gov.from != id.Index {
		gov.at = 0
		return nil, gov, nil
	}
	file := headFile(key, gov.before, id.Index*o.layout.N, gov.at)
	rows, lineage, err := readResults(ctx, o.folder, file)
	if err == nil && lineage != gov.before {
		err = fmt.Errorf("%s has lineage %s, not %s", o.folder.Path(file), lineage, gov.before)
	}
	return rows, gov, err
}

// withHead puts the frozen rows of a chunk in the place of those that the new
// configuration gave.
func (o *Output) withHead(ctx context.Context, id chunk.ID, rows []result.Frame) ([]result.Frame, error) {
	head, gov, err := o.head(ctx, id)
	if err != nil || gov.at == 0 {
		return rows, err
	}
	i, _ := slices.BinarySearchFunc(rows, gov.at, func(r result.Frame, at int64) int { return int(r.Offset - at) })
	offsets := func(rows []result.Frame) (s chunk.Offsets) {
		for i := range rows {
			s.Add(rows[i].Offset)
		}
		return s
	}
	if had, now := offsets(head), offsets(rows[:i]); !had.Equal(now) {
		return nil, fmt.Errorf("%v: the configuration changed at offset %d: %w: the earlier one has offsets %v before it, now there are %v",
			id, gov.at, ErrPromiseBroken, had, now)
	}
	return slices.Concat(head, rows[i:]), nil
}

// showHead publishes the frozen rows as the partial file of a chunk that is not
// complete, under the lineage that counts now, unless there is one: the rows that were
// shown stay in sight, for those too who only read the files.
func (c *contents) showHead(ctx context.Context) error {
	govs := governors(c.o.gens, c.key)
	if len(govs) == 0 || govs[len(govs)-1].at == 0 {
		return nil
	}
	gov := govs[len(govs)-1]
	id := chunk.ID{Partition: c.Partition, Index: gov.from}
	if base, err := readBase(ctx, c.o.folder, c.Partition); err != nil || gov.from < chunk.Of(base, c.o.layout.N) {
		return err // it was given up, or is the seed's
	}
	if done, err := c.complete(ctx, id.Index, false); err != nil || done {
		return err
	}
	start := id.Index * c.o.layout.N
	for _, n := range c.partials {
		if n.Start != start || n.End < gov.at-1 {
			continue
		}
		if lineage, err := readLineage(ctx, c.o.folder, c.o.layout.partial(n)); err == nil && lineage == gov.lineage {
			return nil
		}
	}
	rows, _, err := c.o.head(ctx, id)
	if err != nil {
		return err
	}
	b, err := encodeResults(gov.lineage, "", rows)
	if err != nil {
		return err
	}
	crashpoint.At("journal-generation")
	file := c.o.layout.partial(chunkfolder.Name{Partition: c.Partition, Start: start, End: gov.at - 1})
	return c.o.folder.Put(ctx, file, store.WriteAll(b), func(s *store.Staged, ctx context.Context) error { return s.Replace(ctx) })
}

// Effective returns from which offset of a partition on the newest generation's
// configuration holds, and whether that lies inside a chunk: it reads the chunk from
// its beginning, and what it finds before the offset is not said.
func (o *Output) Effective(ctx context.Context, p chunk.Partition) (offset int64, inside bool, err error) {
	govs := governors(o.gens, p.Key())
	base, err := o.base(ctx, p)
	if err != nil || len(govs) == 0 {
		return base, false, err
	}
	last := govs[len(govs)-1]
	return max(base, last.from*o.layout.N, last.at), last.at > 0, nil
}

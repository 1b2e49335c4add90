package output

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

// File is a results file that counts.
type File struct {
	Name    string // relative to the folder
	Partial bool   // the beginning of a chunk that is not complete
	As      string // the name that it has for readers of files, if it is another one
}

// Span is which offsets the name of the file says that it holds.
func (f File) Span() (chunkfolder.Name, bool) {
	return chunkfolder.ParseFile(path.Base(cmp.Or(f.As, f.Name)), "", resultsExt)
}

// Files lists the results files that count, in the order of topic, partition and
// offset, and the partial files of every chunk that is not complete, one after another.
func (o *Output) Files(ctx context.Context) ([]File, error) {
	var files []File
	err := o.visit(ctx, func(file string) (string, error) {
		return readLineage(ctx, o.folder, file)
	}, func(f File) error {
		files = append(files, f)
		return nil
	})
	return files, err
}

// Rows reads a results file that [Output.Files] named. The error is
// fs.ErrNotExist if it is gone, as partial files are once their chunk has grown.
func (o *Output) Rows(ctx context.Context, file string) ([]result.Frame, error) {
	rows, _, err := readResults(ctx, o.folder, file)
	return rows, err
}

// Each calls fn with the rows of every file that [Output.Files] would list, in
// that order. Where a job has just put other partial files in the place of those that were
// listed, the rows that are left come out of them.
func (o *Output) Each(ctx context.Context, fn func(name string, rows []result.Frame, partial bool) error) error {
	parts, err := o.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	for _, p := range parts {
		next := int64(0) // offset
		for try := 1; ; try++ {
			before := next
			err := o.each(ctx, p, &next, fn)
			if next > before {
				try = 1
			}
			if errors.Is(err, errChanged) && try < lookAttempts {
				continue
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// errChanged is that a file is gone that was listed.
var errChanged = errors.New("the output is changing")

// each is Each for a partition, from an offset on.
func (o *Output) each(ctx context.Context, p chunk.Partition, next *int64, fn func(name string, rows []result.Frame, partial bool) error) error {
	var rows []result.Frame // of the complete file that was read last
	var of error            // of fn: as it is
	c, err := o.contents(p)
	if err == nil {
		err = c.visit(ctx, func(file string) (lineage string, err error) {
			rows, lineage, err = readResults(ctx, o.folder, file)
			return lineage, err
		}, func(f File) (err error) {
			if f.Partial {
				if rows, err = o.Rows(ctx, f.Name); err != nil {
					return err
				}
			}
			left := rows
			for len(left) > 0 && left[0].Offset < *next {
				left = left[1:]
			}
			if len(left) == 0 && len(rows) > 0 {
				return nil
			}
			if of = fn(f.Name, left, f.Partial); of != nil {
				return of
			}
			if len(left) > 0 {
				*next = left[len(left)-1].Offset + 1
			}
			return nil
		})
	}
	switch {
	case err == nil || of != nil:
		return of
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read output: %w: %w", errChanged, err)
	}
	return fmt.Errorf("read output: %w", err)
}

// visit calls fn for every file that counts. It asks lineage for that of a
// complete file just before.
func (o *Output) visit(ctx context.Context, lineage func(file string) (string, error), fn func(File) error) error {
	parts, err := o.Partitions(ctx)
	if err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	for _, p := range parts {
		c, err := o.contents(p)
		if err == nil {
			err = c.visit(ctx, lineage, fn)
		}
		if err != nil {
			return fmt.Errorf("read output: %w", err)
		}
	}
	return nil
}

func (c *contents) visit(ctx context.Context, lineage func(file string) (string, error), fn func(File) error) error {
	start, err := readBase(ctx, c.o.folder, c.Partition)
	if err != nil || start == chunk.None {
		return err
	}
	numbers, err := c.showing(ctx)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if err := c.visitBlock(ctx, number, chunk.Of(start, c.o.layout.N), lineage, fn); err != nil {
			return err
		}
	}
	return nil
}

// showing lists the partial files, and returns the blocks that may have something to show, in
// ascending order.
func (c *contents) showing(ctx context.Context) ([]int64, error) {
	l := c.o.layout
	if err := c.listPartials(ctx); err != nil {
		return nil, err
	}
	numbers, err := c.blocks(ctx, resultsDir)
	if err != nil {
		return nil, err
	}
	for _, n := range c.partials {
		numbers = append(numbers, l.BlockOf(chunk.Of(n.Start, l.N)))
	}
	for _, k := range c.frozen() {
		numbers = append(numbers, l.BlockOf(k))
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

// visitBlock visits the chunks of a block. What is complete before the partition's first
// chunk is shown too, as long as it is there: retention may have kept it for itself, and
// else is about to remove it.
func (c *contents) visitBlock(ctx context.Context, number, first int64, lineage func(file string) (string, error), fn func(File) error) error {
	n := c.o.layout.N
	b, err := c.block(ctx, number)
	if err != nil {
		return err
	}
	var order []int64 // chunks that may have something to show
	for _, name := range slices.Concat(b.results, c.partials) {
		if k := chunk.Of(name.Start, n); c.o.layout.BlockOf(k) == number {
			order = append(order, k)
		}
	}
	for _, k := range c.frozen() {
		if c.o.layout.BlockOf(k) == number {
			order = append(order, k)
		}
	}
	slices.Sort(order)
	shown := int64(chunk.None) // the last offset shown
	for _, k := range slices.Compact(order) {
		if r, ok := b.covering(k, n); ok {
			if r.End <= shown {
				continue
			}
			of, err := lineage(c.o.layout.results(r))
			if c.o.gone(ctx, c.o.layout.results(r), err) {
				shown = r.End
				continue
			}
			if err != nil {
				return err
			}
			if of == c.lineage(k) {
				if err := fn(File{Name: c.o.layout.results(r)}); err != nil {
					return err
				}
				shown = r.End
				continue
			}
		}
		if k < first {
			continue
		}
		files, _, err := c.beginning(ctx, k)
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := fn(file); err != nil {
				return err
			}
		}
	}
	return nil
}

package output

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/result"
)

// Entry is a results file that counts, with what its footer says of its rows.
type Entry struct {
	File
	Span       chunkfolder.Name // which offsets it may hold
	Statistics result.Statistics
	// Size and Lineage are what tells it from another file of its name.
	Size    int64
	Lineage string
}

// Catalog knows what the footers of an output's results files say. It reads each once, many
// at a time, and what it has read is kept in the journal (see statistics.go), so that
// whoever looks next need not read them again. It is for one user at a time.
type Catalog struct {
	o       *Output
	records map[string]*blockRecords // by topic+partition, of the block that was looked at last
	// partials are of partial files, by topic+partition: see contents.records.
	partials map[string]map[chunkfolder.Name]record
}

// Catalog returns a catalog of the output as it is open.
func (o *Output) Catalog() *Catalog {
	return &Catalog{o: o, records: map[string]*blockRecords{}, partials: map[string]map[chunkfolder.Name]record{}}
}

// Output is the output as it is open.
func (c *Catalog) Output() *Output { return c.o }

// Refresh looks at what generations there are now.
func (c *Catalog) Refresh(ctx context.Context) error {
	o, err := OpenExisting(ctx, c.o.folder)
	if err == nil {
		c.o = o
	}
	return err
}

// Partitions lists every partition that a job has begun, in the order of topic and number.
func (o *Output) Partitions(ctx context.Context) ([]chunk.Partition, error) {
	parts, err := listPartitions(ctx, o.folder)
	slices.SortFunc(parts, func(a, b chunk.Partition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
	})
	return parts, err
}

// Base is the first offset that the output has of a partition, chunk.None if no job has
// begun it.
func (o *Output) Base(ctx context.Context, p chunk.Partition) (int64, error) {
	return readBase(ctx, o.folder, p)
}

// Files calls fn with those files of a partition that [Output.Files] would list and that
// may hold the offset from or later ones, in their order. The error is fs.ErrNotExist if a
// file went away just then, as partial files do when their chunk grows.
func (c *Catalog) Files(ctx context.Context, p chunk.Partition, from int64, fn func(Entry) error) error {
	if err := c.files(ctx, p, from, fn); err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	return nil
}

func (c *Catalog) files(ctx context.Context, p chunk.Partition, from int64, fn func(Entry) error) error {
	l := c.o.layout
	con, err := c.o.contents(p)
	if err != nil {
		return err
	}
	if c.partials[con.key] == nil {
		c.partials[con.key] = con.records
	}
	con.records = c.partials[con.key]
	start, err := readBase(ctx, c.o.folder, p)
	if err != nil || start == chunk.None {
		return err
	}
	numbers, err := con.showing(ctx)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if number < l.BlockOf(chunk.Of(max(from, 0), l.N)) {
			continue
		}
		known, err := c.look(ctx, con, number, from)
		if err != nil {
			return err
		}
		if err := con.visitBlock(ctx, number, chunk.Of(start, l.N), known.lineage(ctx, con, from), func(f File) error {
			e := Entry{File: f}
			var ok bool
			if e.Span, ok = f.Span(); !ok || e.Span.End < from {
				return nil
			}
			rec, err := known.record(ctx, con, f)
			if err != nil {
				return err
			}
			e.Statistics, e.Size, e.Lineage = rec.Statistics, rec.Size, rec.Lineage
			return fn(e)
		}); err != nil {
			return err
		}
	}
	return nil
}

// footerReaders is how many footers are read at a time: of a filesystem on other machines
// each is some milliseconds of waiting.
const footerReaders = 16

// look reads the footers of a block's files that are not known yet, from an offset on.
func (c *Catalog) look(ctx context.Context, con *contents, number, from int64) (*blockRecords, error) {
	b, err := con.block(ctx, number)
	if err != nil {
		return nil, err
	}
	known := c.records[con.key]
	if known == nil || known.number != number {
		known = readRecords(ctx, con, number)
		c.records[con.key] = known
	}
	if known.sizes, err = c.o.folder.Sizes(ctx, resultsDir+c.o.layout.BlockFolder(con.Partition, number)); err != nil {
		return nil, err
	}
	var missing []chunkfolder.Name
	for _, n := range b.results {
		if n.End >= from && !known.has(con, c.o.layout.results(n)) {
			missing = append(missing, n)
		}
	}
	if err := known.read(ctx, con, missing); err != nil {
		return nil, err
	}
	known.save(ctx, con)
	return known, nil
}

// read reads footers, several at a time. Of files that went away meanwhile nothing is known.
func (r *blockRecords) read(ctx context.Context, con *contents, names []chunkfolder.Name) error {
	var mu sync.Mutex
	all, within := errgroup.WithContext(ctx)
	all.SetLimit(footerReaders)
	for _, n := range names {
		all.Go(func() error {
			file := con.o.layout.results(n)
			rec, err := readRecord(within, con.o, file)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				mu.Lock()
				r.put(file, rec)
				mu.Unlock()
			}
			return err
		})
	}
	return cmp.Or(all.Wait(), context.Cause(ctx))
}

// Read calls fn with the rows of a file that are selected, see [result.File.Each]. The
// error is fs.ErrNotExist if the file is gone.
func (o *Output) Read(ctx context.Context, file string, s result.Selection, fn func([]result.Frame) error) error {
	return o.folder.ReadAt(ctx, file, func(r io.ReaderAt, size int64) error {
		f, err := result.OpenFile(r, size)
		if err != nil {
			return err
		}
		return f.Each(s, fn)
	})
}

// lineage is what visitBlock asks for. What ends before the offset from is passed over, so
// that of such a file it is not looked up.
func (r *blockRecords) lineage(ctx context.Context, con *contents, from int64) func(file string) (string, error) {
	return func(file string) (string, error) {
		if n, ok := chunkfolder.ParseFile(path.Base(file), "", resultsExt); ok && n.End < from {
			return con.lineage(chunk.Of(n.Start, con.o.layout.N)), nil
		}
		if r.has(con, file) {
			return r.files[path.Base(file)].Lineage, nil
		}
		rec, err := readRecord(ctx, con.o, file)
		if err == nil {
			r.put(file, rec)
		}
		return rec.Lineage, err
	}
}

// record is what is known of a file that counts.
func (r *blockRecords) record(ctx context.Context, con *contents, f File) (record, error) {
	if rec, ok := r.files[path.Base(f.Name)]; ok && !f.Partial {
		return rec, nil
	}
	if n, ok := f.Span(); ok && f.Partial && f.As == "" {
		return con.partialRecord(ctx, n)
	}
	return readRecord(ctx, con.o, f.Name)
}

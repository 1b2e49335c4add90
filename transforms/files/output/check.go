package output

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
)

// Fault is what is wrong with a file of an output.
type Fault struct {
	Kind    string // results, states, images or partial
	ID      chunk.ID
	File    string // relative to the folder
	Missing bool
	What    string // is wrong
}

// Checked is what a look at all of a chunk's files gave.
type Checked struct {
	Offsets chunk.Offsets // that its results have
	Faults  []Fault
	Files   int // that were read
}

// Extent is what an output should have of a partition, by its journal and by what is there.
type Extent struct {
	First, End int64   // chunks: complete from First on to End, exclusive
	Kept       []int64 // chunks before First that are there for themselves
}

// Extent looks for a partition's last complete chunk, without believing that what lies
// between is complete. ok is false if no job has begun the partition.
func (o *Output) Extent(ctx context.Context, p chunk.Partition) (e Extent, ok bool, err error) {
	start, err := readBase(ctx, o.folder, p)
	if err != nil || start == chunk.None {
		return Extent{}, false, err
	}
	c, err := o.contents(p)
	if err != nil {
		return Extent{}, false, err
	}
	e.First = chunk.Of(start, o.layout.N)
	e.End = max(e.First, o.mark(ctx, c.key).Chunk)
	if err := c.listPartials(ctx); err != nil {
		return Extent{}, false, err
	}
	for _, n := range c.partials { // what comes before a begun chunk is complete
		e.End = max(e.End, chunk.Of(n.Start, o.layout.N))
	}
	blocks, err := c.blocks(ctx, resultsDir)
	if err != nil {
		return Extent{}, false, err
	}
	for _, number := range blocks {
		b, err := c.block(ctx, number)
		if err != nil {
			return Extent{}, false, err
		}
		for _, n := range b.results {
			for k := chunk.Of(n.Start, o.layout.N); k <= chunk.Of(n.End, o.layout.N); k++ {
				if k < e.First {
					e.Kept = append(e.Kept, k)
				}
				e.End = max(e.End, k+1)
			}
		}
	}
	return e, true, nil
}

// Check reads all of a chunk's files. Before the partition's beginning nothing is missing.
func (l *Lookup) Check(ctx context.Context, k int64) (Checked, error) {
	o, id := l.c.o, chunk.ID{Partition: l.c.Partition, Index: k}
	var c Checked
	name, err := chunkfolder.NameOf(id, o.layout.N)
	if err != nil {
		return c, err
	}
	b, err := l.c.block(ctx, o.layout.BlockOf(k))
	if err != nil {
		return c, err
	}
	fault := func(kind, file string, err error, format string, args ...any) {
		f := Fault{Kind: kind, ID: id, File: file, Missing: errors.Is(err, fs.ErrNotExist)}
		switch {
		case f.Missing:
			f.What = "it is missing"
		case err != nil:
			f.What = err.Error()
		default:
			f.What = fmt.Sprintf(format, args...)
		}
		c.Faults = append(c.Faults, f)
	}
	r, ok := b.covering(k, o.layout.N)
	if !ok {
		r = name
	}
	results, want := o.layout.results(r), l.c.lineage(k)
	rows, meta, err := readAll(ctx, o.folder, results)
	c.Files++
	switch {
	case ctx.Err() != nil:
		return c, ctx.Err()
	case err != nil:
		fault("results", results, err, "")
	case meta[lineageKey] != want:
		fault("results", results, nil, "it is of lineage %.40q, and %s counts", meta[lineageKey], want)
	}
	for i := range rows {
		row := &rows[i]
		if row.Topic != id.Topic || row.Partition != id.Partition.ID || row.Offset < r.Start || row.Offset > r.End || i > 0 && row.Offset <= rows[i-1].Offset {
			fault("results", results, nil, "row %d (topic %.80q partition %d offset %d) does not belong there", i, row.Topic, row.Partition, row.Offset)
			break
		}
		if row.Offset >= name.Start && row.Offset <= name.End {
			c.Offsets.Add(row.Offset)
		}
	}
	resultsWell := len(c.Faults) == 0
	l.checkStates(ctx, &c, k, name, want, resultsWell, meta[ofStatesKey], r == name, fault)
	images := o.layout.images(name)
	if err := checkPack(ctx, l.c, images); err == nil {
		c.Files++
	} else if !errors.Is(err, fs.ErrNotExist) {
		fault("images", images, err, "")
	}
	return c, ctx.Err()
}

func (l *Lookup) checkStates(ctx context.Context, c *Checked, k int64, name chunkfolder.Name, want string, resultsWell bool, of string, own bool,
	fault func(kind, file string, err error, format string, args ...any),
) {
	o := l.c.o
	file := o.layout.states(name)
	end, lineage, digest, err := readWholeStates(ctx, l.c, file)
	if errors.Is(err, fs.ErrNotExist) {
		given, lookErr := l.c.statesGivenUp(ctx, name.End)
		start, baseErr := readBase(ctx, o.folder, name.Partition)
		if given || lookErr != nil || baseErr != nil || name.End < start || !own {
			return
		}
	}
	c.Files++
	switch {
	case err != nil:
		fault("states", file, err, "")
	case lineage != want:
		fault("states", file, nil, "it is of lineage %.40q, and %s counts", lineage, want)
	case end.ID != (chunk.ID{Partition: name.Partition, Index: k}) || end.N != o.layout.N:
		fault("states", file, nil, "it is of %v, %d offsets per chunk", end.ID, end.N)
	case own && resultsWell && of != "" && digest != of:
		fault("states", file, nil, "it has digest %s, and the results belong to %s", digest, of)
	case resultsWell && !end.Offsets.Equal(c.Offsets):
		fault("results", o.layout.results(name), nil, "it has offsets %v, and the chunk %v", c.Offsets, end.Offsets)
	}
}

// readWholeStates reads a states file to its end, and compares its digest with its content.
func readWholeStates(ctx context.Context, c *contents, file string) (end chunk.End, lineage, digest string, err error) {
	err = withStates(ctx, c.o.folder, file, func(r *statesReader) error {
		end, lineage, digest = r.end, r.lineage, r.digest
		var states []element.State
		for {
			st, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			states = append(states, st)
		}
		if len(states) != len(end.Owed) {
			return fmt.Errorf("it has %d states, the chunk's end names %d", len(states), len(end.Owed))
		}
		if is := statesDigest(&end, states); digest != "" && is != digest {
			return fmt.Errorf("its content has digest %s, and it says %s", is, digest)
		}
		return nil
	})
	return end, lineage, digest, err
}

// checkPack reads all entries of a pack of pictures.
func checkPack(ctx context.Context, c *contents, file string) error {
	return c.o.folder.ReadAt(ctx, file, func(r io.ReaderAt, size int64) error {
		z, err := zip.NewReader(r, size)
		if err != nil {
			return err
		}
		for _, f := range z.File {
			rc, err := f.Open()
			if err == nil {
				_, err = io.Copy(io.Discard, rc) //nolint:gosec // nothing of it is kept
				err = errors.Join(err, rc.Close())
			}
			if err != nil {
				return fmt.Errorf("entry %.80q: %w", f.Name, err)
			}
		}
		return nil
	})
}

// CheckPartials reads the beginnings of chunks that are not complete.
func (o *Output) CheckPartials(ctx context.Context, p chunk.Partition) (c Checked, err error) {
	names, err := o.layout.Partials(ctx, o.folder, partialsDir, resultsExt, p)
	if err != nil {
		return c, err
	}
	for _, n := range names {
		file := o.layout.partial(n)
		_, _, err := readResults(ctx, o.folder, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its chunk has grown
		}
		c.Files++
		if err != nil {
			c.Faults = append(c.Faults, Fault{Kind: "partial", ID: chunk.ID{Partition: p, Index: chunk.Of(n.Start, o.layout.N)}, File: file, What: err.Error()})
		}
	}
	return c, ctx.Err()
}

// Names are the files of a chunk, relative to the folder.
type Names struct{ Results, States, Images string }

// Names returns a chunk's.
func (o *Output) Names(id chunk.ID) Names {
	n := chunkfolder.Name{Partition: id.Partition, Start: id.Index * o.layout.N, End: (id.Index+1)*o.layout.N - 1}
	return Names{o.layout.results(n), o.layout.states(n), o.layout.images(n)}
}

// Lineage is that of a partition's chunk k, see governors.
func (o *Output) Lineage(p chunk.Partition, k int64) string {
	return governing(o.gens, p.Key(), k).lineage
}

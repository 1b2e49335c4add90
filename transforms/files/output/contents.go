package output

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// contents is one partition's files. Folders are listed when a chunk of theirs is
// asked for; asked for in ascending order, each is listed once.
type contents struct {
	o *Output
	chunk.Partition
	key       string             // topic+partition
	stateless *int64             // once read: see readStatesBase
	listed    *block             // the block that was listed last
	partials  []chunkfolder.Name // once listed: ascending, of one start the longest first

	// records are of partial files that were read. A file of a lineage has one content for each
	// name, so that of one that counts it is known for good; one that does not may give
	// its name to one that does. Who looks again and again puts his own here.
	records map[chunkfolder.Name]record
}

// block is the files of one block as they were listed.
type block struct {
	number   int64
	results  []chunkfolder.Name          // ascending; none lies inside another
	states   map[chunkfolder.Name]bool   //
	lineages map[chunkfolder.Name]string // of results files read so far
}

func (o *Output) contents(p chunk.Partition) (*contents, error) {
	if err := frame.CheckTopic(p.Topic); err != nil {
		return nil, err
	}
	return &contents{o: o, Partition: p, key: p.Key(), records: map[chunkfolder.Name]record{}}, nil
}

// block lists a block, unless it is the one that was listed last.
func (c *contents) block(ctx context.Context, number int64) (*block, error) {
	if c.listed != nil && c.listed.number == number {
		return c.listed, nil
	}
	list := func(dir, ext string) ([]chunkfolder.Name, error) {
		return c.o.layout.List(ctx, c.o.folder, dir, ext, c.Partition, number)
	}
	results, err := list(resultsDir, resultsExt)
	if err != nil {
		return nil, err
	}
	states, err := list(statesDir, statesExt)
	if err != nil {
		return nil, err
	}
	b := &block{number: number, results: outermost(results), states: map[chunkfolder.Name]bool{}, lineages: map[chunkfolder.Name]string{}}
	for _, n := range states {
		b.states[n] = true
	}
	c.listed = b
	return b, nil
}

// blocks lists the blocks that have a folder in dir.
func (c *contents) blocks(ctx context.Context, dir string) ([]int64, error) {
	return c.o.layout.Blocks(ctx, c.o.folder, dir, c.Partition)
}

// listPartials lists the partition's partial files.
func (c *contents) listPartials(ctx context.Context) (err error) {
	c.partials, err = c.o.layout.Partials(ctx, c.o.folder, partialsDir, resultsExt, c.Partition)
	maps.DeleteFunc(c.records, func(n chunkfolder.Name, _ record) bool {
		_, found := slices.BinarySearchFunc(c.partials, n, chunkfolder.LongestFirst)
		return !found
	})
	return err
}

// outermost sorts names of one partition and drops those that lie inside
// another: small files that were merged into a larger one and not yet removed.
func outermost(names []chunkfolder.Name) []chunkfolder.Name {
	slices.SortFunc(names, chunkfolder.LongestFirst)
	var kept []chunkfolder.Name
	for _, n := range names {
		if len(kept) == 0 || n.End > kept[len(kept)-1].End {
			kept = append(kept, n)
		}
	}
	return kept
}

// covering returns the results file that holds chunk k.
func (b *block) covering(k, n int64) (chunkfolder.Name, bool) {
	start, end := k*n, (k+1)*n-1
	i, ok := slices.BinarySearchFunc(b.results, start, func(n chunkfolder.Name, start int64) int { return cmp.Compare(n.Start, start) })
	if !ok {
		i--
	}
	if i < 0 || b.results[i].End < end {
		return chunkfolder.Name{}, false
	}
	return b.results[i], true
}

// complete reports whether chunk k is complete: its results and states are
// there, and the results count. A trusted chunk's lineage is not read again.
func (c *contents) complete(ctx context.Context, k int64, trusted bool) (bool, error) {
	b, err := c.block(ctx, c.o.layout.BlockOf(k))
	if err != nil {
		return false, err
	}
	r, ok := b.covering(k, c.o.layout.N)
	if !ok {
		return false, nil
	}
	s := r
	s.Start = r.End + 1 - c.o.layout.N // a merged file goes on from its last chunk's states
	if !b.states[s] {
		if given, err := c.statesGivenUp(ctx, r.End); err != nil || !given {
			return false, err
		}
	}
	if trusted {
		return true, nil
	}
	lineage, ok := b.lineages[r]
	if !ok {
		meta, err := readMeta(ctx, c.o.folder, c.o.layout.results(r))
		if err != nil {
			return false, err
		}
		lineage = meta[lineageKey]
		b.lineages[r] = lineage
		if of := meta[ofStatesKey]; of != "" && s == r && b.states[s] && lineage == c.lineage(k) {
			is, err := c.areStates(ctx, s, of)
			if err != nil || !is {
				b.lineages[r] = ""
				return false, err
			}
		}
	}
	return lineage == c.lineage(k), nil
}

// statesGivenUp reports whether the states of a chunk that ends at the offset last may
// have been given up: then it is complete without them.
func (c *contents) statesGivenUp(ctx context.Context, last int64) (bool, error) {
	if c.stateless == nil {
		from, err := readStatesBase(ctx, c.o.folder, c.Partition)
		if err != nil {
			return false, err
		}
		c.stateless = &from
	}
	return last < *c.stateless, nil
}

// areStates reports whether the states that are there have the digest.
func (c *contents) areStates(ctx context.Context, name chunkfolder.Name, digest string) (is bool, err error) {
	err = withStates(ctx, c.o.folder, c.o.layout.states(name), func(r *statesReader) error {
		is = r.digest == digest
		return nil
	})
	return is, err
}

func (c *contents) lineage(k int64) string { return governing(c.o.gens, c.key, k).lineage }

// lookAttempts bounds how often files are looked at again that a live job has just replaced.
const lookAttempts = 8

// beginning returns the partial files that together hold the beginning of chunk k, one after
// another without a gap, and the offset that they go up to, exclusive; the chunk's first
// offset if there are none. Only those of the lineage that counts do.
// What an earlier configuration had published when the present one began inside the
// chunk counts until there is more. The partial files must have been listed.
func (c *contents) beginning(ctx context.Context, k int64) (files []File, upTo int64, err error) {
	start := k * c.o.layout.N
	for try := 1; ; try++ {
		files, upTo, err = c.chain(ctx, k)
		if !errors.Is(err, fs.ErrNotExist) {
			return files, upTo, err
		}
		// A live job has put another one in its place.
		if try == lookAttempts {
			return nil, 0, err
		}
		if err := c.listPartials(ctx); err != nil {
			return nil, 0, err
		}
		if !slices.ContainsFunc(c.partials, func(n chunkfolder.Name) bool { return n.Start == start }) {
			return nil, 0, err // the whole chunk has, and is to be looked for
		}
	}
}

// begun is [contents.beginning] of a chunk, as it is now.
func (o *Output) begun(ctx context.Context, p chunk.Partition, k int64) (c *contents, files []File, upTo int64, err error) {
	if c, err = o.contents(p); err == nil {
		err = c.listPartials(ctx)
	}
	if err == nil {
		files, upTo, err = c.beginning(ctx, k)
	}
	return c, files, upTo, err
}

// chain is beginning of the files that were listed.
func (c *contents) chain(ctx context.Context, k int64) ([]File, int64, error) {
	gov := governing(c.o.gens, c.key, k)
	start := k * c.o.layout.N
	ch := chain{contents: c, lineage: gov.lineage, end: start + c.o.layout.N, from: map[int64]link{}}
	names, err := ch.longest(ctx, start)
	if err != nil {
		return nil, 0, err
	}
	var files []File
	upTo := start
	if len(names) == 0 && gov.at > 0 && gov.from == k {
		// It is shown under the name that it had: see showHead.
		as := c.o.layout.partial(chunkfolder.Name{Partition: c.Partition, Start: start, End: gov.at - 1})
		files, upTo = append(files, File{headFile(c.key, gov.before, start, gov.at), true, as}), gov.at
		if names, err = ch.longest(ctx, gov.at); err != nil {
			return nil, 0, err
		}
	}
	for _, n := range names {
		files, upTo = append(files, File{Name: c.o.layout.partial(n), Partial: true}), n.End+1
	}
	return files, upTo, nil
}

// chain looks for partial files that follow each other.
type chain struct {
	*contents
	lineage string
	end     int64          // of the chunk
	from    map[int64]link // by the offset that a file begins at
}

// link is the file that leads furthest, and how far that is.
type link struct {
	name chunkfolder.Name
	upTo int64
}

// longest returns the files that lead furthest from an offset: of two that lead equally far
// the longer one. Where two jobs, or a job that began again, cut a chunk in different
// places, there are files that lead nowhere.
func (c *chain) longest(ctx context.Context, at int64) (names []chunkfolder.Name, err error) {
	if _, err := c.reach(ctx, at); err != nil {
		return nil, err
	}
	for {
		l := c.from[at]
		if l.upTo <= at {
			return names, nil
		}
		names, at = append(names, l.name), l.name.End+1
	}
}

func (c *chain) reach(ctx context.Context, at int64) (upTo int64, err error) {
	if l, ok := c.from[at]; ok {
		return l.upTo, nil
	}
	best := link{upTo: at}
	for _, n := range c.partials { // of one start the longest first
		if n.Start != at || n.End >= c.end {
			continue
		}
		rec, err := c.partialRecord(ctx, n)
		if err != nil {
			return 0, err
		}
		if rec.Lineage != c.lineage {
			continue
		}
		further, err := c.reach(ctx, n.End+1)
		if err != nil {
			return 0, err
		}
		if further > best.upTo {
			best = link{n, further}
		}
	}
	c.from[at] = best
	return best.upTo, nil
}

// partialRecord is what the footer of a partial file says; of one that counts it is looked up once.
func (c *contents) partialRecord(ctx context.Context, n chunkfolder.Name) (record, error) {
	if rec, ok := c.records[n]; ok && rec.Lineage == c.lineage(chunk.Of(n.Start, c.o.layout.N)) {
		return rec, nil
	}
	rec, err := readRecord(ctx, c.o, c.o.layout.partial(n))
	if err == nil {
		c.records[n] = rec
	}
	return rec, err
}

// readResults reads a results file and its lineage.
func readResults(ctx context.Context, f *store.Folder, file string) (rows []result.Frame, lineage string, err error) {
	rows, meta, err := readAll(ctx, f, file)
	return rows, meta[lineageKey], err
}

// readAll reads a results file and its metadata.
func readAll(ctx context.Context, f *store.Folder, file string) (rows []result.Frame, meta map[string]string, err error) {
	err = f.ReadAt(ctx, file, func(r io.ReaderAt, size int64) error {
		rows, meta, err = result.ReadParquet(r, size)
		return err
	})
	return rows, meta, err
}

// readLineage reads only a results file's lineage.
func readLineage(ctx context.Context, f *store.Folder, file string) (lineage string, err error) {
	meta, err := readMeta(ctx, f, file)
	return meta[lineageKey], err
}

// readMeta reads a results file's metadata.
func readMeta(ctx context.Context, f *store.Folder, file string) (meta map[string]string, err error) {
	err = f.ReadAt(ctx, file, func(r io.ReaderAt, size int64) (err error) {
		meta, err = result.ReadParquetMeta(r, size)
		return err
	})
	return meta, err
}

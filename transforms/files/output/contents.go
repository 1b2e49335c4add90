package output

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
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
	return &contents{o: o, Partition: p, key: p.Key()}, nil
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

// partial returns the longest partial file of chunk k that counts and the
// offset it goes up to, exclusive; the chunk's first offset if there is none.
// What an earlier configuration had published when the present one began inside the
// chunk counts until there is more. The partial files must have been listed.
func (c *contents) partial(ctx context.Context, k int64) (file File, upTo int64, err error) {
	gov := governing(c.o.gens, c.key, k)
	start := k * c.o.layout.N
	for try := 1; ; try++ {
		var gone error
		for _, n := range c.partials {
			if n.Start != start || n.End >= start+c.o.layout.N {
				continue
			}
			name := c.o.layout.partial(n)
			lineage, err := readLineage(ctx, c.o.folder, name)
			if errors.Is(err, fs.ErrNotExist) {
				gone = err // a live job has put a longer one in its place
				break
			}
			if err != nil {
				return File{}, 0, err
			}
			if lineage == gov.lineage {
				return File{Name: name, Partial: true}, n.End + 1, nil
			}
		}
		if gone == nil {
			break
		}
		if try == lookAttempts {
			return File{}, 0, gone
		}
		if err := c.listPartials(ctx); err != nil {
			return File{}, 0, err
		}
		if !slices.ContainsFunc(c.partials, func(n chunkfolder.Name) bool { return n.Start == start }) {
			return File{}, 0, gone // the whole chunk has, and is to be looked for
		}
	}
	if gov.at == 0 || gov.from != k {
		return File{}, start, nil
	}
	// It is shown under the name that it had: see showHead.
	as := c.o.layout.partial(chunkfolder.Name{Partition: c.Partition, Start: start, End: gov.at - 1})
	return File{headFile(c.key, gov.before, start, gov.at), true, as}, gov.at, nil
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

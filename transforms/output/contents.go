package output

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/store"
)

// contents is one partition's files as they were listed.
type contents struct {
	o        *Output
	key      string          // topic+partition
	results  []Name          // ascending; none lies inside another
	states   map[Name]bool   //
	partials []Name          // ascending, of one start the longest first
	lineages map[Name]string // of results files read so far
}

// list lists the files of one partition.
func (o *Output) list(ctx context.Context, topic string, partition int32) (*contents, error) {
	if err := frame.CheckTopic(topic); err != nil {
		return nil, err
	}
	key := partitionKey(topic, partition)
	all, err := o.listAll(ctx, key+"+*")
	if err != nil {
		return nil, err
	}
	if c, ok := all[key]; ok {
		return c, nil
	}
	return o.newContents(key), nil
}

func (o *Output) newContents(key string) *contents {
	return &contents{o: o, key: key, states: map[Name]bool{}, lineages: map[Name]string{}}
}

// listAll lists files whose names match pattern, by partition.
func (o *Output) listAll(ctx context.Context, pattern string) (map[string]*contents, error) {
	all := map[string]*contents{}
	list := func(dir, ext string, add func(*contents, Name)) error {
		files, err := o.folder.List(ctx, dir+pattern+ext)
		if err != nil {
			return err
		}
		for _, file := range files {
			n, ok := parseFile(file, dir, ext)
			if !ok {
				continue
			}
			key := partitionKey(n.Topic, n.Partition)
			if all[key] == nil {
				all[key] = o.newContents(key)
			}
			add(all[key], n)
		}
		return nil
	}
	err := errors.Join(
		list(resultsDir, resultsExt, func(c *contents, n Name) { c.results = append(c.results, n) }),
		list(partialsDir, resultsExt, func(c *contents, n Name) { c.partials = append(c.partials, n) }),
		list(statesDir, statesExt, func(c *contents, n Name) { c.states[n] = true }))
	for _, c := range all {
		slices.SortFunc(c.partials, longestFirst)
		c.results = outermost(c.results)
	}
	return all, err
}

func longestFirst(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End))
}

// outermost sorts names of one partition and drops those that lie inside
// another: small files that were merged into a larger one and not yet removed.
func outermost(names []Name) []Name {
	slices.SortFunc(names, longestFirst)
	var kept []Name
	for _, n := range names {
		if len(kept) == 0 || n.End > kept[len(kept)-1].End {
			kept = append(kept, n)
		}
	}
	return kept
}

// covering returns the results file that holds chunk k.
func (c *contents) covering(k int64) (Name, bool) {
	start, end := k*c.o.n, (k+1)*c.o.n-1
	i, ok := slices.BinarySearchFunc(c.results, start, func(n Name, start int64) int { return cmp.Compare(n.Start, start) })
	if !ok {
		i--
	}
	if i < 0 || c.results[i].End < end {
		return Name{}, false
	}
	return c.results[i], true
}

// complete reports whether chunk k is complete: its results and states are
// there, and the results count. A trusted chunk's lineage is not read again.
func (c *contents) complete(ctx context.Context, k int64, trusted bool) (bool, error) {
	r, ok := c.covering(k)
	if !ok {
		return false, nil
	}
	s := r
	s.Start = r.End + 1 - c.o.n // a merged file goes on from its last chunk's states
	if !c.states[s] {
		return false, nil
	}
	if trusted {
		return true, nil
	}
	lineage, ok := c.lineages[r]
	if !ok {
		var err error
		if lineage, err = readLineage(ctx, c.o.folder, r.results()); err != nil {
			return false, err
		}
		c.lineages[r] = lineage
	}
	return lineage == c.lineage(k), nil
}

func (c *contents) lineage(k int64) string { return governing(c.o.gens, c.key, k).lineage }

// partial returns the longest partial file of chunk k that counts and the
// offset it goes up to, exclusive; the chunk's first offset if there is none.
func (c *contents) partial(ctx context.Context, k int64) (file string, upTo int64, err error) {
	for _, n := range c.partials {
		if n.Start != k*c.o.n || n.End >= (k+1)*c.o.n {
			continue
		}
		lineage, err := readLineage(ctx, c.o.folder, n.partial())
		if err != nil {
			return "", 0, err
		}
		if lineage == c.lineage(k) {
			return n.partial(), n.End + 1, nil
		}
	}
	return "", k * c.o.n, nil
}

// File is a results file that counts.
type File struct {
	Name    string // relative to the folder
	Partial bool   // the beginning of a chunk that is not complete
}

// Files lists the results files that count, in the order of topic, partition and
// offset, and the partial file of every chunk that is not complete.
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
// that order.
func (o *Output) Each(ctx context.Context, fn func(name string, rows []result.Frame, partial bool) error) error {
	var rows []result.Frame // of the complete file that was read last
	return o.visit(ctx, func(file string) (lineage string, err error) {
		rows, lineage, err = readResults(ctx, o.folder, file)
		return lineage, err
	}, func(f File) (err error) {
		if f.Partial {
			if rows, err = o.Rows(ctx, f.Name); err != nil {
				return err
			}
		}
		return fn(f.Name, rows, f.Partial)
	})
}

// visit calls fn for every file that counts. It asks lineage for that of a
// complete file just before.
func (o *Output) visit(ctx context.Context, lineage func(file string) (string, error), fn func(File) error) error {
	all, err := o.listAll(ctx, "*")
	if err != nil {
		return fmt.Errorf("read output: %w", err)
	}
	for _, key := range sortedKeys(all) {
		if err := all[key].visit(ctx, lineage, fn); err != nil {
			return err
		}
	}
	return nil
}

// sortedKeys sorts by topic, then by the number of the partition.
func sortedKeys(all map[string]*contents) []string {
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		ta, pa, _ := parsePartitionKey(a)
		tb, pb, _ := parsePartitionKey(b)
		return cmp.Or(strings.Compare(ta, tb), cmp.Compare(pa, pb))
	})
	return keys
}

func (c *contents) visit(ctx context.Context, lineage func(file string) (string, error), fn func(File) error) error {
	chunks := map[int64]bool{} // that may have something to show
	for _, n := range c.results {
		chunks[chunk.Of(n.Start, c.o.n)] = true
	}
	for _, n := range c.partials {
		chunks[chunk.Of(n.Start, c.o.n)] = true
	}
	order := make([]int64, 0, len(chunks))
	for k := range chunks {
		order = append(order, k)
	}
	slices.Sort(order)
	shown := int64(chunk.None) // the last offset shown
	for _, k := range order {
		if r, ok := c.covering(k); ok {
			if r.End <= shown {
				continue
			}
			of, err := lineage(r.results())
			if err != nil {
				return err
			}
			if of == c.lineage(k) {
				if err := fn(File{Name: r.results()}); err != nil {
					return err
				}
				shown = r.End
				continue
			}
		}
		file, _, err := c.partial(ctx, k)
		if err != nil {
			return err
		}
		if file == "" {
			continue
		}
		if err := fn(File{Name: file, Partial: true}); err != nil {
			return err
		}
	}
	return nil
}

// readResults reads a results file and its lineage.
func readResults(ctx context.Context, f *store.Folder, file string) (rows []result.Frame, lineage string, err error) {
	err = withReaderAt(ctx, f, file, func(r io.ReaderAt, size int64) error {
		var meta map[string]string
		rows, meta, err = result.ReadParquet(r, size)
		lineage = meta[lineageKey]
		return err
	})
	return rows, lineage, err
}

// readLineage reads only a results file's lineage.
func readLineage(ctx context.Context, f *store.Folder, file string) (lineage string, err error) {
	err = withReaderAt(ctx, f, file, func(r io.ReaderAt, size int64) error {
		meta, err := result.ReadParquetMeta(r, size)
		lineage = meta[lineageKey]
		return err
	})
	return lineage, err
}

func withReaderAt(ctx context.Context, f *store.Folder, file string, use func(io.ReaderAt, int64) error) (err error) {
	rc, err := f.OpenRead(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	r, ok := rc.(io.ReaderAt)
	var size int64
	if ok {
		size, err = f.Size(ctx, file)
	} else {
		var b []byte
		b, err = io.ReadAll(rc)
		r, size = bytes.NewReader(b), int64(len(b))
	}
	if err == nil {
		err = use(r, size)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Path(file), err)
	}
	return nil
}

package output

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// CommitPartial publishes the beginning of a chunk, up to end.UpTo, for readers
// that do not want to wait until the log has filled it. It replaces shorter
// partial files, and does nothing if a longer one or the whole chunk is there. pics,
// which may be nil, makes its pictures.
func (w *Writer) CommitPartial(ctx context.Context, end chunk.End, rows []result.Frame, pics Pictures) (Published, error) {
	fail := func(err error) (Published, error) {
		return Published{}, fmt.Errorf("commit partial %v up to offset %d: %w", end.ID, end.UpTo, err)
	}
	whole, wanted, err := w.wanted(ctx, &end)
	if err != nil {
		return fail(err)
	}
	if !wanted {
		return Published{}, nil
	}
	rows, err = w.o.withHead(ctx, end.ID, rows)
	if err == nil {
		err = w.check(&end, rows, nil)
	}
	if err != nil {
		return fail(err)
	}
	name := whole
	name.End = end.UpTo - 1
	_, had, upTo, err := w.beginning(ctx, end.ID)
	if err != nil {
		return fail(err)
	}
	if upTo > end.UpTo {
		return Published{}, nil
	}
	lineage := w.lineage(end.ID)
	again := upTo == end.UpTo && len(had) == 1 && had[0].As == ""
	b, err := encodeResults(lineage, "", rows)
	if err != nil {
		return fail(err)
	}
	// The pictures come first: a job that sees the rows may take its work for done.
	for try := 1; ; try++ {
		n := 0
		if pics != nil {
			if n, err = w.partialPictures(ctx, name, end, rows, pics, again); err != nil {
				return fail(err)
			}
		}
		w.at("sink-between-partials")
		err = w.o.folder.Put(ctx, w.o.layout.partial(name), store.WriteAll(b), func(s *store.Staged, ctx context.Context) error {
			if err := w.current(ctx, end.ID); err != nil {
				return err
			}
			return s.Replace(ctx)
		})
		if err != nil {
			return fail(err)
		}
		if n == 0 || try == publishAttempts {
			break
		}
		// Until there were rows, a job that has just started took the pictures for left over.
		if there, err := w.o.folder.Exists(ctx, w.o.layout.partialImages(name)); err != nil {
			return fail(err)
		} else if there {
			break
		}
	}
	if err := w.removePartials(ctx, whole, name); err != nil {
		return fail(err)
	}
	sum := sha256.Sum256(b)
	return Published{w.o.layout.partial(name), len(rows), hex.EncodeToString(sum[:]), int64(len(b))}, nil
}

// wanted names the chunk of whose beginning end is, and reports whether that is to be published:
// not if all of it is frozen, and shown, nor beside the whole chunk.
func (w *Writer) wanted(ctx context.Context, end *chunk.End) (whole chunkfolder.Name, is bool, err error) {
	if whole, err = chunkfolder.NameOf(end.ID, w.o.layout.N); err != nil {
		return whole, false, err
	}
	if !end.Partial || end.N != w.o.layout.N || end.UpTo <= whole.Start || end.UpTo > whole.End {
		return whole, false, fmt.Errorf("not a part of offsets %d to %d", whole.Start, whole.End)
	}
	if gov := governing(w.o.gens, end.Partition.Key(), end.Index); gov.from == end.Index && end.UpTo <= gov.at {
		return whole, false, nil
	}
	done, err := w.Done(ctx, end.ID)
	if err == nil && done { // or given up since
		err = w.removePartials(ctx, whole, whole)
	}
	return whole, !done, err
}

// beginning is that of a chunk as it is found by somebody who writes it: what is being removed
// counts for nothing.
func (w *Writer) beginning(ctx context.Context, id chunk.ID) (c *contents, had []File, upTo int64, err error) {
	c, had, upTo, err = w.o.begun(ctx, id.Partition, id.Index)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil, id.Index * w.o.layout.N, nil
	}
	return c, had, upTo, err
}

// partialPictures publishes the pictures of the beginning of a chunk and returns how
// many there are. Those that are there stay if its rows are there too.
func (w *Writer) partialPictures(ctx context.Context, name chunkfolder.Name, end chunk.End, rows []result.Frame, pics Pictures, again bool) (n int, err error) {
	file := w.o.layout.partialImages(name)
	if again {
		if there, err := w.o.folder.Exists(ctx, file); err != nil || there {
			return 0, err
		}
	}
	err = w.o.folder.Put(ctx, file, func(out io.Writer) (err error) {
		n, err = pics.Pack(ctx, out, end, rows)
		return err
	}, func(s *store.Staged, ctx context.Context) error {
		if err := w.current(ctx, end.ID); err != nil {
			return err
		}
		if n > 0 {
			return s.Replace(ctx)
		}
		return errors.Join(s.Discard(ctx), w.o.folder.Remove(ctx, file))
	})
	return n, err
}

// partials lists the chunk's partial files.
func (w *Writer) partials(ctx context.Context, whole chunkfolder.Name) ([]chunkfolder.Name, error) {
	all, err := w.o.layout.Partials(ctx, w.o.folder, partialsDir, resultsExt, whole.Partition)
	return slices.DeleteFunc(all, func(n chunkfolder.Name) bool { return n.Start < whole.Start || n.Start > whole.End }), err
}

// removePartials removes the chunk's partial files that end where a file does or before, but
// for that.
func (w *Writer) removePartials(ctx context.Context, whole, but chunkfolder.Name) error {
	names, err := w.partials(ctx, whole)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		// A newer generation may have published its own under the same name.
		if err := w.current(ctx, chunk.ID{Partition: whole.Partition, Index: chunk.Of(whole.Start, w.o.layout.N)}); err != nil {
			return err
		}
	}
	for _, n := range names {
		if n.End <= but.End && n != but {
			if err := w.removePartial(ctx, n); err != nil {
				return err
			}
		}
	}
	return nil
}

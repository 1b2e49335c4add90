package output

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// CommitInterim publishes what has come of a chunk since its beginning was published last, up
// to end.UpTo, as one more partial file that goes on where the others end. rows are at
// least those since then, by ascending offsets; where the others do not go as far as that,
// all returns all rows below end.UpTo. It does nothing if as much is there already. There
// are no pictures of it: they come with the whole chunk, or when the log stands still.
//
// So that there are never many files of a chunk, those before that are not much longer than
// what comes are taken into it: each is at least twice as long as the next, but for the
// first, which stays as it is, since it may have pictures. So there are no more than the
// logarithm of the chunk's length, and a row is written about as often (the logarithmic
// method, Bentley and Saxe 1980).
func (w *Writer) CommitInterim(ctx context.Context, end chunk.End, rows []result.Frame, all func() ([]result.Frame, error)) (Published, error) {
	fail := func(err error) (Published, error) {
		return Published{}, fmt.Errorf("commit interim %v up to offset %d: %w", end.ID, end.UpTo, err)
	}
	whole, wanted, err := w.wanted(ctx, &end)
	if err != nil {
		return fail(err)
	}
	if !wanted {
		return Published{}, nil
	}
	for try := 1; ; try++ {
		p, err := w.interim(ctx, whole, end, rows, all)
		if errors.Is(err, fs.ErrNotExist) && try < lookAttempts {
			continue // another job has taken a file away that was to be taken in
		}
		if err != nil {
			return fail(err)
		}
		return p, nil
	}
}

func (w *Writer) interim(
	ctx context.Context, whole chunkfolder.Name, end chunk.End, rows []result.Frame, all func() ([]result.Frame, error),
) (Published, error) {
	c, had, upTo, err := w.beginning(ctx, end.ID)
	if err != nil || upTo >= end.UpTo {
		return Published{}, err
	}
	name := whole
	name.End = end.UpTo - 1
	taken := takenIn(had, name.End)
	if name.Start = upTo; len(taken) > 0 {
		name.Start = taken[0].Start
	}
	written, err := w.interimRows(ctx, end, name.Start, upTo, taken, rows)
	if err != nil {
		return Published{}, err
	}
	if written == nil || len(had) > 0 && had[0].As != "" { // or readers see the frozen rows of the journal
		name.Start = whole.Start
		if written, err = all(); err == nil {
			written, err = w.o.withHead(ctx, end.ID, written)
		}
		if err == nil {
			err = w.check(&end, written, nil)
		}
		if err != nil {
			return Published{}, err
		}
	}
	if len(written) == 0 {
		return Published{}, nil // nothing but offsets that hold no record
	}
	b, err := encodeResults(w.lineage(end.ID), "", written)
	if err != nil {
		return Published{}, err
	}
	w.at("sink-interim-begun")
	if err := w.o.folder.Put(ctx, w.o.layout.partial(name), store.WriteAll(b), func(s *store.Staged, ctx context.Context) error {
		w.at("sink-interim-closed")
		if err := w.current(ctx, end.ID); err != nil {
			return err
		}
		return s.Replace(ctx)
	}); err != nil {
		return Published{}, err
	}
	w.at("sink-interim-renamed")
	if err := w.removeInside(ctx, c.partials, had, end.ID); err != nil {
		return Published{}, err
	}
	sum := sha256.Sum256(b)
	return Published{w.o.layout.partial(name), len(written), hex.EncodeToString(sum[:]), int64(len(b))}, nil
}

// takenIn are those of the files that the next one, which ends at an offset, takes in.
func takenIn(had []File, last int64) (taken []chunkfolder.Name) {
	for i := len(had) - 1; i > 0; i-- {
		n, ok := had[i].Span()
		if !ok || n.End-n.Start+1 >= 2*(last-n.End) {
			break
		}
		taken = append(taken, n)
	}
	slices.Reverse(taken)
	return taken
}

// interimRows are the rows [from, end.UpTo): those of the files that are taken in, and
// those of rows from the offset upTo on. nil: they are not all that there are.
func (w *Writer) interimRows(ctx context.Context, end chunk.End, from, upTo int64, taken []chunkfolder.Name, rows []result.Frame) ([]result.Frame, error) {
	written := []result.Frame{}
	for _, n := range taken {
		had, err := w.o.Rows(ctx, w.o.layout.partial(n))
		if err != nil {
			return nil, err
		}
		written = append(written, had...)
	}
	i, _ := slices.BinarySearchFunc(rows, upTo, func(r result.Frame, at int64) int { return cmp.Compare(r.Offset, at) })
	written = append(written, rows[i:]...)
	next := 0
	for o := range end.Offsets.All {
		if o < from {
			continue
		}
		if next == len(written) || written[next].Offset != o {
			return nil, nil
		}
		next++
	}
	if next < len(written) {
		return nil, nil
	}
	return written, nil
}

// removeInside removes the partial files that lie inside others, which were there before.
// What has just been taken in stays until the next time: somebody who only reads files, such
// as DuckDB, has perhaps listed it a moment ago.
func (w *Writer) removeInside(ctx context.Context, names []chunkfolder.Name, had []File, id chunk.ID) error {
	looked := false
	for _, n := range names {
		if !slices.ContainsFunc(had, func(f File) bool {
			name, ok := f.Span()
			return ok && f.As == "" && n != name && n.Start >= name.Start && n.End <= name.End
		}) {
			continue
		}
		if !looked { // a newer generation may have published its own under the same name
			if err := w.current(ctx, id); err != nil {
				return err
			}
			looked = true
		}
		if err := w.removePartial(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// removePartial removes a partial file, and its pictures.
func (w *Writer) removePartial(ctx context.Context, n chunkfolder.Name) error {
	return errors.Join(w.o.folder.Remove(ctx, w.o.layout.partialImages(n)), w.o.folder.Remove(ctx, w.o.layout.partial(n)))
}

package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/chunkfolder"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// clear removes a chunk's files that do not count. The results go first and the
// states last: what is left after a crash is recognised by its states, for
// pictures carry no lineage.
func (w *Writer) clear(ctx context.Context, name chunkfolder.Name, c *publication, t there) error {
	f, results, states, images := w.o.folder, w.o.layout.results(name), w.o.layout.states(name), w.o.layout.images(name)
	if t.results {
		rows, _, err := readResults(ctx, f, results)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := checkLost(f.Path(results), rows, &c.end); err != nil {
			return err
		}
		err = w.remove(ctx, c.end.ID, results, w.resultsBelong(ctx, c.end.ID, name), func(file string) (bool, error) {
			meta, err := readMeta(ctx, f, file)
			return meta[lineageKey] == t.resultsLineage && meta[ofStatesKey] == t.ofStates, err
		})
		if err != nil {
			return err
		}
	}
	if !t.states || t.statesLineage == c.lineage {
		return nil
	}
	never := func(string) (bool, error) { return false, nil }
	if err := w.remove(ctx, c.end.ID, images, never, func(string) (bool, error) { return true, nil }); err != nil {
		return err
	}
	return w.remove(ctx, c.end.ID, states, w.statesBelong(ctx, name), func(file string) (bool, error) {
		_, lineage, err := readEnd(ctx, f, file)
		return lineage == t.statesLineage, err
	})
}

// remove removes a file if it is the one that is meant. Between a look at it and its
// removal any time may pass, in which a newer generation may put its own there. So it
// is taken from its name first, and looked at then: who comes later does not see
// it any more, and whoever came before is known now, and gets it back.
func (w *Writer) remove(ctx context.Context, id chunk.ID, file string, belongs, meant func(file string) (bool, error)) error {
	w.at("sink-remove")
	taken, err := w.o.folder.Take(ctx, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	w.at("sink-taken")
	is, err := meant(taken.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", w.o.folder.Path(file), errDisturbed) // restored by a job that has just started
	}
	if err == nil {
		err = w.current(ctx, id)
	}
	if err == nil && !is {
		err = fmt.Errorf("%s: %w", w.o.folder.Path(file), errDisturbed)
	}
	if err != nil {
		return errors.Join(err, putBack(ctx, taken, belongs))
	}
	return taken.Discard(ctx)
}

// putBack gives a file back that should not have been taken. If there is another by
// now, it stays unless belongs says that the one that was taken must be there.
func putBack(ctx context.Context, taken *store.Taken, belongs func(taken string) (bool, error)) error {
	err := taken.PutBack(ctx)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	is, err := belongs(taken.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if is {
		return taken.Replace(ctx)
	}
	return taken.Discard(ctx)
}

// resultsBelong reports whether the newest generation counts results that were
// taken, and not those that are there.
func (w *Writer) resultsBelong(ctx context.Context, id chunk.ID, name chunkfolder.Name) func(string) (bool, error) {
	return func(taken string) (bool, error) {
		gens, err := readGenerations(ctx, w.o.folder, 0)
		if err != nil {
			return false, err
		}
		want := governing(gens, id.Partition.Key(), id.Index).lineage
		had, err := readLineage(ctx, w.o.folder, taken)
		if err != nil || had != want {
			return false, err
		}
		now, err := readLineage(ctx, w.o.folder, w.o.layout.results(name))
		return now != want, err
	}
}

// statesBelong reports whether the results that are there belong to states that
// were taken.
func (w *Writer) statesBelong(ctx context.Context, name chunkfolder.Name) func(string) (bool, error) {
	return func(taken string) (is bool, err error) {
		meta, err := readMeta(ctx, w.o.folder, w.o.layout.results(name))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		err = withStates(ctx, w.o.folder, taken, func(r *statesReader) error {
			is = r.lineage == meta[lineageKey] && r.digest == meta[ofStatesKey]
			return nil
		})
		return is, err
	}
}

func checkLost(path string, rows []result.Frame, end *chunk.End) error {
	var lost chunk.Offsets
	for i := range rows {
		if !end.Offsets.Contains(rows[i].Offset) {
			lost.Add(rows[i].Offset)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("%s: %w: offsets %v", path, ErrRowsLost, lost)
	}
	return nil
}

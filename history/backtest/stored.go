package backtest

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// stored is an output that is read.
type stored struct {
	*output.Output
	records []*profiles.Record // of its generations
	states  *output.States
	catalog *output.Catalog
}

func openStored(ctx context.Context, root string) (*stored, error) {
	folder, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	o, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return nil, err
	}
	s := &stored{Output: o, catalog: o.Catalog()}
	for _, g := range o.Generations() {
		r, err := profiles.ReadRecord(g.Config)
		if err != nil {
			// What made its rows is not known, so nothing is taken from them.
			slog.Warn("the configuration of a generation cannot be read", "output", folder.Root(), "generation", g.Number, "error", err)
			r = &profiles.Record{}
		}
		s.records = append(s.records, r)
	}
	if len(s.records) > 0 {
		if s.states, err = output.OpenStates(ctx, o.Spec()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// eras are a partition's.
func (s *stored) eras(p chunk.Partition) (eras []era) {
	for _, e := range s.AllStretches(p) {
		eras = append(eras, era{e.From, e.To, e.Begun, s.records[e.Generation.Number-1]})
	}
	return eras
}

// end is that of a chunk; none before the first.
func (s *stored) end(ctx context.Context, p chunk.Partition, k int64) (chunk.End, bool, error) {
	if k < 0 {
		return chunk.End{}, false, nil
	}
	return s.states.End(ctx, p, k)
}

// file is a results file of a partition.
type file struct {
	name        string
	start, end  int64 // offsets, end excluded
	first, last int64 // capture times, µs: none is outside
}

// files are those of a partition, ascending.
func (s *stored) files(ctx context.Context, p chunk.Partition) (files []file, err error) {
	for try := 1; ; try++ {
		files = nil
		err := s.catalog.Files(ctx, p, 0, func(e output.Entry) error {
			files = append(files, file{e.Name, e.Span.Start, e.Span.End + 1, e.Statistics.First, e.Statistics.Last})
			return nil
		})
		if !notThere(err) || try == looks {
			return files, err
		}
	}
}

// looks bounds how often files are listed anew because one is gone that was listed.
const looks = 8

// notThere reports whether a file is gone that was there when files were listed: a partial
// file that has grown.
func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }

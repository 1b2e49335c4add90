// Package scan reads the rows of an output by time, camera and column without reading all of
// it: files are chosen by what their footers say, which an output's catalog knows, and of
// those only the columns are read that are asked for.
//
//	s, err := scan.Open(ctx, "out/analysis")
//	for row, err := range s.Rows(ctx, scan.Query{Period: yesterday, Columns: result.OfEvents, Filled: result.OfEvents}) {
//		…
//	}
//
// Rows come in the order of the log: topic, partition, offset; those of complete chunks, and
// of what there is of the others. A job may write the output meanwhile: each row comes once.
package scan

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"time"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

// Query says which rows are wanted, and what of them.
type Query struct {
	// Period is when they were captured or, where that is not known, logged.
	Period period.Period
	// Cameras are the only ones; none: all, and rows of no camera too.
	Cameras []string
	// Columns are read beside what tells which row it is and of when.
	Columns result.Columns
	// Filled leaves out rows with nothing in these of the columns' lists.
	Filled result.Columns
	// EventTypes passes over files in which no event has one of these types; none: over no
	// file. Rows with other events come too.
	EventTypes []string
}

// wants reports whether a file's, or row group's, rows may be wanted.
func (q *Query) wants(s *result.Statistics) bool {
	return s.Rows > 0 && q.Period.Overlaps(time.UnixMicro(s.First), time.UnixMicro(s.Last)) && s.HasCamera(q.Cameras) &&
		(q.Filled != result.OfEvents || s.HasEvents(q.EventTypes))
}

func (q *Query) wantsRow(f *result.Frame) bool {
	return (len(q.Cameras) == 0 || slices.Contains(q.Cameras, f.Camera)) && (q.Period.Open() || q.Period.Contains(f.At()))
}

// Scan is an output that is open to be read. It is for one user at a time.
type Scan struct{ catalog *output.Catalog }

// Open opens the output in a folder, a local path or scheme://…. The error is
// fs.ErrNotExist if it is none.
func Open(ctx context.Context, root string) (*Scan, error) {
	folder, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	o, err := output.OpenExisting(ctx, folder)
	if err != nil {
		return nil, err
	}
	return Of(o), nil
}

// Of reads an output that is open.
func Of(o *output.Output) *Scan { return &Scan{catalog: o.Catalog()} }

// Output is what is read.
func (s *Scan) Output() *output.Output { return s.catalog.Output() }

// Batch is what is wanted of one file's rows, in their order.
type Batch struct {
	output.Entry
	Rows []result.Frame
}

// Rows are the rows that q asks for. What a row points to is the caller's to keep.
func (s *Scan) Rows(ctx context.Context, q Query) iter.Seq2[*result.Frame, error] {
	return func(yield func(*result.Frame, error) bool) {
		for b, err := range s.Batches(ctx, q) {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range b.Rows {
				if !yield(&b.Rows[i], nil) {
					return
				}
			}
		}
	}
}

// Batches are the rows that q asks for, by file: none of a file that has none of them.
func (s *Scan) Batches(ctx context.Context, q Query) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		parts, err := s.Output().Partitions(ctx)
		if err != nil {
			yield(Batch{}, err)
			return
		}
		for _, p := range parts {
			w := walk{Scan: s, Query: &q, partition: p}
			if err := w.all(ctx, func(b Batch) bool { return yield(b, nil) }); err != nil {
				if !errors.Is(err, errEnough) {
					yield(Batch{}, err)
				}
				return
			}
		}
	}
}

// Files are the files that may have rows that q asks for, with their statistics. The
// error is fs.ErrNotExist where one is gone that was there a moment ago: ask again.
func (s *Scan) Files(ctx context.Context, q Query) iter.Seq2[output.Entry, error] {
	return func(yield func(output.Entry, error) bool) {
		parts, err := s.Output().Partitions(ctx)
		for _, p := range parts {
			if err != nil {
				break
			}
			err = s.catalog.Files(ctx, p, 0, func(e output.Entry) error {
				if q.wants(&e.Statistics) && !yield(e, nil) {
					return errEnough
				}
				return nil
			})
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(output.Entry{}, err)
		}
	}
}

// errEnough ends a walk whose rows nobody wants any more, errGap one that came to a chunk
// before which one is missing.
var (
	errEnough = errors.New("enough")
	errGap    = errors.New("a chunk is missing")
)

// Follower shows each row once, as it comes.
type Follower struct {
	s         *Scan
	q         Query
	positions map[chunk.Partition]int64
}

// Follow begins to follow an output from its beginning.
func (s *Scan) Follow(q Query) *Follower {
	return &Follower{s: s, q: q, positions: map[chunk.Partition]int64{}}
}

// Next calls fn with what has been published since it was called last, of each partition in
// the order of the log: rows after a chunk that is not there yet come when that has come.
func (f *Follower) Next(ctx context.Context, fn func(Batch) error) error {
	if err := f.s.catalog.Refresh(ctx); err != nil {
		return err
	}
	parts, err := f.s.Output().Partitions(ctx)
	if err != nil {
		return err
	}
	for _, p := range parts {
		base, err := f.s.Output().Base(ctx, p)
		if err != nil {
			return err
		}
		w := walk{Scan: f.s, Query: &f.q, partition: p, position: f.positions[p], gapless: true, base: base}
		var failed error
		err = w.all(ctx, func(b Batch) bool {
			failed = fn(b)
			return failed == nil
		})
		f.positions[p] = w.position
		if failed != nil {
			return failed
		}
		if err != nil && !errors.Is(err, errGap) && !errors.Is(err, fs.ErrNotExist) { // what went away comes again
			return err
		}
	}
	return nil
}

// Captured is when the first and the last of the output's rows were captured, about; zero
// if it has none.
func (s *Scan) Captured(ctx context.Context) (first, last time.Time, err error) {
	for e, err := range s.Files(ctx, Query{}) {
		if err != nil {
			return first, last, err
		}
		if t := time.UnixMicro(e.Statistics.First); first.IsZero() || t.Before(first) {
			first = t
		}
		if t := time.UnixMicro(e.Statistics.Last); last.IsZero() || t.After(last) {
			last = t
		}
	}
	return first, last, nil
}

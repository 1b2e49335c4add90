package scan

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/result"
)

// readAhead is how many files of a partition are read at a time: of a filesystem on other
// machines each is some milliseconds of waiting.
const readAhead = 4

// looks bounds how often a partition is looked at again without getting on, because a
// file went away between being listed and being read: a partial file that grew, or what
// retention removed.
const looks = 8

// walk goes over a partition.
type walk struct {
	*Scan
	*Query
	partition chunk.Partition
	position  int64 // the next offset to show
	// gapless ends with errGap before a chunk that does not follow on what was shown. What
	// lies before base need not follow: the rest was given up.
	gapless bool
	base    int64
}

// all shows all batches from the position on, until yield returns false: errEnough.
func (w *walk) all(ctx context.Context, yield func(Batch) bool) error {
	for try := 1; ; try++ {
		before := w.position
		err := w.once(ctx, yield)
		if !errors.Is(err, fs.ErrNotExist) || try == looks {
			return err
		}
		if w.position > before {
			try = 0
		}
	}
}

// file is a file that is being read ahead.
type file struct {
	output.Entry
	rows []result.Frame
	err  error
	done chan struct{}
}

func (w *walk) once(ctx context.Context, yield func(Batch) bool) error {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	queue := make(chan *file, readAhead)
	var listing error // why there are no more; read once the queue is closed
	from := w.position
	all.Go(func() {
		defer close(queue)
		listing = w.catalog.Files(ctx, w.partition, from, func(e output.Entry) error {
			f := &file{Entry: e, done: make(chan struct{})}
			if w.wants(&e.Statistics) {
				all.Go(func() { w.read(ctx, f, from) })
			} else {
				close(f.done)
			}
			select {
			case queue <- f:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	for f := range queue {
		if w.gapless && f.Span.Start > max(w.position, w.base) {
			return errGap
		}
		<-f.done
		if f.err != nil {
			return f.err
		}
		if len(f.rows) > 0 && !yield(Batch{f.Entry, f.rows}) {
			return errEnough
		}
		w.position = f.Span.End + 1
	}
	return listing
}

// read reads what is wanted of a file, from an offset on.
func (w *walk) read(ctx context.Context, f *file, from int64) {
	defer close(f.done)
	f.err = w.Output().Read(ctx, f.Name, result.Selection{
		Columns: w.Columns, Filled: w.Filled, Group: w.wants,
		Row: func(r *result.Frame) bool { return r.Offset >= from && w.wantsRow(r) },
	}, func(rows []result.Frame) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.rows = append(f.rows, rows...)
		return nil
	})
}

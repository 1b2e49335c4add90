package nodes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/history/scan"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

func init() {
	beam.RegisterDoFn(&readFn{})
	beam.RegisterType(reflect.TypeOf(File{}))
	register.Emitter2[string, []byte]()
}

// File is a results file of an output.
type File struct {
	Name      string
	Partition int64 // the place of its partition among those of the list
}

// Files are those of an output that may hold what is asked for, in the order of topic,
// partition and offset.
func Files(ctx context.Context, s *scan.Scan, cfg Config) ([]File, error) {
	p, err := cfg.Period.period()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		files, err := list(ctx, s, scan.Query{Period: p, Cameras: cfg.Cameras})
		if !errors.Is(err, fs.ErrNotExist) || try == looks {
			return files, err
		}
	}
}

// looks is how often an output is looked at again whose files went away just then, as
// partial ones do when their chunks grow.
const looks = 8

func list(ctx context.Context, s *scan.Scan, q scan.Query) (files []File, err error) {
	var last chunk.Partition
	partition := int64(-1)
	for e, err := range s.Files(ctx, q) {
		if err != nil {
			return nil, err
		}
		if e.Span.Partition != last {
			partition++
		}
		files, last = append(files, File{e.Name, partition}), e.Span.Partition
	}
	return files, nil
}

// readFn makes pieces of the rows of a file.
type readFn struct {
	Config Config
	out    *output.Output
	period period.Period
	files  *output.Catalog

	rows, hashed beam.Counter
}

// Counters, in the namespace "framebeam".
const (
	RowsRead   = "storyboard_rows"
	RowsHashed = "storyboard_rows_with_hash"
)

// Setup opens the output.
func (fn *readFn) Setup(ctx context.Context) (err error) {
	fn.rows, fn.hashed = beam.NewCounter("framebeam", RowsRead), beam.NewCounter("framebeam", RowsHashed)
	if fn.out != nil {
		return nil
	}
	if fn.period, err = fn.Config.Period.period(); err != nil {
		return err
	}
	folder, err := store.Open(ctx, fn.Config.Output)
	if err != nil {
		return err
	}
	if fn.out, err = output.OpenExisting(ctx, folder); err != nil {
		return err
	}
	fn.files = fn.out.Catalog()
	return nil
}

// ProcessElement emits the pieces of a file by their stretch or track.
func (fn *readFn) ProcessElement(ctx context.Context, file File, emit func(string, []byte)) error {
	rows, err := fn.read(ctx, file.Name, fn.wanted)
	if err != nil {
		return err
	}
	p := pieces{fn: fn, file: file, rows: rows, of: map[string]*piece{}}
	if err := p.all(ctx); err != nil {
		return fmt.Errorf("results file %s: %w", file.Name, err)
	}
	fn.rows.Inc(ctx, p.taken)
	fn.hashed.Inc(ctx, p.hashed)
	for _, key := range slices.Sorted(maps.Keys(p.of)) {
		emit(key, p.of[key].marshal())
	}
	return nil
}

// columns are those of rows that nodes are made of.
const columns = result.OfEpoch | result.OfImage | result.OfStatus | result.OfDetections | result.OfEvents | result.OfFeatures

// read reads the rows of a file that are wanted. A partial file that has grown meanwhile is
// gone.
func (fn *readFn) read(ctx context.Context, file string, wanted func(*result.Frame) bool) (rows []result.Frame, err error) {
	err = fn.out.Read(ctx, file, result.Selection{Columns: columns, Row: wanted}, func(some []result.Frame) error {
		for _, r := range some {
			if r.Status == result.OK {
				rows = append(rows, r)
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the output grew while it was read; run it again, perhaps up to a moment that is over (--to): %w", err)
	}
	return rows, err
}

// wanted reports whether a row is of the cameras and the period.
func (fn *readFn) wanted(r *result.Frame) bool {
	return (len(fn.Config.Cameras) == 0 || slices.Contains(fn.Config.Cameras, r.Camera)) && fn.period.Contains(r.At())
}

package table

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/result"
)

// kind is one of the tables.
type kind interface {
	name() string
	definition() iceberg.Definition
	newBuffer() buffer
}

// Names of the tables.
const (
	frames = "frames"
	events = "events"
)

// kinds are all tables.
var kinds = []kind{
	kindOf[frameRow]{frames, frameOrder, frameRows, compareFrames},
	kindOf[eventRow]{events, eventOrder, eventRows, compareEvents},
}

// Names are the names of the tables.
func Names() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name())
	}
	return names
}

type kindOf[R any] struct {
	called  string
	order   []string
	of      func(*result.Frame, func(R)) // the rows of a frame
	compare func(a, b *R) int            // by order
}

func (k kindOf[R]) name() string { return k.called }

func (k kindOf[R]) definition() iceberg.Definition {
	var row R
	return iceberg.Definition{Schema: parquet.SchemaOf(row), Sorted: k.order}
}

func (k kindOf[R]) newBuffer() buffer {
	return &bufferOf[R]{kindOf: k, rows: map[iceberg.Partition][]R{}}
}

// buffer collects rows that are to be appended.
type buffer interface {
	add(f *result.Frame)
	// write writes a file for each camera and day, in their order.
	write(ctx context.Context, t *iceberg.Table, c *iceberg.Commit) ([]iceberg.File, error)
}

type bufferOf[R any] struct {
	kindOf[R]
	rows map[iceberg.Partition][]R
}

func (b *bufferOf[R]) add(f *result.Frame) {
	p := partitionOf(f)
	b.of(f, func(r R) { b.rows[p] = append(b.rows[p], r) })
}

func (b *bufferOf[R]) write(ctx context.Context, t *iceberg.Table, c *iceberg.Commit) (files []iceberg.File, err error) {
	d := b.definition()
	for _, p := range slices.SortedFunc(maps.Keys(b.rows), comparePartitions) {
		rows := b.rows[p]
		slices.SortFunc(rows, func(x, y R) int { return b.compare(&x, &y) })
		f, err := writeFile(ctx, t, d, c.NextFile(), p, func(w *parquet.GenericWriter[R]) error {
			_, err := w.Write(rows)
			return err
		})
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		delete(b.rows, p)
	}
	return files, nil
}

func comparePartitions(a, b iceberg.Partition) int {
	return cmp.Or(strings.Compare(a.Camera, b.Camera), cmp.Compare(a.Day, b.Day))
}

// weight is about how many bytes of memory a frame's rows take.
func weight(f *result.Frame) int64 {
	n := 700 + 160*len(f.Detections) + 2*400*len(f.Events)
	for _, x := range f.Features {
		n += 100 + len(x.Data)
	}
	return int64(n + len(f.Detail))
}

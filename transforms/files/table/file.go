package table

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/framebeam/framebeam/transforms/files/crashpoint"
	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/store"
)

// rowGroup is how many rows have statistics of their own: at 10 frames a second two hours of
// a camera. It bounds what a writer holds in memory, too.
const rowGroup = 1 << 16

// writeFile writes a data file. Equal rows give equal bytes. write may be called again, if
// the file must be written anew.
func writeFile[R any](ctx context.Context, t *iceberg.Table, d iceberg.Definition, name string, p iceberg.Partition,
	write func(*parquet.GenericWriter[R]) error,
) (iceberg.File, error) {
	var meta *format.FileMetaData
	err := t.Folder().Put(ctx, name, func(out io.Writer) error {
		w := parquet.NewGenericWriter[R](out, d.Schema,
			parquet.CreatedBy("framebeam", "1", ""), parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup),
			// Readers that decode columns at once know texts as they are and in dictionaries, in pages of the first version.
			parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.Plain), parquet.DataPageVersion(1),
			parquet.DataPageStatistics(false), parquet.SkipPageBounds("detail"),
			parquet.SkipPageBounds("features", "list", "element", "feature_data"),
			parquet.SkipPageBounds("events", "list", "element", "event_detail"),
			parquet.PageBufferSize(256<<10), parquet.SortingWriterConfig(sorting(d)))
		if err := errors.Join(write(w), w.Close()); err != nil {
			return fmt.Errorf("write %s as parquet: %w", t.Path(name), err)
		}
		meta = w.File().Metadata()
		return nil
	}, (*store.Staged).Replace)
	if err != nil {
		return iceberg.File{}, err
	}
	crashpoint.At("table-data")
	size, err := t.Folder().Size(ctx, name)
	if err != nil {
		return iceberg.File{}, err
	}
	return iceberg.FileOf(name, p, d.Schema, meta, size)
}

// sorting is the order of a table's rows.
func sorting(d iceberg.Definition) parquet.SortingOption {
	var columns []parquet.SortingColumn
	for _, name := range d.Sorted {
		columns = append(columns, parquet.Ascending(name))
	}
	return parquet.SortingColumns(columns...)
}

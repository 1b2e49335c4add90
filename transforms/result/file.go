package result

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// File is a results file that is open, of which only the columns and row groups are read
// that are asked for. Compare [ReadParquet], which reads all.
type File struct {
	// Meta is its metadata, as it was given to [WriteParquet].
	Meta map[string]string

	r       io.ReaderAt
	size    int64
	file    *parquet.File
	version int
	columns map[string]*parquet.Column // leaves by path
}

// OpenFile opens a results file of this version or an earlier one: it reads its footer.
func OpenFile(r io.ReaderAt, size int64) (f *File, err error) {
	defer recoverCorrupt(&err)
	f = &File{r: r, size: size, columns: map[string]*parquet.Column{}}
	if f.file, f.Meta, f.version, err = openParquet(r, size); err != nil {
		return nil, err
	}
	var walk func(c *parquet.Column)
	walk = func(c *parquet.Column) {
		if c.Leaf() {
			f.columns[strings.Join(c.Path(), ".")] = c
		}
		for _, below := range c.Columns() {
			walk(below)
		}
	}
	walk(f.file.Root())
	for g := range f.file.Metadata().RowGroups {
		if n := len(f.file.Metadata().RowGroups[g].Columns); n != len(f.columns) {
			return nil, fmt.Errorf("read results from parquet: row group %d has %d columns, the file %d", g, n, len(f.columns))
		}
	}
	return f, nil
}

// Selection says what is read of a file.
type Selection struct {
	Columns Columns
	// Group says of a row group whether any of its rows may be wanted; nil: of all.
	Group func(*Statistics) bool
	// Row says of a row, of which only place, time and camera are known, whether it is
	// wanted; nil: of all.
	Row func(*Frame) bool
	// Filled leaves out rows that have nothing in any of these lists, of OfDetections,
	// OfEvents and OfFeatures, which must be among Columns; none: no row.
	Filled Columns
}

// Each calls fn with the rows that are wanted, of each row group that has any: in them what
// is not among the columns is zero. The rows are fn's to keep.
func (f *File) Each(s Selection, fn func([]Frame) error) error {
	for g := range f.file.Metadata().RowGroups {
		if s.Group != nil {
			statistics, err := f.statistics(g)
			if err != nil {
				return fmt.Errorf("read results from parquet: %w", err)
			}
			if !s.Group(&statistics) {
				continue
			}
		}
		rows, err := f.group(g, &s)
		if err != nil {
			return fmt.Errorf("read results from parquet: %w", err)
		}
		if len(rows) > 0 {
			if err := fn(rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// group reads the rows of a row group.
func (f *File) group(g int, s *Selection) (rows []Frame, err error) {
	defer recoverCorrupt(&err)
	rows, err = f.places(g)
	if err != nil {
		return nil, err
	}
	where := make([]int, len(rows)) // of each row of the file in rows; -1: it is not wanted
	for i := range rows {
		where[i] = i
		if f.version != withoutNulls && s.Columns&OfEpoch != 0 {
			rows[i].Sequence = unknownSequence
		}
	}
	if s.Row != nil {
		rows = keep(rows, where, s.Row)
	}
	// Lists that must have something come first: if they have not, the others need not be read.
	for _, filled := range []bool{true, false} {
		for i := range leaves[placeLeaves:] {
			l := &leaves[placeLeaves+i]
			if l.of&s.Columns == 0 || (l.of&s.Filled != 0) != filled || len(rows) == 0 {
				continue
			}
			if err := f.fill(g, l, rows, where); err != nil {
				return nil, err
			}
		}
		if filled && s.Filled != 0 {
			rows = keep(rows, where, func(r *Frame) bool {
				return s.Filled&OfEvents != 0 && len(r.Events) > 0 || s.Filled&OfDetections != 0 && len(r.Detections) > 0 ||
					s.Filled&OfFeatures != 0 && len(r.Features) > 0
			})
		}
	}
	return rows, nil
}

// keep drops the rows that are not wanted.
func keep(rows []Frame, where []int, wanted func(*Frame) bool) []Frame {
	kept := rows[:0]
	for i, at := range where {
		if at < 0 {
			continue
		}
		if !wanted(&rows[at]) {
			where[i] = -1
			continue
		}
		kept, where[i] = append(kept, rows[at]), len(kept)
	}
	clear(rows[len(kept):])
	return slices.Clip(kept)
}

// believedRows is for how many rows memory is set aside because a file claims to have them.
const believedRows = 1 << 12

// places reads what is always read of a row group. How many rows there are the values of
// the first column say, not what the file claims.
func (f *File) places(g int) ([]Frame, error) {
	claimed := max(0, min(f.file.Metadata().RowGroups[g].NumRows, believedRows))
	r := reading{grows: true, rows: make([]Frame, 0, claimed)}
	for i := range leaves[:placeLeaves] {
		l := &leaves[i]
		if _, ok := f.columns[l.path]; !ok {
			continue
		}
		if err := f.read(g, l, &r); err != nil {
			return nil, err
		}
		r.grows = false
	}
	return r.rows, nil
}

// fill reads a column of a row group into the rows.
func (f *File) fill(g int, l *leaf, rows []Frame, where []int) error {
	return f.read(g, l, &reading{rows: rows, where: where})
}

func (f *File) read(g int, l *leaf, values *reading) error {
	column, ok := f.columns[l.path]
	if !ok {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("row group %d, column %s: %w", g, l.path, err) }
	if kind := column.Type().Kind(); kind != l.kind || column.MaxRepetitionLevel() > 1 {
		return fail(fmt.Errorf("a column of %v, not %v", kind, l.kind))
	}
	pages, err := f.pages(g, column, 0)
	if err != nil {
		return fail(err)
	}
	defer pages.Close()
	values.leaf, values.defined, values.row, values.texts = l, column.MaxDefinitionLevel(), -1, map[string]string{}
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = values.page(page)
			parquet.Release(page)
		}
		if err != nil {
			return fail(err)
		}
	}
	if want := f.file.Metadata().RowGroups[g].NumRows; int64(values.row+1) != want {
		return fail(fmt.Errorf("%d rows, not %d", values.row+1, want))
	}
	return nil
}

// reading is a column that is being read.
type reading struct {
	*leaf
	defined   int // definition level of a value that is there
	rows      []Frame
	where     []int // of the file's rows in rows; -1: it is not wanted; nil: all are
	grows     bool  // rows are added as they come
	row, item int   // of the value that was read last
	texts     map[string]string
	buf       [256]parquet.Value
}

func (r *reading) page(p parquet.Page) error {
	values := p.Values()
	for {
		n, err := values.ReadValues(r.buf[:])
		for i := range r.buf[:n] {
			if err := r.value(&r.buf[i]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrNoProgress
		}
	}
}

func (r *reading) value(v *parquet.Value) error {
	if v.RepetitionLevel() == 0 {
		r.row++
		r.item = 0
	} else {
		r.item++
	}
	if r.grows && r.row == len(r.rows) {
		r.rows = append(r.rows, Frame{})
	}
	at := r.row
	if r.where != nil {
		if at < 0 || at >= len(r.where) {
			return fmt.Errorf("more rows than %d", len(r.where))
		}
		at = r.where[at]
	}
	if at < 0 || v.DefinitionLevel() < r.defined || v.IsNull() {
		return nil
	}
	if at >= len(r.rows) {
		return fmt.Errorf("more rows than %d", len(r.rows))
	}
	r.set(&r.rows[at], r.item, cell{*v, r.texts})
	return nil
}

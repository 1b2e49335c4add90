package result

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Statistics are what a results file, or a row group of it, says of its rows as a whole, so
// that it need not be read where none of them can be wanted.
type Statistics struct {
	Rows int64 `json:"rows"`
	// First and Last bound the rows' times ([Frame.At]), in microseconds since 1970 UTC.
	// There may be none as early or late, but none beyond.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Cameras are those of the rows, "" if some have none, sorted; nil: not known.
	Cameras []string `json:"cameras"`
	// EventTypes are those of the rows' events, sorted; nil: not known.
	EventTypes []string `json:"event_types"`
}

// mostNames is how many different names statistics have; of more they do not know.
const mostNames = 64

// HasCamera reports whether a row may be of one of the cameras; none: of any.
func (s *Statistics) HasCamera(cameras []string) bool { return overlap(s.Cameras, cameras) }

// HasEvents reports whether a row may have an event of one of the types; none: of any.
func (s *Statistics) HasEvents(types []string) bool {
	if len(types) == 0 {
		return s.EventTypes == nil || len(s.EventTypes) > 0
	}
	return overlap(s.EventTypes, types)
}

func overlap(have, wanted []string) bool {
	return have == nil || len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool {
		_, found := slices.BinarySearch(have, w)
		return found
	})
}

// Statistics are those of the whole file.
func (f *File) Statistics() (Statistics, error) {
	all := Statistics{First: math.MaxInt64, Last: math.MinInt64, Cameras: []string{}, EventTypes: []string{}}
	for g := range f.file.Metadata().RowGroups {
		s, err := f.statistics(g)
		if err != nil {
			return Statistics{}, err
		}
		all.Rows += s.Rows
		all.First, all.Last = min(all.First, s.First), max(all.Last, s.Last)
		all.Cameras, all.EventTypes = union(all.Cameras, s.Cameras), union(all.EventTypes, s.EventTypes)
	}
	return all, nil
}

func union(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return few(slices.Compact(all))
}

func few(names []string) []string {
	if len(names) > mostNames {
		return nil
	}
	return names
}

// statistics are those of a row group.
func (f *File) statistics(g int) (s Statistics, err error) {
	defer recoverCorrupt(&err)
	s = Statistics{Rows: f.file.Metadata().RowGroups[g].NumRows}
	s.First, s.Last = f.times(g)
	if s.Cameras, err = f.names(g, "camera"); err != nil {
		return s, err
	}
	s.EventTypes, err = f.names(g, eventTypes)
	return s, err
}

// times bounds the times of a row group's rows.
func (f *File) times(g int) (first, last int64) {
	low, high, nulls, ok := f.bounds(g, "captured")
	switch {
	case ok && nulls == 0 && (f.version != withoutNulls || low > 0):
		return low, high
	case !ok && nulls < f.file.Metadata().RowGroups[g].NumRows:
		return math.MinInt64, math.MaxInt64
	}
	logged, upTo, _, known := f.bounds(g, "timestamp")
	if !known || logged < math.MinInt64/1000 || upTo > math.MaxInt64/1000 {
		return math.MinInt64, math.MaxInt64
	}
	if !ok {
		return logged * 1000, upTo * 1000
	}
	return min(low, logged*1000), max(high, upTo*1000)
}

// bounds are the least and the greatest value of a column of 64 bits, and how many are
// NULL; ok is false if the bounds are not known.
func (f *File) bounds(g int, path string) (low, high, nulls int64, ok bool) {
	c, ok := f.chunk(g, path)
	if !ok {
		return 0, 0, f.file.Metadata().RowGroups[g].NumRows, false
	}
	s := &c.MetaData.Statistics
	if c.MetaData.Type != format.Int64 || len(s.MinValue) != 8 || len(s.MaxValue) != 8 {
		return 0, 0, s.NullCount, false
	}
	return int64(binary.LittleEndian.Uint64(s.MinValue)), int64(binary.LittleEndian.Uint64(s.MaxValue)), s.NullCount, true
}

// names are the different values of a column of text, from its dictionary; with "" if
// some are NULL, but for those of lists.
func (f *File) names(g int, path string) ([]string, error) {
	c, ok := f.chunk(g, path)
	if !ok {
		return nil, nil
	}
	m := &c.MetaData
	column := f.columns[path]
	names := []string{}
	if m.Statistics.NullCount > 0 && column.MaxRepetitionLevel() == 0 {
		names = append(names, "")
	}
	if m.Statistics.NullCount == m.NumValues {
		return names, nil
	}
	if m.Type != format.ByteArray || !inDictionary(m) {
		return nil, nil
	}
	pages, err := f.pages(g, column, c.MetaData.DataPageOffset-c.MetaData.DictionaryPageOffset)
	if err != nil {
		return nil, err
	}
	defer pages.Close()
	d, err := pages.ReadDictionary()
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", path, err)
	}
	if d == nil || d.Len() > mostNames {
		return nil, nil
	}
	for i := range d.Len() {
		v := d.Index(int32(i))
		names = append(names, string(v.ByteArray()))
	}
	slices.Sort(names)
	return few(slices.Compact(names)), nil
}

// inDictionary reports whether all values of a column are in its dictionary.
func inDictionary(m *format.ColumnMetaData) bool {
	if m.DictionaryPageOffset == 0 || m.DictionaryPageOffset >= m.DataPageOffset {
		return false
	}
	any := false
	for _, s := range m.EncodingStats {
		if s.PageType == format.DataPage || s.PageType == format.DataPageV2 {
			any = true
			if s.Encoding != format.RLEDictionary {
				return false
			}
		}
	}
	return any
}

// chunk is a column's part of a row group; ok is false if the file has no such column.
func (f *File) chunk(g int, path string) (*format.ColumnChunk, bool) {
	column, ok := f.columns[path]
	if !ok {
		return nil, false
	}
	return &f.file.Metadata().RowGroups[g].Columns[column.Index()], true
}

// pages reads a column's part of a row group, or its first bytes if that many are
// wanted, checks what its pages claim if it is whole, and gives them to the library.
func (f *File) pages(g int, column *parquet.Column, only int64) (*parquet.FilePages, error) {
	group := &f.file.Metadata().RowGroups[g]
	m := &group.Columns[column.Index()].MetaData
	begin, err := columnBegin(m, group.NumRows, f.size)
	if err != nil {
		return nil, err
	}
	size := m.TotalCompressedSize
	if only > 0 {
		size = min(size, only)
	}
	data := make([]byte, size)
	if n, err := f.r.ReadAt(data, begin); n < len(data) {
		return nil, fmt.Errorf("%d bytes at %d: %w", size, begin, err)
	}
	if only > 0 {
		if err := checkDictionary(data, m); err != nil {
			return nil, err
		}
	} else if err := checkColumnPages(data, m); err != nil {
		return nil, err
	}
	chunk, ok := f.file.RowGroups()[g].ColumnChunks()[column.Index()].(*parquet.FileColumnChunk)
	if !ok {
		return nil, fmt.Errorf("column %v is not one of a file", column.Path())
	}
	return chunk.PagesFrom(part{data, begin}), nil
}

// part is a part of a file.
type part struct {
	data  []byte
	begin int64
}

func (p part) ReadAt(b []byte, off int64) (int, error) {
	off -= p.begin
	if off < 0 || off >= int64(len(p.data)) {
		return 0, io.EOF
	}
	n := copy(b, p.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

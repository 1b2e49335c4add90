package iceberg

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Day is a day in UTC, in days since 1970-01-01.
type Day int32

// NoDay is the day of rows of which it is unknown: NULL in the table.
const NoDay Day = math.MinInt32

// Partition is the values by which a file is found: all of its rows have them.
type Partition struct {
	Camera string // "": NULL
	Day    Day    // NoDay: NULL
}

// File is a data file of a table.
type File struct {
	Path string // relative to the table's folder
	Partition
	Rows  int64
	Bytes int64
	stats
	// sequence and snapshot are the sequence number and the snapshot that brought the file
	// into the table; 0: it is new.
	sequence, snapshot int64
}

// Folder is the folder of the commit that wrote the file, relative to the table's.
func (f *File) Folder() string { return f.Path[:strings.LastIndexByte(f.Path, '/')+1] }

// stats are a file's statistics, by the id of the column.
type stats struct {
	sizes, values, nulls map[int]int64
	lower, upper         map[int][]byte // of columns that are not in lists, shortened
	splits               []int64        // where row groups begin
}

// boundLength is how many characters bounds of texts keep, as Iceberg's own writers do.
const boundLength = 16

// FileOf describes a data file that was written with a schema. bytes is its length.
func FileOf(path string, of Partition, schema *parquet.Schema, meta *format.FileMetaData, bytes int64) (File, error) {
	f := File{Path: path, Partition: of, Rows: meta.NumRows, Bytes: bytes, stats: stats{
		sizes: map[int]int64{}, values: map[int]int64{}, nulls: map[int]int64{}, lower: map[int][]byte{}, upper: map[int][]byte{},
	}}
	for _, g := range meta.RowGroups {
		for i, c := range g.Columns {
			if i == 0 {
				f.splits = append(f.splits, begin(&c.MetaData))
			}
			leaf, ok := schema.Lookup(c.MetaData.PathInSchema...)
			if !ok || leaf.Node.ID() < 1 {
				return File{}, fmt.Errorf("%s: column %v is not in the table's schema", path, c.MetaData.PathInSchema)
			}
			id := leaf.Node.ID()
			f.sizes[id] += c.MetaData.TotalCompressedSize
			if leaf.MaxRepetitionLevel > 0 {
				continue // what counts of values mean in lists is not agreed upon
			}
			f.values[id] += c.MetaData.NumValues
			f.nulls[id] += c.MetaData.Statistics.NullCount
			if c.MetaData.NumValues > c.MetaData.Statistics.NullCount {
				f.bound(id, leaf.Node.Type().Kind(), &c.MetaData.Statistics)
			}
		}
	}
	for id, b := range f.lower {
		if f.upper[id] == nil || b == nil {
			delete(f.lower, id)
			delete(f.upper, id)
		}
	}
	return f, nil
}

// begin is where a column of a row group begins in its file.
func begin(c *format.ColumnMetaData) int64 {
	if c.DictionaryPageOffset > 0 {
		return min(c.DictionaryPageOffset, c.DataPageOffset)
	}
	return c.DataPageOffset
}

// bound widens the bounds of a column by those of a row group. A column of which a row group
// with values has none, or none that may stand in the format, has none.
func (s *stats) bound(id int, kind parquet.Kind, of *format.Statistics) {
	low, high := of.MinValue, of.MaxValue
	switch {
	case low == nil || high == nil:
		low, high = nil, nil
	case kind == parquet.ByteArray:
		low, high = shortLower(low), shortUpper(high)
	case kind == parquet.Double && (isNaN(low) || isNaN(high)):
		low, high = nil, nil
	}
	if had, ok := s.lower[id]; ok && (had == nil || low != nil && compareValues(kind, had, low) < 0) {
		low = had
	}
	if had, ok := s.upper[id]; ok && (had == nil || high != nil && compareValues(kind, had, high) > 0) {
		high = had
	}
	s.lower[id], s.upper[id] = low, high
}

func isNaN(b []byte) bool {
	return math.IsNaN(math.Float64frombits(binary.LittleEndian.Uint64(b)))
}

// compareValues compares two values as the format encodes them; of numbers none is NaN.
func compareValues(k parquet.Kind, a, b []byte) int {
	le := binary.LittleEndian
	switch k {
	case parquet.Int32:
		return cmp.Compare(int32(le.Uint32(a)), int32(le.Uint32(b)))
	case parquet.Int64:
		return cmp.Compare(int64(le.Uint64(a)), int64(le.Uint64(b)))
	case parquet.Double:
		return cmp.Compare(math.Float64frombits(le.Uint64(a)), math.Float64frombits(le.Uint64(b)))
	}
	return bytes.Compare(a, b)
}

// shortLower is a text that is not above b.
func shortLower(b []byte) []byte {
	if end := prefix(b); end < len(b) {
		return b[:end:end]
	}
	return b
}

// shortUpper is a text that is not below b; nil if no short one is.
func shortUpper(b []byte) []byte {
	end := prefix(b)
	if end == len(b) {
		return b
	}
	runes := []rune(string(b[:end]))
	for i := len(runes) - 1; i >= 0; i-- {
		if next := runes[i] + 1; next <= utf8.MaxRune && utf8.ValidRune(next) {
			return []byte(string(runes[:i]) + string(next))
		}
	}
	return nil
}

// prefix is the length of the first boundLength characters of a text.
func prefix(b []byte) int {
	end := 0
	for range boundLength {
		if end == len(b) {
			break
		}
		_, n := utf8.DecodeRune(b[end:])
		end += n
	}
	return end
}

// Upper is the highest value of a column, as the format encodes it; texts may be shortened.
// nil: unknown.
func (f *File) Upper(id int) []byte { return f.upper[id] }

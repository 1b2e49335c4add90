package result

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The parquet library believes what headers say of lengths and numbers, and allocates
// or loops accordingly: one damaged byte keeps it busy for half a minute. So everything
// that the footer and the pages' headers claim is held against the bytes that are there
// before the library sees them. What the pages hold has checksums.

const (
	// freeValues of a column need no bytes: a value that repeats takes next to none.
	freeValues = 1 << 20
	// valuesPerByte is how many more there may be for every byte of the file.
	valuesPerByte = 64
	// snappyMost is more than any byte of Snappy gives; mostPacked more than one of any codec.
	snappyMost, mostPacked = 32, 1100
	// deepest is how deep structures may lie in each other; those of Parquet are 7 deep.
	deepest = 24
)

// checkPages walks over the pages of all columns.
func checkPages(data []byte, m *format.FileMetaData) error {
	for g := range m.RowGroups {
		group := &m.RowGroups[g]
		for i := range group.Columns {
			c := &group.Columns[i].MetaData
			if err := checkColumn(data, c, group.NumRows); err != nil {
				return fmt.Errorf("row group %d, column %v: %w", g, c.PathInSchema, err)
			}
		}
	}
	return nil
}

func checkColumn(data []byte, c *format.ColumnMetaData, rows int64) error {
	begin, err := columnBegin(c, rows, int64(len(data)))
	if err != nil {
		return err
	}
	return checkColumnPages(data[begin:begin+c.TotalCompressedSize], c)
}

// columnBegin is where a column's pages begin in a file of that size.
func columnBegin(c *format.ColumnMetaData, rows, size int64) (int64, error) {
	begin := c.DataPageOffset
	if c.DictionaryPageOffset != 0 {
		begin = c.DictionaryPageOffset
	}
	if begin < 0 || c.DataPageOffset < begin || c.DataPageOffset > size || c.TotalCompressedSize < 0 || c.TotalCompressedSize > size-begin {
		return 0, fmt.Errorf("%d bytes at %d of a file of %d", c.TotalCompressedSize, begin, size)
	}
	if rows < 0 || c.NumValues < rows || c.NumValues > freeValues+valuesPerByte*size {
		return 0, fmt.Errorf("%d values in %d rows of a file of %d bytes", c.NumValues, rows, size)
	}
	return begin, nil
}

// checkColumnPages walks over all of a column's pages.
func checkColumnPages(pages []byte, c *format.ColumnMetaData) error {
	values, err := walkPages(pages, c)
	if err != nil {
		return err
	}
	if values != c.NumValues {
		return fmt.Errorf("%d values in pages, not the column's %d", values, c.NumValues)
	}
	return nil
}

// checkDictionary walks over a column's first pages, those before its data.
func checkDictionary(pages []byte, c *format.ColumnMetaData) error {
	_, err := walkPages(pages, c)
	return err
}

// walkPages checks what the headers of a column's pages claim, and counts its values.
func walkPages(pages []byte, c *format.ColumnMetaData) (values int64, err error) {
	most := int64(mostPacked)
	switch c.Codec {
	case format.Uncompressed:
		most = 1
	case format.Snappy:
		most = snappyMost
	}
	for len(pages) > 0 {
		n, err := structLength(pages)
		if err != nil {
			return 0, fmt.Errorf("page header: %w", err)
		}
		var h format.PageHeader
		if err := thrift.Unmarshal(new(thrift.CompactProtocol), pages[:n], &h); err != nil {
			return 0, fmt.Errorf("page header: %w", err)
		}
		pages = pages[n:]
		packed, unpacked := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
		if packed < 0 || packed > int64(len(pages)) || unpacked < 0 || unpacked > 1024+most*packed {
			return 0, fmt.Errorf("a page of %d bytes, unpacked %d, where there are %d", packed, unpacked, len(pages))
		}
		pages = pages[packed:]
		var inPage int64
		switch h.Type {
		case format.DataPage:
			inPage = int64(h.DataPageHeader.V.NumValues)
		case format.DataPageV2:
			v := &h.DataPageHeaderV2.V
			inPage = int64(v.NumValues)
			if v.NumNulls < 0 || v.NumNulls > v.NumValues || v.NumRows < 0 || v.NumRows > v.NumValues ||
				v.RepetitionLevelsByteLength < 0 || v.DefinitionLevelsByteLength < 0 ||
				int64(v.RepetitionLevelsByteLength)+int64(v.DefinitionLevelsByteLength) > packed {
				return 0, fmt.Errorf("a page of %d bytes with %d values, %d of them null, in %d rows", packed, v.NumValues, v.NumNulls, v.NumRows)
			}
		case format.DictionaryPage:
			if n := int64(h.DictionaryPageHeader.V.NumValues); n < 0 || n > max(unpacked, 1)*8 {
				return 0, fmt.Errorf("a dictionary of %d values in %d bytes", n, unpacked)
			}
		default:
			return 0, fmt.Errorf("a page of kind %v", h.Type)
		}
		if values += inPage; inPage < 0 || values > c.NumValues {
			return 0, fmt.Errorf("more values in pages than the column's %d", c.NumValues)
		}
	}
	return values, nil
}

// structLength is how many bytes a structure in Thrift's compact protocol takes. It is
// an error if a length or a number in it is more than the bytes that follow.
func structLength(b []byte) (int, error) {
	r := compact{b: b}
	err := r.skip(compactStruct, deepest)
	return len(b) - len(r.b), err
}

// Types of the compact protocol (thrift-compact-protocol.md of Apache Thrift).
const (
	compactTrue   = 1
	compactFalse  = 2
	compactByte   = 3
	compactInt16  = 4
	compactInt32  = 5
	compactInt64  = 6
	compactDouble = 7
	compactBinary = 8
	compactList   = 9
	compactSet    = 10
	compactMap    = 11
	compactStruct = 12
	compactUUID   = 13
)

// compact passes over values in the compact protocol.
type compact struct{ b []byte }

var errClaims = errors.New("it claims more than there is")

func (r *compact) take(n uint64) error {
	if n > uint64(len(r.b)) {
		return errClaims
	}
	r.b = r.b[n:]
	return nil
}

func (r *compact) byte() (byte, error) {
	if len(r.b) == 0 {
		return 0, errClaims
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c, nil
}

// count reads a number of bytes, or of things that take a byte at least.
func (r *compact) count() (uint64, error) {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > uint64(len(r.b)-n) {
		return 0, errClaims
	}
	r.b = r.b[n:]
	return v, nil
}

func (r *compact) skip(kind byte, deep int) error {
	if deep == 0 {
		return errors.New("structures lie too deep in each other")
	}
	switch kind {
	case compactTrue, compactFalse, compactByte: // in lists truth values take a byte
		return r.take(1)
	case compactInt16, compactInt32, compactInt64:
		_, n := binary.Uvarint(r.b)
		if n <= 0 {
			return errClaims
		}
		return r.take(uint64(n))
	case compactDouble:
		return r.take(8)
	case compactUUID:
		return r.take(16)
	case compactBinary:
		n, err := r.count()
		if err != nil {
			return err
		}
		return r.take(n)
	case compactList, compactSet:
		head, err := r.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 15 {
			if n, err = r.count(); err != nil {
				return err
			}
		}
		return r.items(n, deep, head&15)
	case compactMap:
		n, err := r.count()
		if err != nil || n == 0 {
			return err
		}
		head, err := r.byte()
		if err != nil {
			return err
		}
		return r.items(n, deep, head>>4, head&15)
	case compactStruct:
		return r.fields(deep)
	}
	return fmt.Errorf("type %d is none", kind)
}

func (r *compact) items(n uint64, deep int, kinds ...byte) error {
	for range n {
		for _, kind := range kinds {
			if err := r.skip(kind, deep-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *compact) fields(deep int) error {
	for {
		head, err := r.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the field's number follows
			if err := r.skip(compactInt16, deep-1); err != nil {
				return err
			}
		}
		if kind := head & 15; kind != compactTrue && kind != compactFalse {
			if err := r.skip(kind, deep-1); err != nil {
				return err
			}
		}
	}
}

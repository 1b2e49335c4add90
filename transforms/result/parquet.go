package result

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// FormatVersion is the version of the results files. Within a version columns
// are only ever added: a reader gives zero values for columns that a file does
// not have, and passes over those it does not know. Version 2, in which texts in lists
// had an encoding that Spark 3.5 reads wrongly by default, and version 1, in which
// besides nothing is NULL but quality, are read too; a file of another version is refused.
const FormatVersion = 3

// withoutNulls is the version in which what is unknown was 0, -1 or empty.
const withoutNulls = 1

// formatKey is the metadata key of the version.
const formatKey = "framebeam.format"

// WriteParquet writes rows as one Parquet file with one row group. Equal rows
// and metadata give equal bytes: all settings are fixed, among them the name of
// the writing program. Text that is not valid UTF-8, which Parquet's strings
// must be, has its bad bytes replaced by U+FFFD. Keys of meta begin with
// "framebeam."; the version is added to them.
func WriteParquet(w io.Writer, rows []Frame, meta map[string]string) error {
	opts := []parquet.WriterOption{
		parquet.CreatedBy("framebeam", strconv.Itoa(FormatVersion), ""),
		parquet.Compression(&parquet.Snappy),
		// Statistics of every page would repeat the longest texts in full.
		parquet.DataPageStatistics(false),
		parquet.DataPageVersion(2),
		parquet.PageBufferSize(256 << 10),
		parquet.MaxRowsPerRowGroup(1 << 62),
		parquet.KeyValueMetadata(formatKey, strconv.Itoa(FormatVersion)),
	}
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		opts = append(opts, parquet.KeyValueMetadata(k, meta[k]))
	}
	pw := parquet.NewGenericWriter[row](w, opts...)
	clean := make([]row, len(rows))
	for i := range rows {
		clean[i] = rowOf(validText(rows[i]))
	}
	if _, err := pw.Write(clean); err != nil {
		return fmt.Errorf("write results as parquet: %w", err)
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("write results as parquet: %w", err)
	}
	return nil
}

func validText(f Frame) Frame {
	fix := func(s *string) { *s = strings.ToValidUTF8(*s, "\uFFFD") }
	for _, s := range []*string{&f.Topic, &f.Camera, &f.Epoch, &f.Encoding, (*string)(&f.Status), &f.Reason, &f.Detail, &f.Config} {
		fix(s)
	}
	f.Detections = slices.Clone(f.Detections)
	for i := range f.Detections {
		fix(&f.Detections[i].Analysis)
		fix(&f.Detections[i].Label)
		fix(&f.Detections[i].State)
	}
	f.Events = slices.Clone(f.Events)
	for i := range f.Events {
		f.Events[i].validText()
	}
	f.Features = slices.Clone(f.Features)
	for i := range f.Features {
		fix(&f.Features[i].Analysis)
		fix(&f.Features[i].Kind)
	}
	return f
}

// ReadParquet reads what [WriteParquet] wrote, in this version or an earlier one,
// and files with fewer or more columns. It holds the whole file in memory.
func ReadParquet(r io.ReaderAt, size int64) (rows []Frame, meta map[string]string, err error) {
	rows, meta, _, err = readParquet(r, size)
	return rows, meta, err
}

// CurrentParquet is a results file as it would be written today: itself, if it is of
// this version.
func CurrentParquet(file []byte) ([]byte, error) {
	rows, meta, version, err := readParquet(bytes.NewReader(file), int64(len(file)))
	if err != nil || version == FormatVersion {
		return file, err
	}
	var b bytes.Buffer
	err = WriteParquet(&b, rows, meta)
	return b.Bytes(), err
}

func readParquet(r io.ReaderAt, size int64) (rows []Frame, meta map[string]string, version int, err error) {
	defer recoverCorrupt(&err)
	data := make([]byte, size)
	if n, err := r.ReadAt(data, 0); n < len(data) {
		return nil, nil, 0, fmt.Errorf("read results from parquet: %w", err)
	}
	f, meta, version, err := openParquet(bytes.NewReader(data), size)
	if err != nil {
		return nil, nil, 0, err
	}
	if err := checkPages(data, f.Metadata()); err != nil {
		return nil, nil, 0, fmt.Errorf("read results from parquet: damaged file: %w", err)
	}
	pr := parquet.NewGenericReader[row](f)
	defer pr.Close()
	buf := make([]row, 256)
	for {
		clear(buf)
		n, err := pr.Read(buf)
		for i := range buf[:n] {
			rows = append(rows, buf[i].frame(version))
		}
		switch {
		case errors.Is(err, io.EOF):
			return rows, meta, version, nil
		case err != nil:
			return nil, nil, 0, fmt.Errorf("read results from parquet: %w", err)
		case n == 0:
			return nil, nil, 0, fmt.Errorf("read results from parquet: %w", io.ErrUnexpectedEOF)
		}
	}
}

// ReadParquetMeta reads the file's metadata only.
func ReadParquetMeta(r io.ReaderAt, size int64) (meta map[string]string, err error) {
	defer recoverCorrupt(&err)
	_, meta, _, err = openParquet(r, size)
	return meta, err
}

// footerTail is the length of the footer and the magic number at a file's end.
const footerTail = 8

// checkFooter keeps damaged lengths from making the library allocate gigabytes.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [footerTail]byte
	if size < footerTail {
		return errors.New("read results from parquet: the file is too short")
	}
	if n, err := r.ReadAt(tail[:], size-footerTail); n < footerTail {
		return fmt.Errorf("read results from parquet: %w", err)
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > size-footerTail {
		return fmt.Errorf("read results from parquet: a footer of %d bytes in a file of %d", n, size)
	}
	footer := make([]byte, n)
	if got, err := r.ReadAt(footer, size-footerTail-n); got < len(footer) {
		return fmt.Errorf("read results from parquet: %w", err)
	}
	if _, err := structLength(footer); err != nil {
		return fmt.Errorf("read results from parquet: damaged footer: %w", err)
	}
	return nil
}

func openParquet(r io.ReaderAt, size int64) (f *parquet.File, meta map[string]string, version int, err error) {
	if err := checkFooter(r, size); err != nil {
		return nil, nil, 0, err
	}
	f, err = parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, nil, 0, fmt.Errorf("read results from parquet: %w", err)
	}
	meta = map[string]string{}
	for _, kv := range f.Metadata().KeyValueMetadata {
		meta[kv.Key] = kv.Value
	}
	v, ok := meta[formatKey]
	if !ok {
		return nil, nil, 0, errors.New("read results from parquet: not a results file: it has no " + formatKey)
	}
	version, err = strconv.Atoi(v)
	if err != nil || version < withoutNulls || version > FormatVersion {
		return nil, nil, 0, fmt.Errorf("read results from parquet: format %q is not known here (only %d to %d)", v, withoutNulls, FormatVersion)
	}
	delete(meta, formatKey)
	return f, meta, version, nil
}

// recoverCorrupt makes an error of the panics with which the parquet library
// meets impossible lengths in a damaged file.
func recoverCorrupt(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("read results from parquet: damaged file: %v", p)
	}
}

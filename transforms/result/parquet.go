package result

import (
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
// not have, and passes over those it does not know. A file of another version
// is refused.
const FormatVersion = 1

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
	pw := parquet.NewGenericWriter[Frame](w, opts...)
	clean := make([]Frame, len(rows))
	for i := range rows {
		clean[i] = validText(rows[i])
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
		e := &f.Events[i]
		for _, s := range []*string{&e.ID, &e.Analysis, &e.Type, &e.Rule, &e.Transition, &e.Label, &e.Detail} {
			fix(s)
		}
	}
	f.Features = slices.Clone(f.Features)
	for i := range f.Features {
		fix(&f.Features[i].Analysis)
		fix(&f.Features[i].Kind)
	}
	return f
}

// ReadParquet reads what [WriteParquet] wrote, and files of the same version
// with fewer or more columns.
func ReadParquet(r io.ReaderAt, size int64) (rows []Frame, meta map[string]string, err error) {
	defer recoverCorrupt(&err)
	f, meta, err := openParquet(r, size)
	if err != nil {
		return nil, nil, err
	}
	pr := parquet.NewGenericReader[Frame](f)
	defer pr.Close()
	buf := make([]Frame, 256)
	for {
		clear(buf)
		n, err := pr.Read(buf)
		for i := range buf[:n] {
			rows = append(rows, normal(buf[i]))
		}
		switch {
		case errors.Is(err, io.EOF):
			return rows, meta, nil
		case err != nil:
			return nil, nil, fmt.Errorf("read results from parquet: %w", err)
		case n == 0:
			return nil, nil, fmt.Errorf("read results from parquet: %w", io.ErrUnexpectedEOF)
		}
	}
}

// normal makes empty lists nil, as they are before they are written.
func normal(f Frame) Frame {
	if len(f.Detections) == 0 {
		f.Detections = nil
	}
	if len(f.Events) == 0 {
		f.Events = nil
	}
	if len(f.Features) == 0 {
		f.Features = nil
	}
	return f
}

// ReadParquetMeta reads the file's metadata only.
func ReadParquetMeta(r io.ReaderAt, size int64) (meta map[string]string, err error) {
	defer recoverCorrupt(&err)
	_, meta, err = openParquet(r, size)
	return meta, err
}

// footerTail is the length of the footer and the magic number at a file's end.
const footerTail = 8

// checkFooter keeps a damaged length from making the library allocate gigabytes.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [footerTail]byte
	if size < footerTail {
		return errors.New("read results from parquet: the file is too short")
	}
	if n, err := r.ReadAt(tail[:], size-footerTail); n < footerTail {
		return fmt.Errorf("read results from parquet: %w", err)
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:])); n > size-footerTail {
		return fmt.Errorf("read results from parquet: a footer of %d bytes in a file of %d", n, size)
	}
	return nil
}

func openParquet(r io.ReaderAt, size int64) (*parquet.File, map[string]string, error) {
	if err := checkFooter(r, size); err != nil {
		return nil, nil, err
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, nil, fmt.Errorf("read results from parquet: %w", err)
	}
	meta := map[string]string{}
	for _, kv := range f.Metadata().KeyValueMetadata {
		meta[kv.Key] = kv.Value
	}
	v, ok := meta[formatKey]
	if !ok {
		return nil, nil, errors.New("read results from parquet: not a results file: it has no " + formatKey)
	}
	if v != strconv.Itoa(FormatVersion) {
		return nil, nil, fmt.Errorf("read results from parquet: format %q is not known here (only %d)", v, FormatVersion)
	}
	delete(meta, formatKey)
	return f, meta, nil
}

// recoverCorrupt makes an error of the panics with which the parquet library
// meets impossible lengths in a damaged file.
func recoverCorrupt(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("read results from parquet: damaged file: %v", p)
	}
}

package iceberg

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// States of a file in a manifest.
const (
	existing = 0
	added    = 1
	deleted  = 2
)

// entrySchema is that of a manifest: a manifest_entry of the format.
var entrySchema = avro.MustParse(`{"type": "record", "name": "manifest_entry", "fields": [
 {"name": "status", "type": "int", "field-id": 0},
 {"name": "snapshot_id", "type": ["null", "long"], "default": null, "field-id": 1},
 {"name": "sequence_number", "type": ["null", "long"], "default": null, "field-id": 3},
 {"name": "file_sequence_number", "type": ["null", "long"], "default": null, "field-id": 4},
 {"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": [
  {"name": "content", "type": "int", "field-id": 134},
  {"name": "file_path", "type": "string", "field-id": 100},
  {"name": "file_format", "type": "string", "field-id": 101},
  {"name": "partition", "field-id": 102, "type": {"type": "record", "name": "r102", "fields": [
   {"name": "camera", "type": ["null", "string"], "default": null, "field-id": 1000},
   {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null, "field-id": 1001}]}},
  {"name": "record_count", "type": "long", "field-id": 103},
  {"name": "file_size_in_bytes", "type": "long", "field-id": 104},
  {"name": "column_sizes", "field-id": 108, "default": null, "type": ["null", {"type": "array", "logicalType": "map", "items":
   {"type": "record", "name": "k117_v118", "fields": [
    {"name": "key", "type": "int", "field-id": 117}, {"name": "value", "type": "long", "field-id": 118}]}}]},
  {"name": "value_counts", "field-id": 109, "default": null, "type": ["null", {"type": "array", "logicalType": "map", "items":
   {"type": "record", "name": "k119_v120", "fields": [
    {"name": "key", "type": "int", "field-id": 119}, {"name": "value", "type": "long", "field-id": 120}]}}]},
  {"name": "null_value_counts", "field-id": 110, "default": null, "type": ["null", {"type": "array", "logicalType": "map", "items":
   {"type": "record", "name": "k121_v122", "fields": [
    {"name": "key", "type": "int", "field-id": 121}, {"name": "value", "type": "long", "field-id": 122}]}}]},
  {"name": "lower_bounds", "field-id": 125, "default": null, "type": ["null", {"type": "array", "logicalType": "map", "items":
   {"type": "record", "name": "k126_v127", "fields": [
    {"name": "key", "type": "int", "field-id": 126}, {"name": "value", "type": "bytes", "field-id": 127}]}}]},
  {"name": "upper_bounds", "field-id": 128, "default": null, "type": ["null", {"type": "array", "logicalType": "map", "items":
   {"type": "record", "name": "k129_v130", "fields": [
    {"name": "key", "type": "int", "field-id": 129}, {"name": "value", "type": "bytes", "field-id": 130}]}}]},
  {"name": "split_offsets", "field-id": 132, "default": null, "type": ["null", {"type": "array", "items": "long", "element-id": 133}]},
  {"name": "sort_order_id", "type": ["null", "int"], "default": null, "field-id": 140}]}}]}`)

type entryRecord struct {
	Status       int32      `avro:"status"`
	Snapshot     *int64     `avro:"snapshot_id"`
	Sequence     *int64     `avro:"sequence_number"`
	FileSequence *int64     `avro:"file_sequence_number"`
	File         fileRecord `avro:"data_file"`
}

type fileRecord struct {
	Content   int32           `avro:"content"`
	Path      string          `avro:"file_path"`
	Format    string          `avro:"file_format"`
	Partition partitionRecord `avro:"partition"`
	Rows      int64           `avro:"record_count"`
	Bytes     int64           `avro:"file_size_in_bytes"`
	Sizes     *[]countRecord  `avro:"column_sizes"`
	Values    *[]countRecord  `avro:"value_counts"`
	Nulls     *[]countRecord  `avro:"null_value_counts"`
	Lower     *[]boundRecord  `avro:"lower_bounds"`
	Upper     *[]boundRecord  `avro:"upper_bounds"`
	Splits    *[]int64        `avro:"split_offsets"`
	SortOrder *int32          `avro:"sort_order_id"`
}

type partitionRecord struct {
	Camera *string `avro:"camera"`
	Day    *int32  `avro:"day"`
}

type countRecord struct {
	ID    int32 `avro:"key"`
	Value int64 `avro:"value"`
}

type boundRecord struct {
	ID    int32  `avro:"key"`
	Value []byte `avro:"value"`
}

// entry is a file in a manifest.
type entry struct {
	status int32
	File
}

func (t *Table) record(e *entry, snapshot int64) entryRecord {
	r := entryRecord{Status: e.status, File: fileRecord{
		Path: t.Path(e.Path), Format: "PARQUET", Rows: e.Rows, Bytes: e.Bytes,
		Sizes: counts(e.sizes), Values: counts(e.values), Nulls: counts(e.nulls), Lower: bounds(e.lower), Upper: bounds(e.upper),
		Splits: &e.splits, SortOrder: new(int32(sortOrderID)),
	}}
	if e.Camera != "" {
		r.File.Partition.Camera = &e.Camera
	}
	if e.Day != NoDay {
		r.File.Partition.Day = new(int32(e.Day))
	}
	switch e.status {
	case added: // its sequence number is that of the commit, which may be known only then
		r.Snapshot = &snapshot
	case existing:
		r.Snapshot, r.Sequence, r.FileSequence = &e.snapshot, &e.sequence, &e.sequence
	case deleted:
		r.Snapshot, r.Sequence, r.FileSequence = &snapshot, &e.sequence, &e.sequence
	}
	return r
}

// file is the file of an entry in a manifest of m's.
func (t *Table) file(r *entryRecord, m *manifestRecord) (File, error) {
	path, err := t.name(r.File.Path)
	if err != nil {
		return File{}, err
	}
	if r.File.Content != 0 || m.Content != 0 {
		return File{}, fmt.Errorf("%s is no data file but a file of deletes, which are not known here", path)
	}
	f := File{Path: path, Partition: Partition{Day: NoDay}, Rows: r.File.Rows, Bytes: r.File.Bytes, stats: stats{
		sizes: countsOf(r.File.Sizes), values: countsOf(r.File.Values), nulls: countsOf(r.File.Nulls),
		lower: boundsOf(r.File.Lower), upper: boundsOf(r.File.Upper),
	}, sequence: m.Sequence, snapshot: m.AddedBy}
	if r.File.Splits != nil {
		f.splits = *r.File.Splits
	}
	if p := r.File.Partition.Camera; p != nil {
		f.Camera = *p
	}
	if p := r.File.Partition.Day; p != nil {
		f.Day = Day(*p)
	}
	if r.Sequence != nil {
		f.sequence = *r.Sequence
	}
	if r.Snapshot != nil {
		f.snapshot = *r.Snapshot
	}
	return f, nil
}

func counts(m map[int]int64) *[]countRecord {
	var list []countRecord
	for _, id := range slices.Sorted(maps.Keys(m)) {
		list = append(list, countRecord{int32(id), m[id]})
	}
	return &list
}

func countsOf(list *[]countRecord) map[int]int64 {
	m := map[int]int64{}
	if list != nil {
		for _, c := range *list {
			m[int(c.ID)] = c.Value
		}
	}
	return m
}

func bounds(m map[int][]byte) *[]boundRecord {
	var list []boundRecord
	for _, id := range slices.Sorted(maps.Keys(m)) {
		list = append(list, boundRecord{int32(id), m[id]})
	}
	return &list
}

func boundsOf(list *[]boundRecord) map[int][]byte {
	m := map[int][]byte{}
	if list != nil {
		for _, c := range *list {
			m[int(c.ID)] = bytes.Clone(c.Value)
		}
	}
	return m
}

// manifestMeta is what the header of a manifest says of the table.
func (t *Table) manifestMeta(schemaID int) ([]ocf.WriterOpt, error) {
	schema, err := json.Marshal(structType{"struct", schemaID, t.shape.fields})
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(t.shape.spec.Fields)
	if err != nil {
		return nil, err
	}
	return metadataOf("schema", string(schema), "schema-id", strconv.Itoa(schemaID), "partition-spec", string(spec),
		"partition-spec-id", strconv.Itoa(t.shape.spec.ID), "format-version", strconv.Itoa(formatVersion), "content", "data"), nil
}

// metadataOf has one option per key: the library writes the keys of one in the order of a map.
func metadataOf(keysAndValues ...string) (opts []ocf.WriterOpt) {
	for pair := range slices.Chunk(keysAndValues, 2) {
		opts = append(opts, ocf.WithMetadata(map[string][]byte{pair[0]: []byte(pair[1])}))
	}
	return opts
}

// writeManifest writes a manifest and returns what the list says of it.
func (t *Table) writeManifest(ctx context.Context, name string, schemaID int, snapshot, sequence int64, entries []entry) (manifestRecord, error) {
	m := manifestRecord{Path: t.Path(name), Sequence: sequence, MinSequence: sequence, AddedBy: snapshot}
	opts, err := t.manifestMeta(schemaID)
	if err != nil {
		return m, err
	}
	var camera, day summary
	records := make([]any, len(entries))
	for i := range entries {
		e := &entries[i]
		switch e.status {
		case added:
			m.AddedFiles, m.AddedRows = m.AddedFiles+1, m.AddedRows+e.Rows
		case existing:
			m.ExistingFiles, m.ExistingRows = m.ExistingFiles+1, m.ExistingRows+e.Rows
			m.MinSequence = min(m.MinSequence, e.sequence)
		case deleted:
			m.DeletedFiles, m.DeletedRows = m.DeletedFiles+1, m.DeletedRows+e.Rows
		}
		if e.Camera == "" {
			camera.null = true
		} else {
			camera.add([]byte(e.Camera), bytes.Compare)
		}
		if e.Day == NoDay {
			day.null = true
		} else {
			day.add(binary.LittleEndian.AppendUint32(nil, uint32(e.Day)), func(a, b []byte) int { return compareValues(parquet.Int32, a, b) })
		}
		r := t.record(e, snapshot)
		records[i] = &r
	}
	m.Partitions = &[]summaryRecord{camera.record(), day.record()}
	m.Length, err = t.writeAvro(ctx, name, entrySchema, opts, records)
	return m, err
}

// writeAvro writes a file and returns its length. Equal records give equal bytes.
func (t *Table) writeAvro(ctx context.Context, name string, schema *avro.Schema, opts []ocf.WriterOpt, records []any) (int64, error) {
	var b bytes.Buffer
	sum := sha256.Sum256([]byte("framebeam table " + name))
	w, err := ocf.NewWriter(&b, schema, append(opts, ocf.WithSyncMarker([16]byte(sum[:16])), ocf.WithCodec(ocf.DeflateCodec(flate.DefaultCompression)))...)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", t.folder.Path(name), err)
	}
	for _, r := range records {
		err = errors.Join(err, w.Encode(r))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return 0, fmt.Errorf("write %s: %w", t.folder.Path(name), err)
	}
	return int64(b.Len()), t.folder.WriteAtomic(ctx, name, b.Bytes())
}

// maxBlock bounds what is read of an Avro file at once.
const maxBlock = 256 << 20

// readAvro calls fn for every record of a file.
func readAvro[R any](ctx context.Context, t *Table, name string, fn func(*R) error) (err error) {
	in, err := t.folder.OpenRead(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r, err := ocf.NewReader(in, ocf.WithMaxBlockBytes(maxBlock), ocf.WithMaxDecompressedBlockBytes(maxBlock))
	if err != nil {
		return fmt.Errorf("read %s: %w", t.folder.Path(name), err)
	}
	for {
		var record R
		err := r.Decode(&record)
		if errors.Is(err, io.EOF) {
			return r.Close()
		}
		if err == nil {
			err = fn(&record)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("read %s: %w", t.folder.Path(name), err), r.Close())
		}
	}
}

// entries calls fn for every entry of a manifest.
func (t *Table) entries(ctx context.Context, m *manifestRecord, fn func(entry) error) error {
	name, err := t.name(m.Path)
	if err != nil {
		return err
	}
	return readAvro(ctx, t, name, func(r *entryRecord) error {
		f, err := t.file(r, m)
		if err != nil {
			return err
		}
		return fn(entry{r.Status, f})
	})
}

// name is the name in the table's folder of a file that metadata name by its whole path.
func (t *Table) name(path string) (string, error) {
	name, ok := strings.CutPrefix(path, t.location+"/")
	if !ok || !fs.ValidPath(name) {
		return "", fmt.Errorf("%s lies outside of the table %s", path, t.location)
	}
	return name, nil
}

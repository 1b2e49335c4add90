package iceberg

import (
	"bytes"
	"context"
	"strconv"

	"github.com/twmb/avro"
)

// listSchema is that of a snapshot's list of manifests: a manifest_file of the format.
var listSchema = avro.MustParse(`{"type": "record", "name": "manifest_file", "fields": [
 {"name": "manifest_path", "type": "string", "field-id": 500},
 {"name": "manifest_length", "type": "long", "field-id": 501},
 {"name": "partition_spec_id", "type": "int", "field-id": 502},
 {"name": "content", "type": "int", "field-id": 517},
 {"name": "sequence_number", "type": "long", "field-id": 515},
 {"name": "min_sequence_number", "type": "long", "field-id": 516},
 {"name": "added_snapshot_id", "type": "long", "field-id": 503},
 {"name": "added_files_count", "type": "int", "field-id": 504},
 {"name": "existing_files_count", "type": "int", "field-id": 505},
 {"name": "deleted_files_count", "type": "int", "field-id": 506},
 {"name": "added_rows_count", "type": "long", "field-id": 512},
 {"name": "existing_rows_count", "type": "long", "field-id": 513},
 {"name": "deleted_rows_count", "type": "long", "field-id": 514},
 {"name": "partitions", "field-id": 507, "default": null, "type": ["null", {"type": "array", "element-id": 508, "items":
  {"type": "record", "name": "r508", "fields": [
   {"name": "contains_null", "type": "boolean", "field-id": 509},
   {"name": "contains_nan", "type": ["null", "boolean"], "default": null, "field-id": 518},
   {"name": "lower_bound", "type": ["null", "bytes"], "default": null, "field-id": 510},
   {"name": "upper_bound", "type": ["null", "bytes"], "default": null, "field-id": 511}]}}]}]}`)

// manifestRecord is what a list says of a manifest.
type manifestRecord struct {
	Path          string           `avro:"manifest_path"`
	Length        int64            `avro:"manifest_length"`
	SpecID        int32            `avro:"partition_spec_id"`
	Content       int32            `avro:"content"`
	Sequence      int64            `avro:"sequence_number"`
	MinSequence   int64            `avro:"min_sequence_number"`
	AddedBy       int64            `avro:"added_snapshot_id"`
	AddedFiles    int32            `avro:"added_files_count"`
	ExistingFiles int32            `avro:"existing_files_count"`
	DeletedFiles  int32            `avro:"deleted_files_count"`
	AddedRows     int64            `avro:"added_rows_count"`
	ExistingRows  int64            `avro:"existing_rows_count"`
	DeletedRows   int64            `avro:"deleted_rows_count"`
	Partitions    *[]summaryRecord `avro:"partitions"`
}

// live is how many files the manifest adds to the table.
func (m *manifestRecord) live() int { return int(m.AddedFiles + m.ExistingFiles) }

type summaryRecord struct {
	Null  bool    `avro:"contains_null"`
	NaN   *bool   `avro:"contains_nan"`
	Lower *[]byte `avro:"lower_bound"`
	Upper *[]byte `avro:"upper_bound"`
}

// summary is of the values of a partition field in a manifest, by which readers pass over it.
type summary struct {
	null         bool
	lower, upper []byte
}

func (s *summary) add(v []byte, compare func(a, b []byte) int) {
	if s.lower == nil || compare(v, s.lower) < 0 {
		s.lower = v
	}
	if s.upper == nil || compare(v, s.upper) > 0 {
		s.upper = v
	}
}

func (s *summary) record() summaryRecord {
	r := summaryRecord{Null: s.null, NaN: new(false)}
	if s.lower != nil {
		lower, upper := bytes.Clone(s.lower), bytes.Clone(s.upper)
		r.Lower, r.Upper = &lower, &upper
	}
	return r
}

func (t *Table) writeList(ctx context.Context, name string, snapshot int64, parent *int64, sequence int64, manifests []manifestRecord) error {
	before := "null"
	if parent != nil {
		before = strconv.FormatInt(*parent, 10)
	}
	records := make([]any, len(manifests))
	for i := range manifests {
		records[i] = &manifests[i]
	}
	_, err := t.writeAvro(ctx, name, listSchema, metadataOf("snapshot-id", strconv.FormatInt(snapshot, 10), "parent-snapshot-id", before,
		"sequence-number", strconv.FormatInt(sequence, 10), "format-version", strconv.Itoa(formatVersion)), records)
	return err
}

// readList reads a snapshot's manifests.
func (t *Table) readList(ctx context.Context, name string) (manifests []manifestRecord, err error) {
	err = readAvro(ctx, t, name, func(m *manifestRecord) error {
		manifests = append(manifests, *m)
		return nil
	})
	return manifests, err
}

package iceberg

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// formatVersion is the version of Iceberg's format.
const formatVersion = 2

// metadata is a version of a table: its vN.metadata.json.
type metadata struct {
	FormatVersion   int                    `json:"format-version"`
	UUID            string                 `json:"table-uuid"`
	Location        string                 `json:"location"`
	LastSequence    int64                  `json:"last-sequence-number"`
	LastUpdated     int64                  `json:"last-updated-ms"`
	LastColumn      int                    `json:"last-column-id"`
	CurrentSchema   int                    `json:"current-schema-id"`
	Schemas         []structType           `json:"schemas"`
	DefaultSpec     int                    `json:"default-spec-id"`
	Specs           []partitionSpec        `json:"partition-specs"`
	LastPartition   int                    `json:"last-partition-id"`
	DefaultOrder    int                    `json:"default-sort-order-id"`
	Orders          []sortOrder            `json:"sort-orders"`
	Properties      map[string]string      `json:"properties,omitempty"`
	CurrentSnapshot int64                  `json:"current-snapshot-id"` // -1: none
	Refs            map[string]snapshotRef `json:"refs"`
	Snapshots       []snapshot             `json:"snapshots"`
	SnapshotLog     []snapshotLogEntry     `json:"snapshot-log"`
	MetadataLog     []metadataLogEntry     `json:"metadata-log"`
}

type snapshot struct {
	Sequence int64             `json:"sequence-number"`
	ID       int64             `json:"snapshot-id"`
	Parent   *int64            `json:"parent-snapshot-id,omitempty"`
	Time     int64             `json:"timestamp-ms"`
	Summary  map[string]string `json:"summary"`
	List     string            `json:"manifest-list"`
	Schema   *int              `json:"schema-id,omitempty"`
}

type snapshotRef struct {
	ID   int64  `json:"snapshot-id"`
	Type string `json:"type"`
}

type snapshotLogEntry struct {
	Time int64 `json:"timestamp-ms"`
	ID   int64 `json:"snapshot-id"`
}

type metadataLogEntry struct {
	Time int64  `json:"timestamp-ms"`
	File string `json:"metadata-file"`
}

const mainBranch = "main"

// newMetadata is a table without snapshots. Its UUID follows from its place and the time.
func newMetadata(location string, s shape, now time.Time) *metadata {
	ms := now.UnixMilli()
	u := sha256.Sum256([]byte("framebeam table " + location + " " + strconv.FormatInt(ms, 10)))
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // version 8, a digest, of RFC 9562
	return &metadata{
		FormatVersion: formatVersion, UUID: fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16]),
		Location: location, LastUpdated: ms, LastColumn: s.last,
		Schemas: []structType{{"struct", 0, s.fields}}, Specs: []partitionSpec{s.spec}, LastPartition: dayFieldID,
		DefaultOrder: sortOrderID, Orders: []sortOrder{s.sort}, CurrentSnapshot: -1, Refs: map[string]snapshotRef{},
		Snapshots: []snapshot{}, SnapshotLog: []snapshotLogEntry{}, MetadataLog: []metadataLogEntry{},
	}
}

// check refuses tables that this package did not make, or that have become others.
func (m *metadata) check(location string, s shape) error {
	switch {
	case m.FormatVersion != formatVersion:
		return fmt.Errorf("format version %d is not known here (only %d)", m.FormatVersion, formatVersion)
	case m.Location != location:
		return fmt.Errorf("the table says that it lies at %s: Iceberg's tables cannot be moved", m.Location)
	case m.DefaultSpec != 0 || len(m.Specs) != 1 || !slices.Equal(m.Specs[0].Fields, s.spec.Fields):
		return fmt.Errorf("the table is not partitioned by %s and %s alone", cameraColumn, dayColumn)
	case len(m.Schemas) == 0:
		return fmt.Errorf("the table has no schema")
	case m.current() == nil && m.CurrentSnapshot > 0:
		return fmt.Errorf("there is no snapshot %d, which is the current one", m.CurrentSnapshot)
	}
	return nil
}

// current is the current snapshot, nil if there is none.
func (m *metadata) current() *snapshot { return m.snapshot(m.CurrentSnapshot) }

func (m *metadata) snapshot(id int64) *snapshot {
	i := slices.IndexFunc(m.Snapshots, func(s snapshot) bool { return s.ID == id })
	if i < 0 {
		return nil
	}
	return &m.Snapshots[i]
}

// clone is a copy that may be changed.
func (m *metadata) clone() *metadata {
	c := *m
	c.Refs, c.Properties = map[string]snapshotRef{}, maps.Clone(m.Properties)
	maps.Copy(c.Refs, m.Refs)
	c.Schemas, c.Snapshots = slices.Clone(m.Schemas), slices.Clone(m.Snapshots)
	c.SnapshotLog, c.MetadataLog = slices.Clone(m.SnapshotLog), slices.Clone(m.MetadataLog)
	return &c
}

// columns makes the schema the current one.
func (m *metadata) columns(s shape) error {
	for _, known := range m.Schemas {
		b, err := json.Marshal(known.Fields)
		if err != nil {
			return err
		}
		if string(b) == s.fieldsJSON {
			m.CurrentSchema = known.SchemaID
			return nil
		}
	}
	m.CurrentSchema = slices.MaxFunc(m.Schemas, func(a, b structType) int { return cmp.Compare(a.SchemaID, b.SchemaID) }).SchemaID + 1
	m.Schemas = append(m.Schemas, structType{"struct", m.CurrentSchema, s.fields})
	m.LastColumn = max(m.LastColumn, s.last)
	return nil
}

// add makes a snapshot the current one.
func (m *metadata) add(s snapshot) {
	m.LastSequence = s.Sequence
	m.Snapshots = append(m.Snapshots, s)
	m.CurrentSnapshot = s.ID
	m.Refs[mainBranch] = snapshotRef{s.ID, "branch"}
	m.SnapshotLog = append(m.SnapshotLog, snapshotLogEntry{s.Time, s.ID})
}

// expire drops snapshots that were no longer the current one at a time: who reads one has
// begun before. Those that are named by other branches or tags stay.
func (m *metadata) expire(before time.Time) {
	keep := m.kept(before)
	m.Snapshots = slices.DeleteFunc(m.Snapshots, func(s snapshot) bool { return !keep[s.ID] })
	m.SnapshotLog = slices.DeleteFunc(m.SnapshotLog, func(e snapshotLogEntry) bool { return !keep[e.ID] })
}

// kept are the snapshots that do not expire.
func (m *metadata) kept(before time.Time) map[int64]bool {
	keep := map[int64]bool{}
	for _, r := range m.Refs {
		keep[r.ID] = true
	}
	for i, e := range m.SnapshotLog {
		if i+1 == len(m.SnapshotLog) || m.SnapshotLog[i+1].Time >= before.UnixMilli() {
			keep[e.ID] = true
		}
	}
	return keep
}

// keptVersions is how many versions before the newest are kept: readers look for the newest
// and read it at once.
const keptVersions = 10

// replaces notes which version it was made from.
func (m *metadata) replaces(file string, now time.Time) {
	m.MetadataLog = append(m.MetadataLog, metadataLogEntry{m.LastUpdated, file})
	m.MetadataLog = m.MetadataLog[max(0, len(m.MetadataLog)-keptVersions):]
	m.LastUpdated = max(m.LastUpdated, now.UnixMilli())
}

// snapshotID follows from the commit's name. Ids are above 0.
func snapshotID(uuid, name string) int64 {
	sum := sha256.Sum256([]byte("framebeam snapshot " + uuid + " " + name))
	return int64(binary.BigEndian.Uint64(sum[:])&math.MaxInt64 | 1)
}

package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/history/report"
)

func differences(t *testing.T, file string) (rows []map[string]any, names []string) {
	t.Helper()
	f, err := parquet.OpenFile(strings.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Root().Columns() {
		if !c.Leaf() {
			t.Errorf("column %s is not flat", c.Name())
		}
		names = append(names, c.Name())
	}
	r := parquet.NewReader(f)
	defer r.Close()
	for range f.NumRows() {
		row := map[string]any{}
		if err := r.Read(&row); err != nil {
			t.Fatal(err)
		}
		for name, v := range row {
			if v == nil {
				delete(row, name)
			}
		}
		rows = append(rows, row)
	}
	return rows, names
}

func TestTheParquetFileHasEveryDifference(t *testing.T) {
	r := resultOf(t, some()...)
	write := func(b *bytes.Buffer) error { return report.Parquet(b, r) }
	file := written(t, write)
	if again := written(t, write); again != file {
		t.Error("written again the file is another")
	}
	rows, _ := differences(t, file)
	second := func(s float64) int64 { return begin.UnixMicro() + int64(s*1e6) }
	before := func(offset int64, at float64, track int64, transition, rule string) map[string]any {
		id := rule + "-" + transition + "-" + map[int64]string{9001: "9001", 8001: "8001", 1: "1"}[track]
		return map[string]any{
			"before_event_id": id, "before_partition_id": int32(0), "before_frame_offset": offset, "before_captured_at": second(at),
			"before_track": track, "before_label": "person", "before_number": 3., "before_snapshot_offset": int64(7), "before_config_digest": "0123456789abcdef",
		}
	}
	after := func(m map[string]any) map[string]any {
		other := map[string]any{}
		for k, v := range m {
			other[strings.Replace(k, "before_", "after_", 1)] = v
		}
		return other
	}
	with := func(kind, camera, rule, transition string, parts ...map[string]any) map[string]any {
		m := map[string]any{
			"difference": kind, "camera": camera, "analysis": "lines/" + rule, "rule": rule, "event_type": "LineDetector/Crossed",
			"transition": transition, "topic": "frames",
		}
		for _, p := range parts {
			for k, v := range p {
				m[k] = v
			}
		}
		return m
	}
	movedBefore, movedAfter := before(30, 3, 8001, "forward", "fence"), after(before(36, 3.6, 8001, "forward", "fence"))
	movedBefore["before_partition_id"], movedAfter["after_partition_id"] = int32(1), int32(1)
	changedAfter := after(before(40, 4, 1, "forward", "door"))
	changedAfter["after_track"], changedAfter["after_event_id"] = int64(2), "door-forward-2"
	want := []map[string]any{
		with("added", "gate", "door", "forward", after(before(10, 1, 9001, "forward", "door"))),
		with("removed", "gate", "door", "backward", before(20, 2, 9001, "backward", "door")),
		with("moved", "yard", "fence", "forward", movedBefore, movedAfter, map[string]any{"shift_ms": 600.}),
		with("changed", "gate", "door", "forward", before(40, 4, 1, "forward", "door"), changedAfter, map[string]any{"changed_fields": "track"}),
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func TestWhatIsUnknownIsNull(t *testing.T) {
	d := some()[0]
	d.Camera, d.Rule, d.Transition = "", "", ""
	e, f := d.After.Event, &d.After.Frame
	e.ID, e.Track, e.Label, e.Value, e.Detail, f.Captured, f.Config = "", 0, "", 0, "", 0, ""
	f.Offset, e.Snapshot, f.Partition = 0, 0, 0 // valid, all of them
	rows, _ := differences(t, written(t, func(b *bytes.Buffer) error { return report.Parquet(b, resultOf(t, d)) }))
	want := map[string]any{
		"difference": "added", "analysis": "lines/door", "event_type": "LineDetector/Crossed", "topic": "frames",
		"after_partition_id": int32(0), "after_frame_offset": int64(0), "after_snapshot_offset": int64(0), "after_number": 0.,
	}
	if d := cmp.Diff([]map[string]any{want}, rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

// Words that a name must be quoted for somewhere: reserved in SQL:2023, DuckDB, Spark or Trino.
var reserved = strings.Fields(`all and any array as at between by case cast check column constraint create cross current date day default delete
	desc distinct drop else end except exists false fetch filter for foreign from full function grant group having hour in index inner insert
	interval into is join key language lateral left like limit match member method minute month natural new no not null of offset old on only
	or order out outer over parameter partition position precision primary range rank reference references result row rows second select set
	start table then time timestamp to true type union unique unknown update user using value values when where window with within year`)

func TestColumnsNeedNoQuotes(t *testing.T) {
	_, names := differences(t, written(t, func(b *bytes.Buffer) error { return report.Parquet(b, resultOf(t, some()...)) }))
	for i, n := range names {
		if slices.Contains(reserved, n) || slices.Contains(names[:i], n) {
			t.Errorf("column %s is a keyword of SQL or there twice", n)
		}
	}
}

package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/history/backtest"
	"github.com/framebeam/framebeam/transforms/result"
)

// ParquetVersion is the version of the file of differences, in its metadata under
// framebeam.differences. Within a version columns are only added.
const ParquetVersion = 1

// row is a difference in the Parquet file; docs/report.md says what the columns are. What
// is unknown is NULL, and so is all of the side on which nothing happens. No name is a
// keyword of SQL.
type row struct {
	Difference string   `parquet:"difference,dict"`
	Camera     *string  `parquet:"camera,optional,dict"`
	Analysis   string   `parquet:"analysis,dict"`
	Rule       *string  `parquet:"rule,optional,dict"`
	EventType  string   `parquet:"event_type,dict"`
	Transition *string  `parquet:"transition,optional,dict"`
	Fields     *string  `parquet:"changed_fields,optional,dict"`
	ShiftMS    *float64 `parquet:"shift_ms,optional"`
	Topic      string   `parquet:"topic,dict"`

	BeforeEventID   *string  `parquet:"before_event_id,optional"`
	BeforePartition *int32   `parquet:"before_partition_id,optional"`
	BeforeOffset    *int64   `parquet:"before_frame_offset,optional"`
	BeforeCaptured  *int64   `parquet:"before_captured_at,optional,timestamp(microsecond)"`
	BeforeTrack     *int64   `parquet:"before_track,optional"`
	BeforeLabel     *string  `parquet:"before_label,optional,dict"`
	BeforeNumber    *float64 `parquet:"before_number,optional"`
	BeforeSnapshot  *int64   `parquet:"before_snapshot_offset,optional"`
	BeforeDetail    *string  `parquet:"before_detail,optional"`
	BeforeConfig    *string  `parquet:"before_config_digest,optional,dict"`

	AfterEventID   *string  `parquet:"after_event_id,optional"`
	AfterPartition *int32   `parquet:"after_partition_id,optional"`
	AfterOffset    *int64   `parquet:"after_frame_offset,optional"`
	AfterCaptured  *int64   `parquet:"after_captured_at,optional,timestamp(microsecond)"`
	AfterTrack     *int64   `parquet:"after_track,optional"`
	AfterLabel     *string  `parquet:"after_label,optional,dict"`
	AfterNumber    *float64 `parquet:"after_number,optional"`
	AfterSnapshot  *int64   `parquet:"after_snapshot_offset,optional"`
	AfterDetail    *string  `parquet:"after_detail,optional"`
	AfterConfig    *string  `parquet:"after_config_digest,optional,dict"`
}

// Parquet writes every difference of a result, in the order of capture, a row each. Equal
// results give equal bytes.
func Parquet(w io.Writer, r *backtest.Result) error {
	pw := parquet.NewGenericWriter[row](w,
		parquet.CreatedBy("framebeam", strconv.Itoa(ParquetVersion), ""),
		parquet.Compression(&parquet.Snappy),
		parquet.DataPageStatistics(false),
		parquet.DataPageVersion(2),
		parquet.PageBufferSize(256<<10),
		parquet.MaxRowsPerRowGroup(256<<10),
		parquet.KeyValueMetadata("framebeam.differences", strconv.Itoa(ParquetVersion)),
		parquet.KeyValueMetadata("framebeam.before", valid(r.Before.Name)),
		parquet.KeyValueMetadata("framebeam.after", valid(r.After.Name)),
		parquet.KeyValueMetadata("framebeam.exact", strconv.FormatBool(r.Exact)))
	err := r.Each(func(d *backtest.Difference) error {
		_, err := pw.Write([]row{rowOf(d)})
		return err
	})
	if err := errors.Join(err, pw.Close()); err != nil {
		return fmt.Errorf("write differences as parquet: %w", err)
	}
	return nil
}

func rowOf(d *backtest.Difference) row {
	r := row{
		Difference: string(d.Kind), Camera: known(d.Camera), Analysis: valid(d.Analysis), Rule: known(d.Rule),
		EventType: valid(d.Type), Transition: known(d.Transition), Fields: known(strings.Join(d.Fields, ",")),
		Topic: valid(d.Happens().Frame.Topic),
	}
	if d.Kind == backtest.Moved {
		ms := float64(d.Shift().Microseconds()) / 1e3
		r.ShiftMS = &ms
	}
	if e, f := d.Before.Event, &d.Before.Frame; e != nil {
		r.BeforeEventID, r.BeforeLabel, r.BeforeDetail, r.BeforeConfig = known(e.ID), known(e.Label), known(e.Detail), known(f.Config)
		r.BeforePartition, r.BeforeOffset, r.BeforeSnapshot = &f.Partition, &f.Offset, &e.Snapshot
		r.BeforeCaptured, r.BeforeTrack, r.BeforeNumber = result.Known(f.Captured, 0), result.Known(e.Track, 0), number(e.Value)
	}
	if e, f := d.After.Event, &d.After.Frame; e != nil {
		r.AfterEventID, r.AfterLabel, r.AfterDetail, r.AfterConfig = known(e.ID), known(e.Label), known(e.Detail), known(f.Config)
		r.AfterPartition, r.AfterOffset, r.AfterSnapshot = &f.Partition, &f.Offset, &e.Snapshot
		r.AfterCaptured, r.AfterTrack, r.AfterNumber = result.Known(f.Captured, 0), result.Known(e.Track, 0), number(e.Value)
	}
	return r
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// known is a text, or NULL where there is none.
func known(s string) *string {
	if s == "" {
		return nil
	}
	s = valid(s)
	return &s
}

// number is an event's value, or NULL where it is none.
func number(n result.Number) *float64 {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

package events

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/framebeam/framebeam/history/table"
	"github.com/framebeam/framebeam/transforms/result"
)

// printer prints events.
type printer func([]Found) error

var printers = map[string]func(w io.Writer, zone *time.Location) printer{
	"text": texts, "table": texts, "csv": csvs, "jsonl": jsons,
}

// texts prints a table for people: times by the clocks of the zone, "-" for what there is not.
func texts(w io.Writer, zone *time.Location) printer {
	t := table.New(w, "time", "camera", "type", "rule", "transition", "label", "track", "value", "id", "detail")
	return func(found []Found) error {
		for _, x := range found {
			e := x.Event
			t.Row(table.Time(x.Frame.At(), zone), x.Frame.Camera, e.Type, e.Rule, e.Transition, e.Label, track(e), value(e), e.ID, e.Detail)
		}
		return t.Flush()
	}
}

// row is an event as CSV and JSON Lines have it. What is not known is null, in CSV empty.
// The names are those of docs/frames.sql, none of which is a word of SQL.
type row struct {
	EventID    string        `json:"event_id"`
	Camera     *string       `json:"camera"`
	Captured   *string       `json:"captured"` // RFC 3339 in UTC, with microseconds
	Analysis   string        `json:"analysis"`
	EventType  string        `json:"event_type"`
	RuleName   *string       `json:"rule_name"`
	Transition *string       `json:"transition"`
	TrackID    *int64        `json:"track_id"`
	Label      *string       `json:"object_label"`
	Amount     result.Number `json:"amount"` // the event's value
	Snapshot   int64         `json:"snapshot_offset"`
	Detail     *string       `json:"detail"`
	Topic      string        `json:"topic"`
	Partition  int32         `json:"log_partition"`
	Offset     int64         `json:"log_offset"`
	Logged     string        `json:"log_time"`
	Epoch      *string       `json:"epoch_id"`
	Sequence   *int64        `json:"frame_number"`
	Config     *string       `json:"config_digest"`
}

// Columns are those of CSV and JSON Lines.
var Columns = []string{
	"event_id", "camera", "captured", "analysis", "event_type", "rule_name", "transition", "track_id", "object_label", "amount", "snapshot_offset",
	"detail", "topic", "log_partition", "log_offset", "log_time", "epoch_id", "frame_number", "config_digest",
}

const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

func rowOf(x Found) row {
	f, e := x.Frame, x.Event
	r := row{
		EventID: e.ID, Camera: result.Known(f.Camera, ""), Analysis: e.Analysis, EventType: e.Type, RuleName: result.Known(e.Rule, ""),
		Transition: result.Known(e.Transition, ""), TrackID: result.Known(e.Track, 0), Label: result.Known(e.Label, ""), Amount: e.Value, Snapshot: e.Snapshot,
		Detail: result.Known(e.Detail, ""), Topic: f.Topic, Partition: f.Partition, Offset: f.Offset,
		Logged: time.UnixMilli(f.Timestamp).UTC().Format(timeLayout), Epoch: result.Known(f.Epoch, ""), Sequence: result.Known(f.Sequence, -1),
		Config: result.Known(f.Config, ""),
	}
	if f.Captured != 0 {
		at := time.UnixMicro(f.Captured).UTC().Format(timeLayout)
		r.Captured = &at
	}
	return r
}

// MarshalJSON is the event as JSON Lines have it.
func (x Found) MarshalJSON() ([]byte, error) { return json.Marshal(rowOf(x)) }

func jsons(w io.Writer, _ *time.Location) printer {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(found []Found) error {
		for _, x := range found {
			if err := enc.Encode(rowOf(x)); err != nil {
				return err
			}
		}
		return nil
	}
}

func csvs(w io.Writer, _ *time.Location) printer {
	c := csv.NewWriter(w)
	begun := false
	return func(found []Found) error {
		if !begun {
			begun = true
			_ = c.Write(Columns) // Flush tells
		}
		for _, x := range found {
			r := rowOf(x)
			_ = c.Write([]string{
				r.EventID, text(r.Camera), text(r.Captured), r.Analysis, r.EventType, text(r.RuleName), text(r.Transition), whole(r.TrackID),
				text(r.Label), value(x.Event), strconv.FormatInt(r.Snapshot, 10), text(r.Detail), r.Topic, strconv.Itoa(int(r.Partition)),
				strconv.FormatInt(r.Offset, 10), r.Logged, text(r.Epoch), whole(r.Sequence), text(r.Config),
			})
		}
		c.Flush()
		return c.Error()
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func whole(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func track(e *result.Event) string { return whole(result.Known(e.Track, 0)) }

func value(e *result.Event) string {
	v := float64(e.Value)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

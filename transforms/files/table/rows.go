package table

import (
	"cmp"
	"math"
	"strings"

	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/result"
)

// frameRow is a row of the table of frames. Columns have ids, by which readers find them in
// older files: columns are only added, optional ones with new ids. What is unknown is NULL.
// Encodings are those that all readers know. Names are no words that SQL reserves, and those of lists differ from those of rows.
type frameRow struct {
	Camera     *string     `parquet:"camera,optional,dict,id(1)"`
	Day        *int32      `parquet:"day,optional,date,id(2)"` // of capture, in UTC
	Captured   int64       `parquet:"captured,optional,timestamp(microsecond),id(3)"`
	Epoch      *string     `parquet:"epoch_id,optional,dict,id(4)"`
	Number     *int64      `parquet:"frame_number,optional,id(5)"` // in its epoch
	Topic      string      `parquet:"topic,dict,id(6)"`
	Partition  int32       `parquet:"log_partition,id(7)"`
	Offset     int64       `parquet:"log_offset,id(8)"`
	Logged     int64       `parquet:"logged,timestamp(microsecond),id(9)"`
	Width      *int32      `parquet:"frame_width,optional,id(10)"`
	Height     *int32      `parquet:"frame_height,optional,id(11)"`
	Encoding   *string     `parquet:"frame_encoding,optional,dict,id(12)"`
	Bytes      int64       `parquet:"frame_bytes,id(13)"`
	Status     string      `parquet:"status,dict,id(14)"`
	Reason     *string     `parquet:"reason,optional,dict,id(15)"`
	Detail     *string     `parquet:"detail,optional,id(16)"`
	Brightness *float64    `parquet:"brightness,optional,id(17)"`
	Contrast   *float64    `parquet:"contrast,optional,id(18)"`
	Sharpness  *float64    `parquet:"sharpness,optional,id(19)"`
	Config     *string     `parquet:"config_digest,optional,dict,id(20)"`
	Detections []detection `parquet:"detections,list,id(30)" parquet-element:",id(31)"`
	Events     []event     `parquet:"events,list,id(50)" parquet-element:",id(51)"`
	Features   []feature   `parquet:"features,list,id(70)" parquet-element:",id(71)"`
}

type detection struct {
	Analysis string   `parquet:"analysis,dict,id(32)"`
	Label    *string  `parquet:"label,optional,dict,id(33)"`
	X        int32    `parquet:"x,id(34)"`
	Y        int32    `parquet:"y,id(35)"`
	Width    int32    `parquet:"width,id(36)"`
	Height   int32    `parquet:"height,id(37)"`
	Area     *float64 `parquet:"area,optional,id(38)"`
	Score    float64  `parquet:"score,id(39)"`
	Track    *int64   `parquet:"track_id,optional,id(40)"`
	State    *string  `parquet:"state,optional,dict,id(41)"`
}

type event struct {
	ID         string   `parquet:"event_id,id(52)"`
	Type       string   `parquet:"event_type,dict,id(53)"`
	Analysis   string   `parquet:"event_analysis,dict,id(54)"`
	Rule       *string  `parquet:"rule_name,optional,dict,id(55)"`
	Transition *string  `parquet:"transition,optional,dict,id(56)"`
	Track      *int64   `parquet:"event_track_id,optional,id(57)"`
	Label      *string  `parquet:"event_label,optional,dict,id(58)"`
	Amount     *float64 `parquet:"amount,optional,id(59)"` // the event's value
	Snapshot   int64    `parquet:"snapshot_offset,id(60)"`
	Detail     *string  `parquet:"event_detail,optional,id(61)"`
}

type feature struct {
	Analysis string `parquet:"feature_analysis,dict,id(72)"`
	Kind     string `parquet:"feature_kind,dict,id(73)"`
	Data     []byte `parquet:"feature_data,id(74)"`
}

// eventRow is a row of the table of events: an event with what is known of its frame. The
// names are those of the command events, but for label and logged (object_label and log_time).
type eventRow struct {
	Camera     *string  `parquet:"camera,optional,dict,id(1)"`
	Day        *int32   `parquet:"day,optional,date,id(2)"`
	Captured   int64    `parquet:"captured,optional,timestamp(microsecond),id(3)"`
	ID         string   `parquet:"event_id,id(4)"`
	Type       string   `parquet:"event_type,dict,id(5)"`
	Analysis   string   `parquet:"analysis,dict,id(6)"`
	Rule       *string  `parquet:"rule_name,optional,dict,id(7)"`
	Transition *string  `parquet:"transition,optional,dict,id(8)"`
	Track      *int64   `parquet:"track_id,optional,id(9)"`
	Label      *string  `parquet:"label,optional,dict,id(10)"`
	Amount     *float64 `parquet:"amount,optional,id(11)"`
	Snapshot   int64    `parquet:"snapshot_offset,id(12)"`
	Detail     *string  `parquet:"detail,optional,id(13)"`
	Topic      string   `parquet:"topic,dict,id(14)"`
	Partition  int32    `parquet:"log_partition,id(15)"`
	Offset     int64    `parquet:"log_offset,id(16)"`
	Logged     int64    `parquet:"logged,timestamp(microsecond),id(20)"`
	Epoch      *string  `parquet:"epoch_id,optional,dict,id(17)"`
	Number     *int64   `parquet:"frame_number,optional,id(18)"`
	Config     *string  `parquet:"config_digest,optional,dict,id(19)"`
}

// loggedIDs are the ids of the column logged.
var loggedIDs = map[string]int{frames: 9, events: 20}

const microsecondsPerDay = 24 * 60 * 60 * 1_000_000

// partitionOf is where a frame's rows lie.
func partitionOf(f *result.Frame) iceberg.Partition {
	p := iceberg.Partition{Camera: f.Camera, Day: iceberg.NoDay}
	if f.Captured != 0 {
		p.Day = dayOf(f.Captured)
	}
	return p
}

// dayOf is the day in UTC of a time in microseconds.
func dayOf(us int64) iceberg.Day {
	day := us / microsecondsPerDay
	if us%microsecondsPerDay < 0 {
		day--
	}
	return iceberg.Day(day)
}

func dayColumn(p iceberg.Partition) *int32 { return result.Known(int32(p.Day), int32(iceberg.NoDay)) }

func frameRows(f *result.Frame, add func(frameRow)) {
	r := frameRow{
		Camera: result.Known(f.Camera, ""), Day: dayColumn(partitionOf(f)), Captured: f.Captured, Epoch: result.Known(f.Epoch, ""),
		Number: result.Known(f.Sequence, -1), Topic: f.Topic, Partition: f.Partition, Offset: f.Offset, Logged: f.Timestamp * 1000,
		Width: result.Known(f.Width, 0), Height: result.Known(f.Height, 0), Encoding: result.Known(f.Encoding, ""), Bytes: f.Bytes,
		Status: string(f.Status), Reason: result.Known(f.Reason, ""), Detail: result.Known(f.Detail, ""), Config: result.Known(f.Config, ""),
	}
	if q := f.Quality; q != nil {
		r.Brightness, r.Contrast, r.Sharpness = &q.Brightness, &q.Contrast, &q.Sharpness
	}
	for _, d := range f.Detections {
		r.Detections = append(r.Detections, detection{
			d.Analysis, result.Known(d.Label, ""), d.X, d.Y, d.Width, d.Height, result.Known(d.Area, 0), d.Score, result.Known(d.Track, 0), result.Known(d.State, ""),
		})
	}
	for i := range f.Events {
		r.Events = append(r.Events, eventOf(&f.Events[i]))
	}
	for _, x := range f.Features {
		r.Features = append(r.Features, feature(x))
	}
	add(r)
}

func eventOf(e *result.Event) event {
	x := event{
		ID: e.ID, Type: e.Type, Analysis: e.Analysis, Rule: result.Known(e.Rule, ""), Transition: result.Known(e.Transition, ""),
		Track: result.Known(e.Track, 0), Label: result.Known(e.Label, ""), Snapshot: e.Snapshot, Detail: result.Known(e.Detail, ""),
	}
	if v := float64(e.Value); !math.IsNaN(v) {
		x.Amount = &v
	}
	return x
}

func eventRows(f *result.Frame, add func(eventRow)) {
	for i := range f.Events {
		e := eventOf(&f.Events[i])
		add(eventRow{
			Camera: result.Known(f.Camera, ""), Day: dayColumn(partitionOf(f)), Captured: f.Captured,
			ID: e.ID, Type: e.Type, Analysis: e.Analysis, Rule: e.Rule, Transition: e.Transition, Track: e.Track, Label: e.Label,
			Amount: e.Amount, Snapshot: e.Snapshot, Detail: e.Detail,
			Topic: f.Topic, Partition: f.Partition, Offset: f.Offset, Logged: f.Timestamp * 1000,
			Epoch: result.Known(f.Epoch, ""), Number: result.Known(f.Sequence, -1), Config: result.Known(f.Config, ""),
		})
	}
}

// The orders of rows in a file: what the definitions of the tables say.
var (
	frameOrder = []string{"captured", "topic", "log_partition", "log_offset"}
	eventOrder = []string{"captured", "topic", "log_partition", "log_offset", "event_id"}
)

func compareFrames(a, b *frameRow) int {
	return cmp.Or(compareKnown(a.Captured, b.Captured), strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

func compareEvents(a, b *eventRow) int {
	return cmp.Or(compareKnown(a.Captured, b.Captured), strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition),
		cmp.Compare(a.Offset, b.Offset), strings.Compare(a.ID, b.ID))
}

// compareKnown orders 0, which is NULL, last.
func compareKnown(a, b int64) int {
	return cmp.Or(cmp.Compare(btoi(a == 0), btoi(b == 0)), cmp.Compare(a, b))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

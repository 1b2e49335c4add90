// Package eventsink publishes what analyses say has happened to a Kafka topic, at
// once, for those who cannot wait until a chunk is complete.
//
// An event is a CloudEvent 1.0 in Kafka's binary mode: the record's key is the camera,
// so that a camera's events share a partition; its timestamp is the time of capture;
// its value is JSON. Events are published at least once: after a crash, and when
// frames are analysed again, the same events come again. They have the same ids then,
// so a consumer that remembers ids drops what it knows.
//
// A camera's events are published in the order of its frames, each time anew from
// where the job goes on: the first copies are in order.
package eventsink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"time"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

// EventType is the CloudEvents type of an event; a format that is not compatible gets
// another one. Fields may be added to the JSON under the same type.
const EventType = "com.framebeam.event.v1"

const (
	specVersion = "1.0"
	contentType = "application/json"
)

// Event is an event and the frame at which it happened. It is the record's JSON; the
// names are those of the results files.
type Event struct {
	result.Event
	Camera   string `json:"camera"`
	Epoch    string `json:"epoch"`
	Sequence int64  `json:"sequence"` // the frame's number in the epoch; -1: unknown
	// Topic, Partition and Offset are the frame's place in the log. Snapshot is an
	// offset in the same partition.
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Captured  time.Time `json:"captured"` // the frame's, UTC, whole microseconds
}

// Of returns the events of a result.
func Of(row *result.Frame) []Event {
	events := make([]Event, len(row.Events))
	for i, e := range row.Events {
		events[i] = Event{
			Event: e, Camera: row.Camera, Epoch: row.Epoch, Sequence: row.Sequence,
			Topic: row.Topic, Partition: row.Partition, Offset: row.Offset,
			Captured: time.UnixMicro(row.Captured).UTC(),
		}
	}
	return events
}

// Record is the event as a Kafka record: its CloudEvents id is Event.ID, its subject
// the event's type, its source /cameras/ and the camera.
func (e *Event) Record() (frame.Record, error) {
	d := *e
	d.Captured = e.Captured.UTC()
	var value bytes.Buffer
	enc := json.NewEncoder(&value)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return frame.Record{}, fmt.Errorf("event %s of topic %s partition %d offset %d: %w", e.ID, e.Topic, e.Partition, e.Offset, err)
	}
	return frame.Record{
		Timestamp: e.Captured.UnixMilli(),
		Key:       []byte(e.Camera),
		Headers: []frame.Header{
			{Key: "ce_specversion", Value: []byte(specVersion)},
			{Key: "ce_id", Value: []byte(e.ID)},
			{Key: "ce_source", Value: []byte("/cameras/" + e.Camera)},
			{Key: "ce_type", Value: []byte(EventType)},
			{Key: "ce_subject", Value: []byte(e.Type)},
			{Key: "ce_time", Value: []byte(e.Captured.UTC().Format(time.RFC3339Nano))},
			{Key: "content-type", Value: []byte(contentType)},
		},
		Value: bytes.TrimSuffix(value.Bytes(), []byte("\n")),
	}, nil
}

// records are a result's events as Kafka records. Brokers refuse a timestamp that is
// more than an hour ahead of their clocks. They took the frame's record, so an event is
// never dated later than that; its ce_time still is the time that the camera said.
func records(row *result.Frame) ([]frame.Record, error) {
	var recs []frame.Record
	for _, e := range Of(row) {
		rec, err := e.Record()
		if err != nil {
			return nil, err
		}
		if row.Timestamp > 0 {
			rec.Timestamp = min(rec.Timestamp, row.Timestamp)
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

// ErrNotEvent is wrapped by the errors for records that are no events: of another
// CloudEvents type, or none at all.
var ErrNotEvent = errors.New("the record is not an event")

// Parse reads a record of the events topic, for consumers. Fields that it does not
// know are passed over: a later version may have added them.
func Parse(rec *frame.Record) (Event, error) {
	wrong := func(format string, args ...any) (Event, error) {
		return Event{}, fmt.Errorf("offset %d: %w", rec.Offset, fmt.Errorf(format, args...))
	}
	for _, h := range []struct{ key, want string }{{"ce_specversion", specVersion}, {"ce_type", EventType}} {
		if got, _ := rec.Header(h.key); got != h.want {
			return wrong("%w: %s is %.80q, not %q", ErrNotEvent, h.key, got, h.want)
		}
	}
	kind, _ := rec.Header("content-type")
	if media, _, err := mime.ParseMediaType(kind); err != nil || media != contentType {
		return wrong("content-type is %.80q, not %s", kind, contentType)
	}
	d := Event{Event: result.Event{Value: result.Number(math.NaN())}}
	if err := json.Unmarshal(rec.Value, &d); err != nil {
		return wrong("the value: %w", err)
	}
	id, _ := rec.Header("ce_id")
	switch {
	case d.ID == "" || id != d.ID:
		return wrong("ce_id is %.80q, the value's id %.80q", id, d.ID)
	case !frame.ValidCamera(d.Camera) || d.Camera != string(rec.Key):
		return wrong("the key is %.140q, the value's camera %.140q", rec.Key, d.Camera)
	case d.Type == "":
		return wrong("the value has no type")
	case d.Partition < 0 || d.Offset < 0:
		return wrong("partition %d offset %d is no place in a log", d.Partition, d.Offset)
	}
	d.Captured = d.Captured.UTC()
	return d, nil
}

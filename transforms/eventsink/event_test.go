package eventsink

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/result"
)

var captured = time.Date(2024, 5, 1, 8, 0, 0, 123456e3, time.UTC)

// row is a result with an event for each of the transitions.
func row(camera string, offset int64, transitions ...string) result.Frame {
	r := result.Frame{
		Topic: "frames", Partition: 3, Offset: offset, Camera: camera, Epoch: "e1", Sequence: offset,
		Captured: captured.Add(time.Duration(offset) * time.Second).UnixMicro(), Status: result.OK,
	}
	r.Timestamp = r.Captured / 1000
	for i, tr := range transitions {
		r.Events = append(r.Events, result.Event{
			ID: strings.Repeat("0", 30) + string(rune('a'+i)) + camera[len(camera)-1:], Analysis: "lines/gate", Type: "LineDetector/Crossed",
			Rule: "gate", Transition: tr, Track: 17001, Label: "person", Value: result.Number(i + 1), Snapshot: offset, Detail: "<1> so far",
		})
	}
	return r
}

func TestAnEventIsACloudEvent(t *testing.T) {
	r := row("cam-1", 17, "forward")
	recs, err := records(&r)
	if err != nil || len(recs) != 1 {
		t.Fatal(recs, err)
	}
	var headers []string
	for _, h := range recs[0].Headers {
		headers = append(headers, h.Key+": "+string(h.Value))
	}
	want := []string{
		"ce_specversion: 1.0", "ce_id: 000000000000000000000000000000a1", "ce_source: /cameras/cam-1",
		"ce_type: com.framebeam.event.v1", "ce_subject: LineDetector/Crossed", "ce_time: 2024-05-01T08:00:17.123456Z",
		"content-type: application/json",
	}
	if d := cmp.Diff(want, headers); d != "" {
		t.Error(d)
	}
	const value = `{"id":"000000000000000000000000000000a1","analysis":"lines/gate","type":"LineDetector/Crossed","rule":"gate",` +
		`"transition":"forward","track":17001,"label":"person","value":1,"snapshot":17,"detail":"<1> so far","camera":"cam-1","epoch":"e1",` +
		`"sequence":17,"topic":"frames","partition":3,"offset":17,"captured":"2024-05-01T08:00:17.123456Z"}`
	if d := cmp.Diff(value, string(recs[0].Value)); d != "" {
		t.Error(d)
	}
	if string(recs[0].Key) != "cam-1" || recs[0].Timestamp != r.Captured/1000 {
		t.Errorf("key %s timestamp %d", recs[0].Key, recs[0].Timestamp)
	}
	e, err := Parse(&recs[0])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Of(&r)[0], e); d != "" {
		t.Error(d)
	}
}

func TestATimestampIsNotAheadOfTheFramesOwn(t *testing.T) {
	r := row("cam-1", 17, "forward")
	for at, want := range map[int64]int64{
		r.Timestamp - 5000: r.Timestamp - 5000, // the camera's clock is ahead
		r.Timestamp + 5000: r.Timestamp,
		0:                  r.Timestamp, // unknown
	} {
		r.Timestamp = at
		recs, err := records(&r)
		if err != nil || recs[0].Timestamp != want {
			t.Errorf("a frame's timestamp of %d gives %d, %v", at, recs[0].Timestamp, err)
		}
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	good := func() *frame.Record {
		r := row("cam-1", 17, "forward")
		recs, err := records(&r)
		if err != nil {
			t.Fatal(err)
		}
		return &recs[0]
	}
	header := func(key, value string) func(*frame.Record) {
		return func(rec *frame.Record) {
			for i := range rec.Headers {
				if rec.Headers[i].Key == key {
					rec.Headers[i].Value = []byte(value)
				}
			}
		}
	}
	field := func(name string, value any) func(*frame.Record) {
		return func(rec *frame.Record) {
			var m map[string]any
			if err := json.Unmarshal(rec.Value, &m); err != nil {
				t.Fatal(err)
			}
			m[name] = value
			var err error
			if rec.Value, err = json.Marshal(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*frame.Record)
		want   string // in the error; "": none
		other  bool   // not an event at all
	}{
		{"nothing", func(*frame.Record) {}, "", false},
		{"a field of a later version", field("colour", "red"), "", false},
		{"a charset", header("content-type", "application/json; charset=utf-8"), "", false},
		{"a value that is no number", field("value", nil), "", false},
		{"a frame", header("ce_type", frame.EventType), "ce_type", true},
		{"another version of CloudEvents", header("ce_specversion", "2.0"), "ce_specversion", true},
		{"no headers", func(r *frame.Record) { r.Headers = nil }, "ce_specversion", true},
		{"XML", header("content-type", "application/xml"), "content-type", false},
		{"damaged JSON", func(r *frame.Record) { r.Value = r.Value[:20] }, "the value", false},
		{"no value", func(r *frame.Record) { r.Value = nil }, "the value", false},
		{"another id", header("ce_id", "x"), "ce_id", false},
		{"no id", func(r *frame.Record) { header("ce_id", "")(r); field("id", "")(r) }, "ce_id", false},
		{"another camera's key", func(r *frame.Record) { r.Key = []byte("cam-2") }, "the key", false},
		{"a camera that is a path", func(r *frame.Record) { r.Key = []byte("../x"); field("camera", "../x")(r) }, "the key", false},
		{"no type", field("type", ""), "no type", false},
		{"no place", field("offset", -1), "no place", false},
		{"a track that is a word", field("track", "one"), "the value", false},
	} {
		rec := good()
		rec.Offset = 4711
		c.change(rec)
		_, err := Parse(rec)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "4711") || errors.Is(err, ErrNotEvent) != c.other {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	token := rapid.StringMatching(`[A-Za-z0-9_-]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		text, number := rapid.String(), rapid.Int64()
		e := Event{
			Event: result.Event{
				ID: token.Draw(t, "id"), Analysis: text.Draw(t, "analysis"), Type: token.Draw(t, "type"), Rule: text.Draw(t, "rule"),
				Transition: text.Draw(t, "transition"), Track: number.Draw(t, "track"), Label: text.Draw(t, "label"),
				Value: result.Number(rapid.Float64().Draw(t, "value")), Snapshot: number.Draw(t, "snapshot"), Detail: text.Draw(t, "detail"),
			},
			Camera: token.Draw(t, "camera"), Epoch: token.Draw(t, "epoch"), Sequence: number.Draw(t, "sequence"),
			Topic: token.Draw(t, "topic"), Partition: rapid.Int32Range(0, math.MaxInt32).Draw(t, "partition"),
			Offset:   rapid.Int64Range(0, 1<<50).Draw(t, "offset"),
			Captured: time.UnixMicro(rapid.Int64Range(0, 1<<53).Draw(t, "captured")).UTC(),
		}
		if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
			e.Value = result.Number(math.NaN())
		}
		rec, err := e.Record()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(&rec)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, got, sameNumber); d != "" {
			t.Fatal(d)
		}
	})
}

// sameNumber takes all that JSON cannot say for one.
var sameNumber = cmp.Comparer(func(a, b result.Number) bool {
	odd := func(n result.Number) bool { return math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) }
	return a == b || odd(a) && odd(b)
})

func FuzzParse(f *testing.F) {
	r := row("cam-1", 17, "forward")
	recs, err := records(&r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(recs[0].Key, recs[0].Value, r.Events[0].ID, "application/json")
	f.Add([]byte("a"), []byte(`{"id":"1","camera":"a","type":"T","captured":"2024-05-01T08:00:00+02:00","value":1e400}`), "1", "application/json;x=y")
	f.Fuzz(func(t *testing.T, key, value []byte, id, kind string) {
		rec := frame.Record{Key: key, Value: value, Headers: []frame.Header{
			{Key: "ce_specversion", Value: []byte(specVersion)}, {Key: "ce_type", Value: []byte(EventType)},
			{Key: "ce_id", Value: []byte(id)}, {Key: "content-type", Value: []byte(kind)},
		}}
		e, err := Parse(&rec)
		if err != nil {
			return
		}
		again, err := e.Record()
		if err != nil {
			t.Skip() // a year that JSON cannot say
		}
		back, err := Parse(&again)
		if d := cmp.Diff(e, back, sameNumber); err != nil || d != "" {
			t.Fatal(err, d)
		}
	})
}

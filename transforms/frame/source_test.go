package frame

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/wire"
)

func drawChange(t *rapid.T) SourceChange {
	s := SourceChange{
		Camera: rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}`).Draw(t, "camera"),
		State:  rapid.SampledFrom([]SourceState{SourceStarted, SourceLost, SourceBack, SourceStopped, SourceEnded, SourceFailed}).Draw(t, "state"),
		At:     time.UnixMicro(rapid.Int64Range(0, lastTime.UnixMicro()-1).Draw(t, "at")).UTC(),
		Reason: cut(rapid.String().Draw(t, "reason"), MaxSourceReason), Sequence: -1,
	}
	if rapid.Bool().Draw(t, "has frames") {
		s.Epoch = rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}`).Draw(t, "epoch")
		s.Sequence = rapid.Int64Range(0, maxSequence).Draw(t, "sequence")
	}
	return s
}

func TestSourceChange_CloudEvent_isReadAsTheSameChange(t *testing.T) {
	p := newParser(t, ParseOptions{})
	rapid.Check(t, func(t *rapid.T) {
		s := drawChange(t)
		rec := s.CloudEvent()
		if !rec.OfSource() || rec.Timestamp != s.At.UnixMilli() {
			t.Fatalf("%+v", rec)
		}
		got, err := ParseSource(&rec)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, got); d != "" {
			t.Fatal(d)
		}
		if _, err := p.Parse(&rec); err == nil {
			t.Fatal("it is read as a frame")
		}
		if _, _, ok := rec.Numbered(); ok {
			t.Fatal("it has a frame's number")
		}
	})
}

// The format is a contract with readers and writers that are not ours.
func TestSourceChange_CloudEvent_bytes(t *testing.T) {
	s := SourceChange{
		Camera: "gate-1", State: SourceLost, At: time.Date(2026, 11, 22, 10, 11, 12, 123456789, time.UTC),
		Reason: `no answer from "gate"`, Epoch: "e1", Sequence: 41,
	}
	rec := s.CloudEvent()
	var got []string
	for _, h := range rec.Headers {
		got = append(got, h.Key+"="+string(h.Value))
	}
	want := []string{
		"ce_specversion=1.0",
		"ce_id=gate-1/lost/2026-11-22T10:11:12.123456Z/e1/41",
		"ce_source=/cameras/gate-1",
		"ce_type=com.framebeam.source.v1",
		"ce_subject=lost",
		"ce_time=2026-11-22T10:11:12.123456Z",
		"content-type=application/json",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if want := `{"state":"lost","reason":"no answer from \"gate\"","epoch":"e1","sequence":41}`; string(rec.Value) != want {
		t.Errorf("%s", rec.Value)
	}
	if string(rec.Key) != "gate-1" || rec.Timestamp != 1795342272123 {
		t.Errorf("key %q timestamp %d", rec.Key, rec.Timestamp)
	}
	s.Epoch, s.Sequence, s.Reason = "", -1, ""
	if rec, want := s.CloudEvent(), `{"state":"lost","reason":"","epoch":null,"sequence":null}`; string(rec.Value) != want {
		t.Errorf("%s", rec.Value)
	}
}

func TestALongReasonIsCutBetweenTwoCharacters(t *testing.T) {
	s := SourceChange{Camera: "gate-1", State: SourceLost, At: time.UnixMicro(1), Reason: strings.Repeat("\x01ü", MaxSourceReason), Sequence: -1}
	rec := s.CloudEvent()
	got, err := ParseSource(&rec)
	if err != nil || len(got.Reason) > MaxSourceReason || len(got.Reason) < MaxSourceReason-3 || !strings.HasPrefix(s.Reason, got.Reason) {
		t.Errorf("%d bytes, %v", len(got.Reason), err)
	}
}

func lostRecord(edit func(*Record)) Record {
	s := SourceChange{Camera: "gate-1", State: SourceLost, At: time.UnixMicro(1_700_000_000_000_000), Reason: "why", Epoch: "e1", Sequence: 4}
	rec := s.CloudEvent()
	edit(&rec)
	return rec
}

func setHeader(rec *Record, key, value string) {
	for i := range rec.Headers {
		if rec.Headers[i].Key == key {
			rec.Headers[i].Value = []byte(value)
		}
	}
}

type changeCase struct {
	name   string
	rec    Record
	reason Reason // "": it is read
}

func changeCases() []changeCase {
	header := func(key, value string) func(*Record) {
		return func(r *Record) { setHeader(r, key, value) }
	}
	value := func(text string) func(*Record) { return func(r *Record) { r.Value = []byte(text) } }
	return []changeCase{
		{"as it is written", lostRecord(func(*Record) {}), ""},
		{"members of a later version", lostRecord(value(`{"state":"lost","epoch":"e1","sequence":4,"since":{"a":[1]}}`)), ""},
		{"a content type with a parameter", lostRecord(header("content-type", "application/json; charset=utf-8")), ""},
		{"another subject", lostRecord(header("ce_subject", "x")), ""},
		{"no key", lostRecord(func(r *Record) { r.Key = nil }), ReasonNoKey},
		{"a key that is no camera", lostRecord(func(r *Record) { r.Key = []byte(strings.Repeat("x", 300)) }), ReasonBadKey},
		{"another camera", lostRecord(func(r *Record) { r.Key = []byte("yard") }), ReasonCamera},
		{"no value", lostRecord(func(r *Record) { r.Value = nil }), ReasonEmpty},
		{"no JSON", lostRecord(value("\xff\xd8\xff")), ReasonBadJSON},
		{"two values", lostRecord(value(`{"state":"lost"}{}`)), ReasonBadJSON},
		{"deep JSON", lostRecord(value(strings.Repeat("[", 4000))), ReasonBadJSON},
		{"a number too large", lostRecord(value(`{"state":"lost","epoch":"e","sequence":1e400}`)), ReasonBadJSON},
		{"a value too large", lostRecord(value(`{"state":"lost","x":"` + strings.Repeat("x", 5000) + `"}`)), ReasonBadJSON},
		{"a reason too long", lostRecord(value(`{"state":"lost","reason":"` + strings.Repeat("x", MaxSourceReason+1) + `"}`)), ReasonBadJSON},
		{"a state that is not known", lostRecord(value(`{"state":"asleep"}`)), ReasonBadJSON},
		{"no state", lostRecord(value(`null`)), ReasonBadJSON},
		{"a sequence without epoch", lostRecord(value(`{"state":"lost","sequence":4}`)), ReasonBadJSON},
		{"a negative sequence", lostRecord(value(`{"state":"lost","epoch":"e","sequence":-1}`)), ReasonBadJSON},
		{"an epoch that is none", lostRecord(value(`{"state":"lost","epoch":"../e","sequence":1}`)), ReasonBadJSON},
		{"another CloudEvents version", lostRecord(header("ce_specversion", "2.0")), ReasonBadVersion},
		{"an id of another time", lostRecord(header("ce_id", "gate-1/lost/2023-11-14T22:13:21Z/e1/4")), ReasonBadHeader},
		{"an id of another state", lostRecord(header("ce_id", "gate-1/back/2023-11-14T22:13:20Z/e1/4")), ReasonBadHeader},
		{"an id of another frame", lostRecord(header("ce_id", "gate-1/lost/2023-11-14T22:13:20Z/e1/5")), ReasonBadHeader},
		{"no time", lostRecord(header("ce_time", "")), ReasonBadHeader},
		{"a time that is none", lostRecord(header("ce_time", "yesterday")), ReasonBadHeader},
		{"a time before 1970", lostRecord(header("ce_time", "1969-12-31T23:59:59Z")), ReasonBadHeader},
		{"an image", lostRecord(header("content-type", "image/jpeg")), ReasonBadHeader},
		{"no source", lostRecord(header("ce_source", "")), ReasonBadHeader},
	}
}

func TestParseSource(t *testing.T) {
	for _, c := range changeCases() {
		if !c.rec.OfSource() {
			t.Errorf("%s: it is none of a source", c.name)
		}
		_, err := ParseSource(&c.rec)
		var poison *Poison
		if errors.As(err, &poison); c.reason == "" && err != nil || c.reason != "" && (poison == nil || poison.Reason != c.reason) {
			t.Errorf("%s: %v, want %q", c.name, err, c.reason)
		}
	}
	f := rawOf(5, 3, 3)
	rec := f.CloudEvent()
	if _, err := ParseSource(&rec); err == nil || rec.OfSource() {
		t.Errorf("a frame is one of a source: %v", err)
	}
}

// FuzzParseSource feeds records as [ReadRecord] reads them: no panic, a Poison that fits
// into a result, the same again, and what was read is read again when it is written.
func FuzzParseSource(f *testing.F) {
	for _, c := range changeCases() {
		addSeed(f, &c.rec)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := wire.NewReader(b)
		rec := ReadRecord(r)
		if r.Err() != nil {
			return
		}
		got, err := ParseSource(&rec)
		if again, err2 := ParseSource(&rec); !cmp.Equal(got, again) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Fatalf("parsing twice differs: %v, %v", err, err2)
		}
		if err != nil {
			if p, ok := errors.AsType[*Poison](err); !ok || len(p.Detail) > maxDetail {
				t.Fatalf("%#v", err)
			}
			return
		}
		if len(got.Reason) > MaxSourceReason || !ValidCamera(got.Camera) || !got.State.Valid() || !inTime(got.At) || (got.Epoch == "") != (got.Sequence < 0) {
			t.Fatalf("%+v", got)
		}
		out := got.CloudEvent()
		if back, err := ParseSource(&out); err != nil || !cmp.Equal(got, back) {
			t.Fatalf("written and read again: %v\n%s", err, cmp.Diff(got, back))
		}
	})
}

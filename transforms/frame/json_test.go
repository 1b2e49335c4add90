package frame

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFrame_JSON_isReadAsTheSameFrame(t *testing.T) {
	// A zone without summer time, in which every time names one instant.
	for _, name := range []string{"UTC", "Asia/Kolkata"} {
		p := newParser(t, ParseOptions{Zone: name})
		rapid.Check(t, func(t *rapid.T) {
			f := drawFrame(t)
			f.Captured = f.Captured.Truncate(time.Millisecond)
			if f.Captured.Year() < 1971 {
				f.Captured = f.Captured.AddDate(1, 0, 0)
			}
			rec, err := f.JSON(p.zone)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Parse(&rec)
			if err != nil {
				t.Fatal(err)
			}
			f.Epoch, f.Sequence = "", -1
			if d := cmp.Diff(f, got); d != "" {
				t.Fatal(d)
			}
		})
	}
}

// The format is the original system's: its reader must read what we write.
func TestFrame_JSON_value(t *testing.T) {
	f := rawOf(2, 1, 3)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rec, err := f.JSON(berlin)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cameraId":"gate-1","timestamp":"2026-11-22 11:11:12.123","rows":1,"cols":2,"type":16,"data":"AB8+XXyb"}`
	if string(rec.Value) != want {
		t.Errorf("got  %s\nwant %s", rec.Value, want)
	}
	if string(rec.Key) != "gate-1" || rec.Timestamp != 1795342272123 || rec.Headers != nil {
		t.Errorf("record %+v", rec)
	}
}

func TestFrame_JSON_errors(t *testing.T) {
	jpg := encoded(JPEG, jpg48, 48, 32)
	short := rawOf(2, 2, 3)
	short.Data = short.Data[1:]
	two := rawOf(2, 2, 2)
	for name, f := range map[string]Frame{
		"a JPEG":         jpg,
		"missing pixels": short,
		"two channels":   two,
	} {
		if _, err := f.JSON(nil); err == nil {
			t.Errorf("%s is written", name)
		}
	}
}

func TestParser_Parse_timestamps(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ name, zone, timestamp, want string }{
		{"as java.sql.Timestamp prints it", "UTC", `"2026-11-22 10:11:12.123"`, "2026-11-22T10:11:12.123Z"},
		{"with one digit of a fraction", "UTC", `"2026-11-22 10:11:12.0"`, "2026-11-22T10:11:12Z"},
		{"with nine digits of a fraction", "UTC", `"2026-11-22 10:11:12.123456789"`, "2026-11-22T10:11:12.123456789Z"},
		{"without a fraction", "UTC", `"2026-11-22 10:11:12"`, "2026-11-22T10:11:12Z"},
		{"in winter in Berlin", "Europe/Berlin", `"2026-11-22 10:11:12.123"`, "2026-11-22T09:11:12.123Z"},
		{"in summer in Berlin", "Europe/Berlin", `"2026-07-22 10:11:12.123"`, "2026-07-22T08:11:12.123Z"},
		{"in the default zone", "", `"2026-11-22 10:11:12.123"`, "2026-11-22T10:11:12.123Z"},
		{"as milliseconds", "Europe/Berlin", `1795342272123`, "2026-11-22T10:11:12.123Z"},
		{"as milliseconds in a string", "Europe/Berlin", `"1795342272123"`, "2026-11-22T10:11:12.123Z"},
		{"with its own zone", "Europe/Berlin", `"2026-11-22T10:11:12.123Z"`, "2026-11-22T10:11:12.123Z"},
		{"with its own offset", "UTC", `"2026-11-22T10:11:12.123+05:30"`, "2026-11-22T04:41:12.123Z"},
		{"with T and no zone", "Europe/Berlin", `"2026-11-22T10:11:12.5"`, "2026-11-22T09:11:12.5Z"},
		{"as Gson prints it in Java 8", "UTC", `"Nov 22, 2026 10:11:12 AM"`, "2026-11-22T10:11:12Z"},
		{"as Gson prints it in Java 9", "UTC", `"Nov 22, 2026, 10:11:12 AM"`, "2026-11-22T10:11:12Z"},
		{"as Gson prints it in Java 20", "UTC", `"Nov 22, 2026, 1:11:12` + "\u202f" + `PM"`, "2026-11-22T13:11:12Z"},
		{"as seconds", "Europe/Berlin", `1795342272`, "2026-11-22T10:11:12Z"},
		{"as seconds in a string", "UTC", `"1795342272"`, "2026-11-22T10:11:12Z"},
		{"as Python's time.time() writes them", "UTC", `1795342272.123457`, "2026-11-22T10:11:12.123457Z"},
		{"as more digits than nanoseconds", "UTC", `1795342272.12345678999`, "2026-11-22T10:11:12.123456789Z"},
		{"as milliseconds with a fraction", "UTC", `1795342272123.5`, "2026-11-22T10:11:12.1235Z"},
		{"as Java writes a double", "UTC", `1.795342272123E12`, "2026-11-22T10:11:12.123Z"},
		{"as Java writes a double of seconds", "UTC", `1.795342272123456E9`, "2026-11-22T10:11:12.123456Z"},
		{"as a number scaled down", "UTC", `17953422721235e-1`, "2026-11-22T10:11:12.1235Z"},
		{"as microseconds", "UTC", `1795342272123456`, "2026-11-22T10:11:12.123456Z"},
		{"as nanoseconds", "UTC", `1795342272123456789`, "2026-11-22T10:11:12.123456789Z"},
		{"as milliseconds of 1985", "UTC", `500000000000`, "1985-11-05T00:53:20Z"},
		{"as padded milliseconds", "UTC", `"+0001795342272123"`, "2026-11-22T10:11:12.123Z"},
		{"with an offset without colon", "UTC", `"2026-11-22T10:11:12+0200"`, "2026-11-22T08:11:12Z"},
		{"with an offset of hours", "UTC", `"2026-11-22 10:11:12.5-02"`, "2026-11-22T12:11:12.5Z"},
		{"with a space for T and an offset", "UTC", `"2026-11-22 10:11:12.123456+00:00"`, "2026-11-22T10:11:12.123456Z"},
		{"with a space for T and a Z", "Europe/Berlin", `"2026-11-22 10:11:12Z"`, "2026-11-22T10:11:12Z"},
		{"with a space before its offset", "UTC", `"2026-11-22 10:11:12 +0200"`, "2026-11-22T08:11:12Z"},
		{"with a space before its offset, and T", "UTC", `"2026-11-22T10:11:12.25 +02:00"`, "2026-11-22T08:11:12.25Z"},
		{"with UTC behind it", "Europe/Berlin", `"2026-11-22 10:11:12 UTC"`, "2026-11-22T10:11:12Z"},
		{"with GMT behind it", "Europe/Berlin", `"2026-11-22 10:11:12.5 GMT"`, "2026-11-22T10:11:12.5Z"},
		{"without separators", "Europe/Berlin", `"20261122T101112.5Z"`, "2026-11-22T10:11:12.5Z"},
		{"with a comma before the fraction", "UTC", `"2026-11-22 10:11:12,123"`, "2026-11-22T10:11:12.123Z"},
		{"with 1970 in so many words", "UTC", `"1970-01-01 00:00:01.5"`, "1970-01-01T00:00:01.5Z"},
		{"at midnight in twelve hours", "Europe/Berlin", `"Jan 2, 2026 12:00:00 AM"`, "2026-01-01T23:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := jsonOf(c.timestamp)
			f, err := newParser(t, ParseOptions{Zone: c.zone}).Parse(&rec)
			if err != nil {
				t.Fatal(err)
			}
			if !f.Captured.Equal(at(c.want)) || f.Captured.Location() != time.UTC {
				t.Errorf("got %s, want %s", f.Captured, c.want)
			}
		})
	}
}

func TestATimestampOfNoCertainMeaningIsRefusedAndTheFieldNamed(t *testing.T) {
	p := newParser(t, ParseOptions{})
	for _, timestamp := range []string{
		`0`, `1`, `12345`, `999999999`, `9999999999`, `31535999999`, `9999999999999`, `99999999999999`, `999999999999999`,
		`9999999999999999`, `99999999999999999`, `9999999999999999999`, `"12345"`, `0.5`, `1e3`, `1e99`, `1e-99`, `-1`, `-1795342272`,
		`1e999999999999`, `99999999999999999999999999999999999999999999999999999999999999999999`,
		`"2026-11-22 10:11:12 CET"`, `"2026-11-22 10:11:12 +2"`, `"2026-11-22 10:11:12+02:00 UTC"`, `"2026-11-22"`, `"11/22/2026 10:11:12"`,
		`"2026-11-22 24:00:00"`, `"2026-11-22 10:11:60"`, `"2026-11-22 10:11:12 America"`, `true`, `[1795342272]`, `"NaN"`, `"0x6b02f6c0"`, `"1_795_342_272"`,
	} {
		rec := jsonOf(timestamp)
		f, err := p.Parse(&rec)
		var poison *Poison
		if !errors.As(err, &poison) || poison.Reason != ReasonBadJSON || !strings.Contains(poison.Detail, "timestamp") {
			t.Errorf("%s: %v, %v", timestamp, f.Captured, err)
		}
	}
}

// Milliseconds are what numbers were before other units were read.
func TestNumbersInEveryUnitAreTheSameInstantAndNeverIn1970(t *testing.T) {
	p := newParser(t, ParseOptions{})
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(rapid.Int64Range(1e9, lastTime.Unix()-1).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
		for unit, text := range map[time.Duration]string{
			time.Second: strconv.FormatInt(want.Unix(), 10), time.Millisecond: strconv.FormatInt(want.UnixMilli(), 10),
			time.Microsecond: strconv.FormatInt(want.UnixMicro(), 10), time.Nanosecond: strconv.FormatInt(want.UnixNano(), 10),
		} {
			for _, spelt := range []string{text, `"` + text + `"`} {
				rec := jsonOf(spelt)
				f, err := p.Parse(&rec)
				if err != nil || !f.Captured.Equal(want.Truncate(unit)) {
					t.Fatalf("%s is %v (%v), want %v", spelt, f.Captured, err, want.Truncate(unit))
				}
			}
		}
		n := rapid.Int64().Draw(t, "any number")
		rec := jsonOf(strconv.FormatInt(n, 10))
		f, err := p.Parse(&rec)
		if err == nil && f.Captured.Year() < 1971 {
			t.Fatalf("%d is %v", n, f.Captured)
		}
		if ms := time.UnixMilli(n).UTC(); n > 0 && ms.Year() > 1970 && inTime(ms) && (err != nil || !f.Captured.Equal(ms)) {
			t.Fatalf("%d was %v, and is %v (%v)", n, ms, f.Captured, err)
		}
	})
}

// Whatever readObject accepts, encoding/json reads alike; whatever
// encoding/json refuses, readObject or decoding the member it left unseen does too.
func FuzzReadObject(f *testing.F) {
	for _, c := range parseCases() {
		if !isCloudEvent(&c.rec) && len(c.rec.Value) < 4096 {
			f.Add(c.rec.Value)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readObject(b, "data")
		if err != nil {
			return
		}
		data, isText := got["data"]
		isText = isText && data[0] == '"'
		if isText {
			if _, err := got.base64("data"); err != nil {
				return
			}
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("accepted, but: %v", err)
		}
		if len(want) != len(got) {
			t.Fatalf("%d members, want %d", len(got), len(want))
		}
		for k, raw := range want {
			if !bytes.Equal(raw, got[k]) {
				t.Fatalf("%q: %q, want %q", k, got[k], raw)
			}
		}
		if isText {
			var want []byte
			json.Unmarshal(data, &want)
			if got, _ := got.base64("data"); !bytes.Equal(got, want) {
				t.Fatalf("data %q, want %q", got, want)
			}
		}
	})
}

// BenchmarkParse_json compares the parser with encoding/json on a frame of
// 640 x 480 pixels, and with decoding its base64 alone.
func BenchmarkParse_json(b *testing.B) {
	f := rawOf(640, 480, 3)
	rec, err := f.JSON(nil)
	if err != nil {
		b.Fatal(err)
	}
	p := newParser(b, ParseOptions{})
	b.Run("this package", func(b *testing.B) {
		b.SetBytes(int64(len(rec.Value)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Parse(&rec); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(rec.Value)))
		b.ReportAllocs()
		for b.Loop() {
			var v struct {
				CameraID   string `json:"cameraId"`
				Timestamp  string `json:"timestamp"`
				Rows, Cols int
				Type       int
				Data       []byte
			}
			if err := json.Unmarshal(rec.Value, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("base64 alone", func(b *testing.B) {
		text := base64.StdEncoding.EncodeToString(f.Data)
		b.SetBytes(int64(len(rec.Value)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := base64.StdEncoding.DecodeString(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

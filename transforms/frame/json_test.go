package frame

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
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

// The wire is the original system's: its reader must read what we write.
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

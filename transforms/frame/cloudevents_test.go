package frame

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFrame_CloudEvent_isReadAsTheSameFrame(t *testing.T) {
	p := newParser(t, ParseOptions{})
	rapid.Check(t, func(t *rapid.T) {
		f := drawFrame(t)
		switch rapid.IntRange(0, 2).Draw(t, "encoding") {
		case 1:
			f.Encoding, f.Channels, f.Data = JPEG, 0, jpegOf(f.Width, f.Height)
		case 2:
			f.Encoding, f.Channels, f.Data = PNG, 0, pngOf(f.Width, f.Height)
		}
		rec := f.CloudEvent()
		if rec.Timestamp != f.Captured.UnixMilli() || rec.Offset != 0 {
			t.Fatalf("timestamp %d offset %d", rec.Timestamp, rec.Offset)
		}
		got, err := p.Parse(&rec)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(f, got); d != "" {
			t.Fatal(d)
		}
	})
}

// The format is a contract with readers and writers that are not ours.
func TestFrame_CloudEvent_headers(t *testing.T) {
	f := rawOf(5, 3, 3)
	rec := f.CloudEvent()
	got := map[string]string{}
	for _, h := range rec.Headers {
		got[h.Key] = string(h.Value)
	}
	want := map[string]string{
		"ce_specversion": "1.0",
		"ce_id":          "gate-1/e1/7",
		"ce_source":      "/cameras/gate-1",
		"ce_type":        "com.framebeam.frame.v1",
		"ce_time":        "2026-11-22T10:11:12.123456789Z",
		"ce_sequence":    "7",
		"ce_epoch":       "e1",
		"content-type":   "application/x-raw-bgr",
		"width":          "5",
		"height":         "3",
		"channels":       "3",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if string(rec.Key) != "gate-1" || rec.Timestamp != 1795342272123 {
		t.Errorf("key %q timestamp %d", rec.Key, rec.Timestamp)
	}
}

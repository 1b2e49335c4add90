package result_test

import (
	"bytes"
	"math"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/testdata/goldenfile"
	"github.com/framebeam/framebeam/transforms/result"
)

// samples hold one row of every kind.
func samples() []result.Frame {
	return []result.Frame{
		{
			Topic: "frames", Partition: 3, Offset: 100, Timestamp: 1700000000123, Camera: "gate-1", Epoch: "20231114T221320Z", Sequence: 7,
			Captured: 1700000000123456, Width: 640, Height: 480, Encoding: "image/jpeg", Bytes: 51234, Status: result.OK,
			Quality: &result.Quality{Brightness: 101.25, Contrast: 40.5, Sharpness: 812.0625},
			Detections: []result.Detection{
				{Analysis: "motion", Label: "motion", X: 10, Y: 20, Width: 30, Height: 40, Area: 811.5, Score: 1},
				{Analysis: "people", Label: "person", X: -3, Y: 0, Width: 64, Height: 128, Score: 0.75},
			},
			Events: []result.Event{{Analysis: "sequence", Type: "EpochStarted", Detail: `before it "a" ended at 12`}},
		},
		{
			Topic: "frames", Partition: 3, Offset: 101, Timestamp: 1700000000200, Sequence: -1, Bytes: 4,
			Status: result.Dead, Reason: "no_key", Detail: "the record has no key",
		},
		{
			Topic: "frames", Partition: 3, Offset: 104, Timestamp: 1700000000300, Camera: "gate-1", Epoch: "20231114T221320Z", Sequence: 7,
			Captured: 1700000000123456, Width: 640, Height: 480, Encoding: "image/jpeg", Bytes: 51234, Status: result.Repeat,
		},
		{
			Topic: "frames", Partition: 3, Offset: 105, Timestamp: -62135596800000, Camera: "Tür <2>", Epoch: "e 1\n2", Sequence: 1 << 40,
			Captured: -1, Width: 1, Height: 1, Encoding: "image/png", Bytes: 1 << 33, Status: result.OutOfOrder,
			Detail: "line one\nline two\t\"quoted\"",
		},
	}
}

func TestViewsAreAsTheyWere(t *testing.T) {
	var b bytes.Buffer
	if err := result.WriteJSONL(&b, samples()); err != nil {
		t.Fatal(err)
	}
	goldenfile.Equal(t, "samples.jsonl", b.String())
	b.Reset()
	if err := result.WriteText(&b, samples()); err != nil {
		t.Fatal(err)
	}
	goldenfile.Equal(t, "samples.txt", b.String())
	b.Reset()
	if err := result.WriteParquet(&b, samples(), map[string]string{"framebeam.lineage": "abc"}); err != nil {
		t.Fatal(err)
	}
	goldenfile.Equal(t, "samples.parquet", b.String())
}

func TestJSONHasNullForNumbersItCannotSay(t *testing.T) {
	var b bytes.Buffer
	err := result.WriteJSONL(&b, []result.Frame{{Quality: &result.Quality{Brightness: math.NaN(), Contrast: math.Inf(1)}}})
	if err != nil || !bytes.Contains(b.Bytes(), []byte(`"quality":{"brightness":null,"contrast":null,"sharpness":0}`)) {
		t.Errorf("got %s, %v", b.Bytes(), err)
	}
}

func drawFrame(t *rapid.T) result.Frame {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab+/ \"\x00ü\U0001f600")), 0, 12, -1)
	num := rapid.Float64Range(-1e6, 1e6)
	f := result.Frame{
		Topic: text.Draw(t, "topic"), Partition: rapid.Int32().Draw(t, "partition"), Offset: rapid.Int64().Draw(t, "offset"),
		Timestamp: rapid.Int64().Draw(t, "timestamp"), Camera: text.Draw(t, "camera"), Epoch: text.Draw(t, "epoch"),
		Sequence: rapid.Int64().Draw(t, "sequence"), Captured: rapid.Int64().Draw(t, "captured"),
		Width: rapid.Int32().Draw(t, "width"), Height: rapid.Int32().Draw(t, "height"), Encoding: text.Draw(t, "encoding"),
		Bytes: rapid.Int64().Draw(t, "bytes"), Status: result.Status(text.Draw(t, "status")),
		Reason: text.Draw(t, "reason"), Detail: text.Draw(t, "detail"),
	}
	if rapid.Bool().Draw(t, "quality") {
		f.Quality = &result.Quality{Brightness: num.Draw(t, "b"), Contrast: num.Draw(t, "c"), Sharpness: num.Draw(t, "s")}
	}
	for range rapid.IntRange(0, 3).Draw(t, "detections") {
		f.Detections = append(f.Detections, result.Detection{
			Analysis: text.Draw(t, "analysis"), Label: text.Draw(t, "label"),
			X: rapid.Int32().Draw(t, "x"), Y: rapid.Int32().Draw(t, "y"),
			Width: rapid.Int32().Draw(t, "w"), Height: rapid.Int32().Draw(t, "h"),
			Area: num.Draw(t, "area"), Score: num.Draw(t, "score"),
			Track: rapid.Int64().Draw(t, "track"), State: text.Draw(t, "state"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		f.Events = append(f.Events, result.Event{
			ID: text.Draw(t, "id"), Analysis: text.Draw(t, "a"), Type: text.Draw(t, "t"), Rule: text.Draw(t, "rule"),
			Transition: text.Draw(t, "transition"), Track: rapid.Int64().Draw(t, "track"), Label: text.Draw(t, "label"),
			Value: result.Number(num.Draw(t, "value")), Snapshot: rapid.Int64().Draw(t, "snapshot"), Detail: text.Draw(t, "d"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "features") {
		f.Features = append(f.Features, result.Feature{Analysis: text.Draw(t, "a"), Kind: text.Draw(t, "k"),
			Data: []byte(rapid.StringN(1, 9, -1).Draw(t, "data"))})
	}
	f.Config = text.Draw(t, "config")
	return f
}

func TestRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(drawFrame), 0, 8).Draw(t, "rows")
		for i := range rows {
			got, err := result.Unmarshal(rows[i].Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(rows[i], got); d != "" {
				t.Fatalf("Marshal and back:\n%s", d)
			}
		}
		meta := map[string]string{"framebeam.lineage": "l", "framebeam.b": "2", "framebeam.a": "1"}
		var a, b bytes.Buffer
		for _, w := range []*bytes.Buffer{&a, &b} {
			if err := result.WriteParquet(w, rows, meta); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatal("two writes of the same rows differ")
		}
		got, gotMeta, err := result.ReadParquet(bytes.NewReader(a.Bytes()), int64(a.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(rows, got); d != "" && len(rows)+len(got) > 0 {
			t.Fatalf("Parquet and back:\n%s", d)
		}
		if d := cmp.Diff(meta, gotMeta); d != "" {
			t.Fatalf("metadata:\n%s", d)
		}
	})
}

func TestBadTextIsReplacedBecauseParquetStringsAreUTF8(t *testing.T) {
	rows := []result.Frame{{Detail: "a\xff", Events: []result.Event{{Detail: "\xc3"}}}}
	var b bytes.Buffer
	if err := result.WriteParquet(&b, rows, nil); err != nil {
		t.Fatal(err)
	}
	got, _, err := result.ReadParquet(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.ValidString(got[0].Detail) || got[0].Detail != "a\uFFFD" || got[0].Events[0].Detail != "\uFFFD" {
		t.Errorf("got %+v", got)
	}
	if rows[0].Detail != "a\xff" || rows[0].Events[0].Detail != "\xc3" {
		t.Error("the caller's rows were changed")
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, r := range samples() {
		f.Add(r.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := result.Unmarshal(b)
		if err != nil {
			return
		}
		again, err := result.Unmarshal(got.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Marshal(), again.Marshal()) {
			t.Errorf("%+v became %+v", got, again)
		}
	})
}

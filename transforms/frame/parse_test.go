package frame

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/wire"
)

var captured = time.Date(2026, 11, 22, 10, 11, 12, 123456789, time.UTC)

// picture is an image with some detail, so that its scans are not trivial.
func picture(width, height int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.RGBA{uint8(x * 7), uint8(y * 11), uint8(x * y), 255})
		}
	}
	return m
}

func jpegOf(width, height int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(width, height), nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func pngOf(width, height int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, picture(width, height)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// rawOf is a raw frame of camera gate-1.
func rawOf(width, height, channels int) Frame {
	data := make([]byte, width*height*channels)
	for i := range data {
		data[i] = byte(i * 31)
	}
	return Frame{
		Camera: "gate-1", Epoch: "e1", Sequence: 7, Captured: captured,
		Width: width, Height: height, Channels: channels, Encoding: Raw, Data: data,
	}
}

func encoded(enc Encoding, data []byte, width, height int) Frame {
	return Frame{
		Camera: "gate-1", Epoch: "e1", Sequence: 7, Captured: captured,
		Width: width, Height: height, Encoding: enc, Data: data,
	}
}

// with is f's CloudEvent with headers changed: pairs of key and value, "-" to
// remove one.
func with(f Frame, pairs ...string) Record {
	rec := f.CloudEvent()
	for i := 0; i < len(pairs); i += 2 {
		var kept []Header
		for _, h := range rec.Headers {
			if h.Key != pairs[i] {
				kept = append(kept, h)
			}
		}
		if pairs[i+1] != "-" {
			kept = append(kept, Header{pairs[i], []byte(pairs[i+1])})
		}
		rec.Headers = kept
	}
	return rec
}

func jsonRecord(value string) Record { return Record{Key: []byte("gate-1"), Value: []byte(value)} }

// pixels12 is the base64 of 2 x 2 pixels of 3 channels.
var pixels12 = base64.StdEncoding.EncodeToString([]byte("abcdefghijkl"))

func jsonOf(timestamp string) Record {
	return jsonRecord(`{"cameraId":"gate-1","timestamp":` + timestamp + `,"rows":2,"cols":2,"type":16,"data":"` + pixels12 + `"}`)
}

var jpg48, png48 = jpegOf(48, 32), pngOf(48, 32)

type parseCase struct {
	name   string
	rec    Record
	reason Reason // "" means that it parses
}

func parseCases() []parseCase {
	j := encoded(JPEG, jpg48, 48, 32)
	p := encoded(PNG, png48, 48, 32)
	r := rawOf(5, 3, 3)
	good := `{"cameraId":"gate-1","timestamp":"2026-11-22 10:11:12.123","rows":2,"cols":2,"type":16,"data":"` + pixels12 + `"}`
	swap := func(old, new string) Record {
		if !strings.Contains(good, old) {
			panic(old)
		}
		return jsonRecord(strings.Replace(good, old, new, 1))
	}
	key := func(rec Record, key string) Record {
		rec.Key = []byte(key)
		return rec
	}
	value := func(rec Record, value []byte) Record {
		rec.Value = value
		return rec
	}
	return []parseCase{
		{"a JPEG", j.CloudEvent(), ""},
		{"a PNG", p.CloudEvent(), ""},
		{"raw colour", r.CloudEvent(), ""},
		{"raw gray", func() Record { f := rawOf(5, 3, 1); return f.CloudEvent() }(), ""},
		{"unknown headers are passed over", with(j, "traceparent", "00-1-2-01", "ce_subject", "x"), ""},
		{"a capture time with another zone", with(j, "ce_time", "2026-11-22T11:11:12.123456789+01:00"), ""},

		{"no key", key(j.CloudEvent(), ""), ReasonNoKey},
		{"no key and nothing else", Record{}, ReasonNoKey},
		{"a key that leaves the folder", key(j.CloudEvent(), "../x"), ReasonBadKey},
		{"a key of dots", key(j.CloudEvent(), ".."), ReasonBadKey},
		{"a key that is too long", key(j.CloudEvent(), strings.Repeat("k", 129)), ReasonBadKey},
		{"a key that is not text", key(j.CloudEvent(), "\xff\x00"), ReasonBadKey},
		{"a null value", value(j.CloudEvent(), nil), ReasonEmpty},
		{"an empty value", value(j.CloudEvent(), []byte{}), ReasonEmpty},

		{"no CloudEvents version", with(j, "ce_specversion", "-"), ReasonBadHeader},
		{"another CloudEvents version", with(j, "ce_specversion", "2.0"), ReasonBadVersion},
		{"another event type", with(j, "ce_type", "com.framebeam.frame.v2"), ReasonBadVersion},
		{"structured mode", Record{Key: []byte("gate-1"), Headers: []Header{{"content-type", []byte("application/cloudevents+json")}}, Value: []byte("{}")}, ReasonBadVersion},
		{"no event type", with(j, "ce_type", "-"), ReasonBadHeader},
		{"no source", with(j, "ce_source", "-"), ReasonBadHeader},
		{"no id", with(j, "ce_id", "-"), ReasonBadHeader},
		{"no epoch", with(j, "ce_epoch", "-"), ReasonBadHeader},
		{"no sequence", with(j, "ce_sequence", "-"), ReasonBadHeader},
		{"no time", with(j, "ce_time", "-"), ReasonBadHeader},
		{"no width", with(j, "width", "-"), ReasonBadHeader},
		{"no height", with(j, "height", "-"), ReasonBadHeader},
		{"no content type", with(j, "content-type", "-"), ReasonBadHeader},
		{"an unknown content type", with(j, "content-type", "image/gif"), ReasonBadHeader},
		{"raw without channels", with(r, "channels", "-"), ReasonBadHeader},
		{"an id of another camera", with(j, "ce_id", "gate-2/e1/7"), ReasonCamera},
		{"a key of another camera", key(j.CloudEvent(), "gate-2"), ReasonCamera},
		{"an id of another epoch", with(j, "ce_id", "gate-1/e2/7"), ReasonBadHeader},
		{"an id of another sequence", with(j, "ce_id", "gate-1/e1/8"), ReasonBadHeader},
		{"an id without parts", with(j, "ce_id", "gate-1"), ReasonBadHeader},
		{"an epoch that is no token", with(j, "ce_epoch", "a/b", "ce_id", "gate-1/a/b/7"), ReasonBadHeader},
		{"an epoch that is too long", with(j, "ce_epoch", strings.Repeat("e", 129)), ReasonBadHeader},
		{"a negative sequence", with(j, "ce_sequence", "-1", "ce_id", "gate-1/e1/-1"), ReasonBadHeader},
		{"a sequence with leading zeros", with(j, "ce_sequence", "07"), ReasonBadHeader},
		{"a sequence beyond 64 bits", with(j, "ce_sequence", "9223372036854775808"), ReasonBadHeader},
		{"a sequence with none after it", with(j, "ce_sequence", "9223372036854775807", "ce_id", "gate-1/e1/9223372036854775807"), ReasonBadHeader},
		{"the highest sequence", with(j, "ce_sequence", "9223372036854775806", "ce_id", "gate-1/e1/9223372036854775806"), ""},
		{"a time that is none", with(j, "ce_time", "yesterday"), ReasonBadHeader},
		{"a time before 1970", with(j, "ce_time", "1969-12-31T23:59:59Z"), ReasonBadHeader},
		{"a time that nanoseconds cannot hold", with(j, "ce_time", "2500-01-01T00:00:00Z"), ReasonBadHeader},
		{"a width of zero", with(j, "width", "0"), ReasonBadHeader},
		{"a width that is huge", with(j, "width", strings.Repeat("9", 5000)), ReasonBadHeader},

		{"a JPEG that is called PNG", with(j, "content-type", "image/png"), ReasonBadHeader},
		{"a width that is not the JPEG's", with(j, "width", "49"), ReasonBadSize},
		{"a height that is not the PNG's", with(p, "height", "31"), ReasonBadSize},
		{"text instead of an image", value(j.CloudEvent(), []byte("hello")), ReasonNotImage},
		{"half a JPEG", value(j.CloudEvent(), jpg48[:len(jpg48)/2]), ReasonTruncated},
		{"half a PNG", value(p.CloudEvent(), png48[:len(png48)/2]), ReasonTruncated},
		{"a JPEG whose header says 30,000 x 30,000", value(with(j, "width", "30000", "height", "30000"), hugeJPEG()), ReasonTooLarge},
		{"a PNG whose header says 30,000 x 30,000", value(with(p, "width", "30000", "height", "30000"), hugePNG()), ReasonTooLarge},
		{"a raw frame that says 30,000 x 30,000", with(r, "width", "30000", "height", "30000"), ReasonTooLarge},
		{"a raw frame of one byte too few", value(r.CloudEvent(), r.Data[1:]), ReasonBadSize},
		{"a raw frame of other size", with(r, "width", "6"), ReasonBadSize},
		{"a raw frame of two channels", with(r, "channels", "2"), ReasonBadSize},
		{"a raw frame of four channels", with(r, "channels", "4"), ReasonBadHeader},

		{"the JSON wire", jsonRecord(good), ""},
		{"the JSON wire, gray", swap(`"rows":2,"cols":2,"type":16`, `"rows":4,"cols":3,"type":0`), ""},
		{"members in another order, with space", jsonRecord("\n{ \"data\" : \"" + pixels12 + "\" , \"type\":16,\"rows\":2,\t\"cols\":2, \"timestamp\":1795342272123, \"cameraId\":\"gate-1\" }\r\n"), ""},
		{"unknown members", swap(`"rows"`, `"extra":[{"a":"}\""},null,1e9],"x":"\\","rows"`), ""},
		{"escaped names and values", swap(`"cameraId":"gate-1"`, `"\u0063ameraId":"g\u0061te-1"`), ""},
		{"padding as Gson escapes it", swap(`"rows":2,"cols":2,"type":16,"data":"`+pixels12+`"`, `"rows":1,"cols":1,"type":0,"data":"QQ\u003d\u003d"`), ""},
		{"padding as it is", swap(`"rows":2,"cols":2,"type":16,"data":"`+pixels12+`"`, `"rows":1,"cols":1,"type":0,"data":"QQ=="`), ""},

		{"a key with a space", key(swap(`"gate-1"`, `"Front Door"`), "Front Door"), ""},
		{"a key with an umlaut", key(swap(`"gate-1"`, `"T\u00fcr"`), "Tür"), ""},
		{"a key that looks like a path", key(swap(`"gate-1"`, `"../x"`), "../x"), ""},
		{"a camera id without a key", key(swap(`"gate-1"`, `"Front Door"`), ""), ""},
		{"a key without a camera id", swap(`"cameraId":"gate-1"`, `"cameraId":null`), ""},
		{"a key and an empty camera id", swap(`"cameraId":"gate-1"`, `"cameraId":""`), ""},
		{"neither key nor camera id", key(swap(`"cameraId":"gate-1",`, ``), ""), ""},
		{"no key and no frame", key(jsonRecord(`{"cameraId":"gate-1"}`), ""), ReasonNoKey},
		{"no key and a camera id that is a number", key(swap(`"gate-1"`, `1`), ""), ReasonNoKey},
		{"a key that is too long when it is mapped", key(swap(`"gate-1"`, `"x"`), strings.Repeat("ü", 21)), ReasonBadKey},
		{"an illegal key and no JSON", key(jsonRecord("hello"), "Front Door"), ReasonBadKey},
		{"an illegal key of another camera", key(swap(`"gate-1"`, `"Back Door"`), "Front Door"), ReasonCamera},

		{"another camera", swap(`"cameraId":"gate-1"`, `"cameraId":"gate-2"`), ReasonCamera},
		{"no JSON", jsonRecord("hello"), ReasonBadJSON},
		{"a JPEG without headers", Record{Key: []byte("gate-1"), Value: jpg48}, ReasonBadJSON},
		{"a JSON array", jsonRecord("[]"), ReasonBadJSON},
		{"an empty object", jsonRecord("{}"), ReasonBadJSON},
		{"no end", jsonRecord(good[:len(good)-1]), ReasonBadJSON},
		{"a string that does not end", jsonRecord(good[:len(good)-2]), ReasonBadJSON},
		{"a comma at the end", jsonRecord(good[:len(good)-1] + ",}"), ReasonBadJSON},
		{"a comma at the begin", jsonRecord("{," + good[1:]), ReasonBadJSON},
		{"something after the end", jsonRecord(good + "x"), ReasonBadJSON},
		{"a second object", jsonRecord(good + good), ReasonBadJSON},
		{"a member that is there twice", swap(`"rows":2`, `"rows":2,"rows":2`), ReasonBadJSON},
		{"a member that is there twice, once escaped", swap(`"rows":2`, `"rows":2,"\u0072ows":2`), ReasonBadJSON},
		{"too many members", jsonRecord("{" + manyMembers() + good[1:]), ReasonBadJSON},
		{"no data", swap(`,"data":"`+pixels12+`"`, ``), ReasonBadJSON},
		{"no rows", swap(`"rows":2,`, ``), ReasonBadJSON},
		{"rows is null", swap(`"rows":2`, `"rows":null`), ReasonBadJSON},
		{"rows is a string", swap(`"rows":2`, `"rows":"2"`), ReasonBadJSON},
		{"rows is a fraction", swap(`"rows":2`, `"rows":2.0`), ReasonBadJSON},
		{"rows is followed by letters", swap(`"rows":2`, `"rows":2x`), ReasonBadJSON},
		{"rows has a leading zero", swap(`"rows":2`, `"rows":02`), ReasonBadJSON},
		{"rows has an exponent", swap(`"rows":2`, `"rows":1e99999`), ReasonBadJSON},
		{"rows is huge", swap(`"rows":2`, `"rows":`+strings.Repeat("9", 3000)), ReasonBadJSON},
		{"rows is negative", swap(`"rows":2`, `"rows":-2`), ReasonBadSize},
		{"rows is zero", swap(`"rows":2`, `"rows":0`), ReasonBadSize},
		{"more rows than data", swap(`"rows":2`, `"rows":3`), ReasonBadSize},
		{"more data than rows", swap(`"rows":2`, `"rows":1`), ReasonBadSize},
		{"rows and columns of 30,000", swap(`"rows":2,"cols":2`, `"rows":30000,"cols":30000`), ReasonTooLarge},
		{"an unknown type", swap(`"type":16`, `"type":21`), ReasonBadSize},
		{"cameraId is a number", swap(`"cameraId":"gate-1"`, `"cameraId":1`), ReasonBadJSON},
		{"data is a number", swap(`"`+pixels12+`"`, `12`), ReasonBadJSON},
		{"data is null", swap(`"`+pixels12+`"`, `null`), ReasonBadJSON},
		{"data is not base64", swap(pixels12, "!"+pixels12[1:]), ReasonBadJSON},
		{"data lacks its padding", swap(`"rows":2,"cols":2,"type":16,"data":"`+pixels12+`"`, `"rows":1,"cols":1,"type":0,"data":"QQ"`), ReasonBadJSON},
		{"data has a line break", swap(pixels12, pixels12[:4]+"\n"+pixels12[4:]), ReasonBadJSON},
		{"data has an escaped line break", swap(pixels12, pixels12[:4]+`\n`+pixels12[4:]), ReasonBadJSON},
		{"data has an unknown escape", swap(pixels12, pixels12[:4]+`\q`+pixels12[4:]), ReasonBadJSON},
		{"a control character in a string", swap(`"rows"`, "\"a\":\"\x01\",\"rows\""), ReasonBadJSON},
		{"a control character in a name", swap(`"rows"`, "\"a\x01\":1,\"rows\""), ReasonBadJSON},
		{"a nest without end", jsonRecord(`{"a":` + strings.Repeat("[", 100_000)), ReasonBadJSON},
		{"a time that is none", jsonOf(`"yesterday"`), ReasonBadJSON},
		{"a time that is an object", jsonOf(`{}`), ReasonBadJSON},
		{"a time that is empty", jsonOf(`""`), ReasonBadJSON},
		{"a time before 1970", jsonOf(`-1`), ReasonBadJSON},
		{"a time that nanoseconds cannot hold", jsonOf(`99999999999999999`), ReasonBadJSON},
		{"a time on February 30", jsonOf(`"2026-02-30 10:11:12"`), ReasonBadJSON},
	}
}

func manyMembers() string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	return b.String()
}

// hugeJPEG is a whole JPEG whose header claims 30,000 x 30,000 pixels.
func hugeJPEG() []byte {
	b := bytes.Clone(jpg48)
	i := bytes.Index(b, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(b[i+5:], 30000)
	binary.BigEndian.PutUint16(b[i+7:], 30000)
	return b
}

// hugePNG is no more than a header that claims 30,000 x 30,000 pixels.
func hugePNG() []byte {
	b := bytes.Clone(png48[:33])
	binary.BigEndian.PutUint32(b[16:], 30000)
	binary.BigEndian.PutUint32(b[20:], 30000)
	return b
}

func newParser(t testing.TB, o ParseOptions) *Parser {
	t.Helper()
	p, err := NewParser(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParser_Parse(t *testing.T) {
	p := newParser(t, ParseOptions{})
	for _, c := range parseCases() {
		t.Run(c.name, func(t *testing.T) {
			f, err := p.Parse(&c.rec)
			checkParsed(t, &c.rec, f, err, p.limits)
			var poison *Poison
			errors.As(err, &poison)
			switch {
			case c.reason == "" && err != nil:
				t.Fatalf("got %v, want a frame", err)
			case c.reason != "" && err == nil:
				t.Fatalf("got a frame, want %s", c.reason)
			case c.reason != "" && poison.Reason != c.reason:
				t.Fatalf("got %v, want %s", err, c.reason)
			}
		})
	}
}

// checkParsed checks what is true of every answer of Parse.
func checkParsed(t testing.TB, rec *Record, f Frame, err error, l limits) {
	t.Helper()
	if err != nil {
		var p *Poison
		if !errors.As(err, &p) {
			t.Fatalf("the error is a %T", err)
		}
		if len(p.Detail) > maxDetail || !utf8.ValidString(p.Detail) || p.Detail == "" || p.Reason == "" {
			t.Fatalf("poison %q %q", p.Reason, p.Detail)
		}
		if !cmp.Equal(f, Frame{}) {
			t.Fatalf("a frame besides the error %v: %+v", err, f)
		}
		return
	}
	if f.Camera != rec.Camera() || !ValidCamera(f.Camera) {
		t.Fatalf("camera %q of key %q", f.Camera, rec.Key)
	}
	if f.Width < 1 || f.Height < 1 || f.Width > l.side || f.Height > l.side || int64(f.Width*f.Height) > l.pixels {
		t.Fatalf("a frame of %d x %d pixels", f.Width, f.Height)
	}
	if f.Captured.Location() != time.UTC || !time.Unix(0, f.Captured.UnixNano()).Equal(f.Captured) {
		t.Fatalf("captured %v", f.Captured)
	}
	switch f.Encoding {
	case Raw:
		if len(f.Data) != f.Width*f.Height*f.Channels {
			t.Fatalf("%d bytes for %d x %d x %d", len(f.Data), f.Width, f.Height, f.Channels)
		}
	default:
		enc, width, height, err := CheckImage(f.Data)
		if err != nil || enc != f.Encoding || width != f.Width || height != f.Height || f.Channels != 0 {
			t.Fatalf("CheckImage gives %s %d x %d %v for %s %d x %d", enc, width, height, err, f.Encoding, f.Width, f.Height)
		}
	}
	if f.Sequence == -1 {
		if f.Epoch != "" {
			t.Fatalf("epoch %q without sequence", f.Epoch)
		}
	} else if f.Sequence < -1 || !ValidEpoch(f.Epoch) {
		t.Fatalf("epoch %q sequence %d", f.Epoch, f.Sequence)
	}
}

func TestParser_Parse_withOtherLimits(t *testing.T) {
	f := encoded(JPEG, jpg48, 48, 32)
	rec := f.CloudEvent()
	for _, c := range []struct {
		name   string
		o      ParseOptions
		reason Reason
	}{
		{"just enough pixels", ParseOptions{MaxPixels: 48 * 32, MaxSide: 48}, ""},
		{"one pixel too many", ParseOptions{MaxPixels: 48*32 - 1}, ReasonTooLarge},
		{"a side too long by one", ParseOptions{MaxSide: 47}, ReasonTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newParser(t, c.o).Parse(&rec)
			var p *Poison
			if errors.As(err, &p) != (c.reason != "") || p != nil && p.Reason != c.reason {
				t.Fatalf("got %v, want %q", err, c.reason)
			}
		})
	}
}

func TestParseOptions_Validate(t *testing.T) {
	if err := (ParseOptions{Zone: "Europe/Berlin", MaxPixels: 1, MaxSide: 1}).Validate(); err != nil {
		t.Error(err)
	}
	err := (ParseOptions{Zone: "Local", MaxPixels: -1, MaxSide: 1 << 30}).Validate()
	for _, want := range []string{"Local", "max pixels", "max side"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not speak of %s", err, want)
		}
	}
	if _, err := NewParser(ParseOptions{Zone: "Middle-earth/Shire"}); err == nil {
		t.Error("an unknown zone is accepted")
	}
}

// addSeed leaves out what would slow the fuzzer down to a crawl.
func addSeed(f *testing.F, rec *Record) {
	if len(rec.Value) < 4096 {
		f.Add(rec.Append(nil))
	}
}

// FuzzParse feeds records as [ReadRecord] reads them. Whatever the input: no
// panic, a frame fulfils what Parse promises or the error is a Poison that fits
// into a result, the input is not changed, and parsing again gives the same.
// A CloudEvent that parsed is the same frame again when it is written and read.
// Fuzz with -fuzzminimizetime=10x: Go's maps make coverage vary, on which the
// minimizer loses its time.
func FuzzParse(f *testing.F) {
	for _, c := range parseCases() {
		addSeed(f, &c.rec)
	}
	p := newParser(f, ParseOptions{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := wire.NewReader(b)
		rec := ReadRecord(r)
		if r.Err() != nil {
			return
		}
		before := bytes.Clone(b)
		got, err := p.Parse(&rec)
		checkParsed(t, &rec, got, err, p.limits)
		if !bytes.Equal(b, before) {
			t.Fatal("parsing changed the record")
		}
		again, err2 := p.Parse(&rec)
		if !cmp.Equal(got, again) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Fatalf("parsing twice differs: %v, %v", err, err2)
		}
		if err == nil && got.Sequence >= 0 {
			out := got.CloudEvent()
			back, err := p.Parse(&out)
			if err != nil || !cmp.Equal(got, back) {
				t.Fatalf("written and read again: %v\n%s", err, cmp.Diff(got, back))
			}
		}
	})
}

// drawFrame draws a raw frame that both formats can hold.
func drawFrame(t *rapid.T) Frame {
	f := Frame{
		Camera:   rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}`).Draw(t, "camera"),
		Epoch:    rapid.StringMatching(`[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}`).Draw(t, "epoch"),
		Sequence: rapid.Int64Range(0, math.MaxInt64-1).Draw(t, "sequence"),
		Captured: time.Unix(0, rapid.Int64Range(0, lastTime.UnixNano()-1).Draw(t, "captured")).UTC(),
		Width:    rapid.IntRange(1, 9).Draw(t, "width"),
		Height:   rapid.IntRange(1, 9).Draw(t, "height"),
		Channels: rapid.SampledFrom([]int{1, 3}).Draw(t, "channels"),
		Encoding: Raw,
	}
	n := f.Width * f.Height * f.Channels
	f.Data = rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "data")
	return f
}

package result

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"
)

func file(t testing.TB) []byte {
	var rows []Frame
	for i := range int64(50) {
		rows = append(rows, Frame{
			Topic: "frames", Offset: i, Timestamp: 1700000000000 + i, Camera: "gate", Epoch: "e", Sequence: i, Captured: 1700000000000000 + i, Status: OK,
			Detections: []Detection{{Analysis: "motion", Label: "motion", X: int32(i), Width: 3, Height: 4}},
		})
	}
	var b bytes.Buffer
	if err := WriteParquet(&b, rows, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readBytes(b []byte) error {
	_, _, err := ReadParquet(bytes.NewReader(b), int64(len(b)))
	return err
}

// allocated is how many bytes reading takes, and what is work besides.
func allocated(b []byte) (bytes uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = readBytes(b)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

// The pages' headers of a whole file, taken apart.
func headers(t testing.TB, b []byte) (at []int, of []format.PageHeader) {
	_, meta, _, err := openParquet(bytes.NewReader(b), int64(len(b)))
	if err != nil || meta == nil {
		t.Fatal(err)
	}
	f, _, _, err := openParquet(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Metadata().RowGroups[0].Columns {
		begin := c.MetaData.DataPageOffset
		if d := c.MetaData.DictionaryPageOffset; d != 0 {
			begin = d
		}
		for pos := begin; pos < begin+c.MetaData.TotalCompressedSize; {
			n, err := structLength(b[pos:])
			if err != nil {
				t.Fatal(err)
			}
			var h format.PageHeader
			if err := thrift.Unmarshal(new(thrift.CompactProtocol), b[pos:pos+int64(n)], &h); err != nil {
				t.Fatal(err)
			}
			at, of = append(at, int(pos)), append(of, h)
			pos += int64(n) + int64(h.CompressedPageSize)
		}
	}
	return at, of
}

func TestAPageHeaderThatClaimsMoreThanThereIsIsRefusedAtOnce(t *testing.T) {
	whole := file(t)
	at, of := headers(t, whole)
	if len(at) < 20 {
		t.Fatalf("only %d pages", len(at))
	}
	const most = 1<<31 - 1
	for i, h := range of {
		next := at[i]
		for name, damage := range map[string]func(*format.PageHeader){
			"unpacked size": func(h *format.PageHeader) { h.UncompressedPageSize = most },
			"packed size":   func(h *format.PageHeader) { h.CompressedPageSize = most },
			"negative size": func(h *format.PageHeader) { h.CompressedPageSize = -1 },
			"values": func(h *format.PageHeader) {
				h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues = most, most
			},
			"nulls": func(h *format.PageHeader) {
				h.DataPageHeaderV2.V.NumNulls, h.DictionaryPageHeader.V.NumValues = most, -1
			},
			"levels": func(h *format.PageHeader) {
				h.DataPageHeaderV2.V.RepetitionLevelsByteLength, h.DictionaryPageHeader.V.NumValues = most, most
			},
			"a kind of page": func(h *format.PageHeader) { h.Type = 17 },
		} {
			h := h
			damage(&h)
			b, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) > len(whole)-next {
				continue
			}
			damaged := bytes.Clone(whole) // where a page is longer, others go on behind it
			copy(damaged[next:], b)
			if n, err := allocated(damaged); err == nil || n > 32<<20 {
				t.Errorf("page %d, %s: %d bytes allocated, %v", i, name, n, err)
			}
		}
	}
	// A list without end among the fields that a header may have.
	list := append([]byte{0x19, 0xf8}, binary.AppendUvarint(nil, most)...) // a list of byte strings
	for _, pos := range at {
		damaged := bytes.Clone(whole)
		copy(damaged[pos:], list)
		if n, err := allocated(damaged); err == nil || n > 32<<20 {
			t.Errorf("a list without end at %d: %d bytes allocated, %v", pos, n, err)
		}
	}
}

func TestNothingInTheCompactProtocolIsBelievedThatTheBytesDoNotHold(t *testing.T) {
	for name, b := range map[string][]byte{
		"a string":                {0x18, 0xff, 0xff, 0xff, 0xff, 0x07, 'a'},
		"a list":                  {0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07},
		"a list of truth values":  {0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07},
		"a map":                   {0x1b, 0xff, 0xff, 0xff, 0xff, 0x07, 0x88},
		"a number":                {0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"lists in lists in lists": []byte(strings.Repeat("\x19", 100_000)),
		"structs in structs":      []byte(strings.Repeat("\x1c", 100_000)),
		"no end":                  {0x15, 0x00},
		"no type":                 {0x1e, 0x00},
		"nothing":                 {},
	} {
		if _, err := structLength(b); err == nil {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}

// However a few bytes of a file are damaged, reading it is an error or takes about what
// the whole one takes.
func TestADamagedFileIsNoMoreWorkThanAWholeOne(t *testing.T) {
	whole := file(t)
	at, _ := headers(t, whole)
	for range 3 { // pools and caches
		if err := readBytes(whole); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(whole)
		for range rapid.IntRange(1, 3).Draw(t, "damages") {
			// In a header, in the footer, or anywhere.
			pos := rapid.OneOf(
				rapid.Custom(func(t *rapid.T) int {
					return rapid.SampledFrom(at).Draw(t, "header") + rapid.IntRange(0, 30).Draw(t, "in it")
				}),
				rapid.IntRange(len(b)*2/3, len(b)-1), rapid.IntRange(0, len(b)-1)).Draw(t, "at")
			b[min(pos, len(b)-1)] = rapid.OneOf(rapid.SampledFrom([]byte{0, 0x7f, 0x80, 0xf8, 0xf9, 0xfc, 0xff}), rapid.Byte()).Draw(t, "byte")
		}
		if n, err := allocated(b); n > 64<<20 {
			t.Fatalf("%d bytes allocated for a file of %d (%v)", n, len(b), err)
		}
	})
}

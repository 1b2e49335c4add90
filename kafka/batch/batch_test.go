package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/frame"
)

// codecs are kafka-go's names of them.
var codecs = []compress.Compression{compress.None, compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd}

func drawBytes(t *rapid.T, label string) []byte {
	switch rapid.IntRange(0, 4).Draw(t, label) {
	case 0:
		return nil
	case 1:
		return bytes.Repeat([]byte{'x'}, rapid.IntRange(0, 1000).Draw(t, "repeated"))
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")
}

func drawRecords(t *rapid.T, headers bool) (recs []frame.Record) {
	for i := range rapid.IntRange(1, 20).Draw(t, "records") {
		r := frame.Record{
			Offset: int64(i), Timestamp: rapid.Int64Range(1, 1<<42).Draw(t, "timestamp"),
			Key: drawBytes(t, "key"), Value: drawBytes(t, "value"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			if headers {
				r.Headers = append(r.Headers, frame.Header{Key: rapid.String().Draw(t, "header"), Value: drawBytes(t, "header value")})
			}
		}
		recs = append(recs, r)
	}
	return recs
}

// written is how kafka-go writes records, at offsets from 0 on.
func written(t interface{ Fatal(...any) }, version int8, codec compress.Compression, recs []frame.Record) []byte {
	var out []kafka.Record
	for _, r := range recs {
		k := kafka.Record{Time: time.UnixMilli(r.Timestamp), Key: kafka.NewBytes(r.Key), Value: kafka.NewBytes(r.Value)}
		for _, h := range r.Headers {
			k.Headers = append(k.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		out = append(out, k)
	}
	set := protocol.RecordSet{Version: version, Attributes: protocol.Attributes(codec), Records: protocol.NewRecordReader(out...)}
	var b bytes.Buffer
	if _, err := set.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[4:] // behind the length
}

// read reads all batches in b.
func read(b []byte, limit int) (recs []frame.Record, err error) {
	for len(b) > 0 {
		batch, n, err := Split(b)
		if err != nil {
			return recs, err
		}
		if n == 0 {
			return recs, io.ErrUnexpectedEOF
		}
		b = b[n:]
		r, poison := batch.Open(limit)
		if poison != nil {
			return recs, poison
		}
		for rec := (frame.Record{}); r.Next(&rec); {
			if rec.Offset < batch.Base || rec.Offset > batch.Last {
				return recs, fmt.Errorf("offset %d in a batch from %d to %d", rec.Offset, batch.Base, batch.Last)
			}
			recs = append(recs, rec)
		}
	}
	return recs, nil
}

func TestRecordsAreReadAsKafkaGoWritesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom([]int8{1, 2}).Draw(t, "version")
		codec := rapid.SampledFrom(codecs).Draw(t, "codec")
		want := drawRecords(t, version == 2)
		b := written(t, version, codec, want)
		if version == 1 && codec != compress.None {
			// A broker gives the wrapper the offset of its last message.
			binary.BigEndian.PutUint64(b, uint64(len(want)-1))
		}
		got, err := read(b, MaxInflated)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}

// deflaters are what producers do, and what inflates as much as its codec allows.
var deflaters = []struct {
	name    string
	codec   codec
	deflate func(plain []byte) []byte
}{
	{"gzip", gzipped, deflateGzip},
	{"snappy in blocks", snappied, func(p []byte) []byte { return xerial.Encode(nil, p) }},
	{"snappy", snappied, func(p []byte) []byte { return s2.EncodeSnappy(nil, p) }},
	{"lz4", lz4ed, deflateLZ4},
	{"zstd", zstded, func(p []byte) []byte {
		w, _ := zstd.NewWriter(nil)
		return w.EncodeAll(p, nil)
	}},
	{"zstd that does not say how much it is", zstded, func(p []byte) []byte {
		var b bytes.Buffer
		w, _ := zstd.NewWriter(&b, zstd.WithWindowSize(1<<19))
		w.Write(p)
		w.Close()
		return b.Bytes()
	}},
}

func deflateGzip(p []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(p)
	w.Close()
	return b.Bytes()
}

func deflateLZ4(p []byte) []byte {
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	w.Write(p)
	w.Close()
	return b.Bytes()
}

// seal makes a batch of version 2 around what is compressed.
func seal(c codec, base int64, count int, body []byte, attributes uint16) []byte {
	b := make([]byte, HeaderSize, HeaderSize+len(body))
	b = append(b, body...)
	binary.BigEndian.PutUint64(b, uint64(base))
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-framing))
	binary.BigEndian.PutUint32(b[12:], 7)
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], uint16(c)|attributes)
	binary.BigEndian.PutUint32(b[23:], uint32(count-1))
	binary.BigEndian.PutUint64(b[27:], 1000)
	binary.BigEndian.PutUint64(b[35:], 5000)
	binary.BigEndian.PutUint32(b[57:], uint32(count))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[checked2:], castagnoli))
	return b
}

// encode is one record of a batch of version 2.
func encode(delta, timestamp int64, key, value []byte) []byte {
	b := []byte{0}
	b = binary.AppendVarint(b, timestamp)
	b = binary.AppendVarint(b, delta)
	b = append(binary.AppendVarint(b, int64(len(key))), key...)
	b = append(binary.AppendVarint(b, int64(len(value))), value...)
	b = append(b, 0)
	return append(binary.AppendVarint(nil, int64(len(b))), b...)
}

func TestABatchThatInflatesBeyondTheBoundIsRefusedInLittleMemory(t *testing.T) {
	const limit = 1 << 20
	for _, d := range deflaters {
		t.Run(d.name, func(t *testing.T) {
			for _, n := range []int{limit, limit + 1, 20 * limit} {
				value := make([]byte, n-20)
				body := encode(0, 0, []byte("k"), value)
				body = append(body, make([]byte, max(0, n-len(body)))...) // to the byte
				if n == limit {
					body = encode(0, 0, []byte("k"), value)
				}
				b, _, err := Split(seal(d.codec, 3, 1, d.deflate(body), 0))
				if err != nil {
					t.Fatal(err)
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, poison := b.Open(limit)
				runtime.ReadMemStats(&after)
				if n == limit {
					if poison != nil {
						t.Fatal(poison)
					}
					continue
				}
				if poison == nil || poison.Reason != frame.ReasonBatchTooLarge || poison.Detail != "its batch inflates to more than 1048576 bytes" {
					t.Errorf("%d bytes: %v", n, poison)
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > 10*limit {
					t.Errorf("%d bytes: took %d", n, took)
				}
			}
		})
	}
}

func TestABatchThatIsNoRecordsIsCorruptAsAWhole(t *testing.T) {
	one, two := encode(0, 1, []byte("a"), []byte("1")), encode(1, 2, []byte("b"), []byte("2"))
	for name, b := range map[string][]byte{
		"gzip that is none":          seal(gzipped, 0, 2, []byte("nothing of the kind"), 0),
		"gzip that ends early":       seal(gzipped, 0, 2, deflateGzip(append(one, two...))[:20], 0),
		"zstd that ends early":       seal(zstded, 0, 2, deflaters[4].deflate(bytes.Repeat([]byte("abc"), 99))[:12], 0),
		"lz4 that ends early":        seal(lz4ed, 0, 2, deflateLZ4(bytes.Repeat([]byte("abc"), 99))[:12], 0),
		"snappy that ends early":     seal(snappied, 0, 2, xerial.Encode(nil, bytes.Repeat([]byte("abc"), 99))[:20], 0),
		"an unknown codec":           seal(5, 0, 2, []byte("x"), 0),
		"fewer records than it says": seal(plain, 0, 2, one, 0),
		"more records than it says":  seal(plain, 0, 1, append(bytes.Clone(one), two...), 0),
		"offsets that descend":       seal(plain, 0, 2, append(bytes.Clone(two), one...), 0),
		"offsets beyond its last":    seal(plain, 0, 1, two, 0),
	} {
		batch, n, err := Split(b)
		if err != nil || n != len(b) {
			t.Fatal(name, n, err)
		}
		if _, poison := batch.Open(MaxInflated); poison == nil || poison.Reason != frame.ReasonBatchCorrupt {
			t.Errorf("%s: %v", name, poison)
		}
	}
}

func TestEveryDamagedByteBehindTheChecksumIsNoticed(t *testing.T) {
	whole := seal(plain, 4, 1, encode(0, 1, []byte("a"), []byte("1")), 0)
	for i := 17; i < len(whole); i++ {
		b := bytes.Clone(whole)
		b[i] ^= 0x40
		batch, _, err := Split(b)
		if err != nil || !batch.Damaged || batch.Base != 4 {
			t.Errorf("byte %d: %+v, %v", i, batch, err)
		}
		if _, poison := batch.Open(MaxInflated); poison == nil {
			t.Errorf("byte %d: it was opened", i)
		}
	}
}

func TestABatchThatIsCutOffIsNone(t *testing.T) {
	whole := seal(plain, 4, 1, encode(0, 1, []byte("a"), []byte("1")), 0)
	for i := range whole {
		if _, n, err := Split(whole[:i]); n != 0 || err != nil {
			t.Fatal(i, n, err)
		}
	}
}

func TestWhatIsNoBatchIsAnError(t *testing.T) {
	whole := seal(plain, 4, 1, encode(0, 1, []byte("a"), []byte("1")), 0)
	for name, c := range map[string]struct {
		at   int
		is   byte
		want error
	}{
		"another version":  {16, 3, ErrUnknown},
		"a negative base":  {0, 0xff, ErrFraming},
		"a length below 0": {8, 0xff, ErrFraming},
	} {
		b := bytes.Clone(whole)
		b[c.at] = c.is
		if _, _, err := Split(b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheBrokersTimestampIsTheRecordsWhereItGaveOne(t *testing.T) {
	body := append(encode(0, 1, []byte("a"), nil), encode(1, 9, []byte("b"), nil)...)
	got, err := read(seal(plain, 4, 2, body, 8), MaxInflated)
	if err != nil || len(got) != 2 || got[0].Timestamp != 5000 || got[1].Timestamp != 5000 || got[0].Created != 1001 || got[1].Created != 1009 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whatever bytes come: no panic, offsets that ascend within the batch, no more memory
// than the limit, and the same again when read again.
func FuzzSplit(f *testing.F) {
	recs := []frame.Record{{Timestamp: 5, Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 50)}, {Offset: 1, Timestamp: 6}}
	for _, codec := range codecs {
		for _, version := range []int8{1, 2} {
			f.Add(written(f, version, codec, recs))
		}
	}
	for _, d := range deflaters {
		body := encode(0, 0, []byte("k"), []byte("v"))
		f.Add(seal(d.codec, 9, 1, d.deflate(body), 0))
		f.Add(seal(d.codec, 9, 1, d.deflate(make([]byte, 1<<20)), 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// A checksum would keep nearly everything out.
		if len(b) > HeaderSize && b[16] == 2 {
			binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[checked2:], castagnoli))
		} else if len(b) > framing+least01 {
			binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
		}
		batch, n, err := Split(b)
		if err != nil || n == 0 {
			return
		}
		const limit = 1 << 16
		r, poison := batch.Open(limit)
		again, _ := batch.Open(limit)
		if poison != nil {
			return
		}
		if r.Size() > 4*limit {
			t.Fatalf("holds %d bytes", r.Size())
		}
		var rec, same frame.Record
		for last := int64(-1); r.Next(&rec); last = rec.Offset {
			if rec.Offset <= last || rec.Offset < batch.Base || rec.Offset > batch.Last {
				t.Fatalf("offset %d after %d in [%d, %d]", rec.Offset, last, batch.Base, batch.Last)
			}
			if !again.Next(&same) || !cmp.Equal(rec, same) {
				t.Fatal("another record when read again")
			}
		}
	})
}

// One batch of ten frames of the original, 640 x 480 pixels, in gzip.
func BenchmarkOpen_gzipJSON(b *testing.B) {
	pixels := make([]byte, 640*480*3)
	state := uint32(1)
	for i := range pixels {
		state = state*1664525 + 1013904223
		pixels[i] = byte(i/640) + byte(state>>24)/24
	}
	f := frame.Frame{Camera: "c", Width: 640, Height: 480, Channels: 3, Encoding: frame.Raw, Data: pixels}
	rec, err := f.JSON(time.UTC)
	if err != nil {
		b.Fatal(err)
	}
	batch, _, err := Split(written(b, 2, compress.Gzip, []frame.Record{rec, rec, rec, rec}))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * int64(len(rec.Value)))
	b.ResetTimer()
	for b.Loop() {
		if _, poison := batch.Open(MaxInflated); poison != nil {
			b.Fatal(poison)
		}
	}
}

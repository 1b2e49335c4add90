package archive

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/frame"
)

var fastavro = flag.String("fastavro", "", "a Python interpreter that has fastavro, to read the files with it")

// span is the span of the tests: chunk 3 of a topic with 16 offsets per chunk.
var span = ChunkSpan(chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: 2}, Index: 3}, 16)

// records are one of each kind: nothing and empty everywhere, doubled and
// malformed headers, a gap, a time that no calendar holds, a large value.
func records() []frame.Record {
	return []frame.Record{
		{Offset: 48, Timestamp: 1700000000000, Key: []byte("cam"), Value: []byte("picture"), Headers: []frame.Header{
			{Key: "ce_id", Value: []byte("cam/e/1")}, {Key: "ce_id", Value: []byte("again")}, {Key: "", Value: nil}, {Key: "x", Value: []byte{}}}},
		{Offset: 49, Timestamp: -1},
		{Offset: 53, Timestamp: 1 << 62, Key: []byte{}, Value: []byte{}, Headers: []frame.Header{{Key: "bad\xff\xfe"}}},
		{Offset: 54, Timestamp: 5, Key: []byte{0, 255}, Value: bytes.Repeat([]byte{7}, 3*blockBytes/2)},
		{Offset: 63, Timestamp: 1700000000001, Key: []byte("cam"), Value: []byte("last")},
	}
}

func encode(t testing.TB, s Span, recs []frame.Record) ([]byte, Summary) {
	t.Helper()
	var b bytes.Buffer
	sum, err := write(&b, s, recs)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), sum
}

func write(w io.Writer, s Span, recs []frame.Record) (Summary, error) {
	f := NewWriter(w, s)
	for i := range recs {
		if err := f.Append(&recs[i]); err != nil {
			return Summary{}, err
		}
	}
	return f.Close()
}

func decode(b []byte, s Span) ([]frame.Record, Summary, error) {
	r, err := NewReader(bytes.NewReader(b), s)
	if err != nil {
		return nil, Summary{}, err
	}
	var recs []frame.Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return recs, r.Summary(), nil
		}
		if err != nil {
			return recs, r.Summary(), err
		}
		recs = append(recs, rec)
	}
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	for name, recs := range map[string][]frame.Record{
		"one of each kind": records(),
		"a single record":  records()[4:],
		"no records":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			b, sum := encode(t, span, recs)
			got, read, err := decode(b, span)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(recs, got); diff != "" {
				t.Error(diff)
			}
			if sum != read {
				t.Errorf("written %+v, read %+v", sum, read)
			}
			if len(recs) > 0 {
				if tail, ok := parseTail(b[len(b)-tailSize:], span); !ok || tail != sum {
					t.Errorf("the tail says %+v, %v; want %+v", tail, ok, sum)
				}
			}
			if again, _ := encode(t, span, recs); !bytes.Equal(b, again) {
				t.Error("the same records gave other bytes")
			}
		})
	}
}

func drawRecords(t *rapid.T, s Span) []frame.Record {
	blob := rapid.OneOf(rapid.Just([]byte(nil)), rapid.Just([]byte{}), rapid.SliceOfN(rapid.Byte(), 1, 40))
	offsets := rapid.SliceOfDistinct(rapid.Int64Range(s.Start, s.End-1), rapid.ID[int64]).Draw(t, "offsets")
	var set chunk.Offsets
	for _, o := range offsets {
		set.Add(o)
	}
	var recs []frame.Record
	for o := range set.All {
		r := frame.Record{Offset: o, Timestamp: rapid.Int64().Draw(t, "timestamp"), Key: blob.Draw(t, "key"), Value: blob.Draw(t, "value")}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			r.Headers = append(r.Headers, frame.Header{Key: string(blob.Draw(t, "header")), Value: blob.Draw(t, "header value")})
		}
		recs = append(recs, r)
	}
	return recs
}

func TestAnyRecordsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := span
		s.End = rapid.Int64Range(s.Start+1, s.End).Draw(rt, "end")
		recs := drawRecords(rt, s)
		b, sum := encode(t, s, recs)
		got, read, err := decode(b, s)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(recs, got); diff != "" {
			rt.Error(diff)
		}
		if sum != read {
			rt.Errorf("written %+v, read %+v", sum, read)
		}
	})
}

// small are records that make several blocks of a few bytes: a file cut between
// blocks is the case that Avro itself cannot see.
func small(t testing.TB) []byte {
	var b bytes.Buffer
	w := NewWriter(&b, span)
	recs := records()
	for i := range recs {
		if len(recs[i].Value) > 100 {
			recs[i].Value = recs[i].Value[:100]
		}
		if err := w.Append(&recs[i]); err != nil {
			t.Fatal(err)
		}
		if w.ocf != nil {
			if err := w.ocf.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestATruncatedFileIsDetectedWhereverItIsCut(t *testing.T) {
	empty, _ := encode(t, span, nil)
	for name, whole := range map[string][]byte{"with records": small(t), "without records": empty} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := decode(whole, span); err != nil {
				t.Fatal(err)
			}
			for n := range whole {
				if _, _, err := decode(whole[:n], span); !errors.Is(err, ErrDamaged) {
					t.Fatalf("cut to %d of %d bytes: %v", n, len(whole), err)
				}
				if _, ok := parseTail(whole[max(0, n-tailSize):n], span); ok {
					t.Fatalf("cut to %d of %d bytes: the tail passes for a complete file's", n, len(whole))
				}
			}
		})
	}
}

func TestAFlippedByteAfterTheHeaderIsDetected(t *testing.T) {
	whole := small(t)
	sync := syncMarker(span.Name())
	header := bytes.Index(whole, sync[:]) + len(sync)
	for i := header; i < len(whole); i++ {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x10
		if _, _, err := decode(damaged, span); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d of %d: %v", i, len(whole), err)
		}
	}
}

func TestTheWriterRefusesWhatDoesNotBelongThere(t *testing.T) {
	for name, offsets := range map[string][]int64{
		"an offset before the chunk": {47},
		"an offset after the chunk":  {64},
		"an offset twice":            {50, 50},
		"an offset that goes back":   {50, 49},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWriter(io.Discard, span)
			var err error
			for _, o := range offsets {
				err = w.Append(&frame.Record{Offset: o})
			}
			if err == nil {
				t.Error("it was taken")
			}
		})
	}
}

func TestTheReaderRefusesAnotherFile(t *testing.T) {
	b, _ := encode(t, span, records())
	other := span
	other.Partition.ID = 1
	if _, err := NewReader(bytes.NewReader(b), other); !errors.Is(err, ErrDamaged) {
		t.Errorf("a file of another partition: %v", err)
	}
	newer := bytes.Replace(b, []byte("framebeam.format\x021"), []byte("framebeam.format\x022"), 1)
	if _, err := NewReader(bytes.NewReader(newer), span); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), `format "2" is not known`) {
		t.Errorf("a file of a later format: %v", err)
	}
}

// FuzzReader: whatever the bytes are, the reader neither panics nor gives a
// record outside the span or out of order, and what it takes for a complete
// file it can write and read again.
func FuzzReader(f *testing.F) {
	f.Add(small(f))
	empty, _ := encode(f, span, nil)
	f.Add(empty)
	f.Add([]byte("Obj\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		recs, _, err := decode(b, span)
		last := span.Start - 1
		for i := range recs {
			if recs[i].Offset <= last || recs[i].Offset >= span.End {
				t.Fatalf("offset %d after %d", recs[i].Offset, last)
			}
			last = recs[i].Offset
		}
		if err != nil {
			return
		}
		again, _ := encode(t, span, recs)
		got, _, err := decode(again, span)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(recs, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestOtherReadersReadTheFiles(t *testing.T) {
	if *fastavro == "" {
		t.Skip("no interpreter with fastavro given: -fastavro=python3")
	}
	recs := records()
	recs[2].Headers[0].Key = "bad" // fastavro rightly refuses a string that is not UTF-8
	b, _ := encode(t, span, recs)
	path := filepath.Join(t.TempDir(), span.Name())
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	script := `
import fastavro, sys
f = fastavro.reader(open(sys.argv[1], "rb"))
assert f.metadata["framebeam.topic"] == "frames", f.metadata
for r in f:
    print(r["offset"], r["timestamp"], r["key"], [(h["key"], h["value"]) for h in r["headers"]], None if r["value"] is None else r["value"][:7], r["end"] is not None)
`
	out, err := exec.Command(*fastavro, "-c", script, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `48 1700000000000 b'cam' [('ce_id', b'cam/e/1'), ('ce_id', b'again'), ('', None), ('x', b'')] b'picture' False
49 -1 None [] None False
53 4611686018427387904 b'' [('bad', None)] b'' False
54 5 b'\x00\xff' [] b'\x07\x07\x07\x07\x07\x07\x07' False
63 1700000000001 b'cam' [] b'last' True
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
}

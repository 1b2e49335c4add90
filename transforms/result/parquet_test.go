package result_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/transforms/result"
)

// file writes rows of another schema than today's.
func file[T any](t *testing.T, rows []T, format string) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	opts := []parquet.WriterOption{parquet.KeyValueMetadata("framebeam.lineage", "l")}
	if format != "" {
		opts = append(opts, parquet.KeyValueMetadata("framebeam.format", format))
	}
	w := parquet.NewGenericWriter[T](&b, opts...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

type older struct {
	Topic  string `parquet:"topic,dict"`
	Offset int64  `parquet:"offset,delta"`
}

type newer struct {
	Topic  string   `parquet:"topic,dict"`
	Extra  []string `parquet:"extra,list"`
	Offset int64    `parquet:"offset,delta"`
}

func TestFilesWithFewerOrMoreColumnsAreRead(t *testing.T) {
	want := []result.Frame{{Topic: "t", Offset: 7}}
	for name, r := range map[string]*bytes.Reader{
		"fewer": file(t, []older{{"t", 7}}, "1"),
		"more":  file(t, []newer{{"t", []string{"x"}, 7}}, "1"),
	} {
		got, meta, err := result.ReadParquet(r, r.Size())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s columns:\n%s", name, d)
		}
		if meta["framebeam.lineage"] != "l" {
			t.Errorf("%s columns: metadata %v", name, meta)
		}
	}
}

func TestFilesOfAnotherFormatAreRefused(t *testing.T) {
	for format, want := range map[string]string{"": "not a results file", "4": `format "4" is not known`, "0": `format "0" is not known`} {
		r := file(t, []older{{"t", 7}}, format)
		_, _, err := result.ReadParquet(r, r.Size())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("format %q: got %v, want %s", format, err, want)
		}
		if _, err := result.ReadParquetMeta(r, r.Size()); err == nil {
			t.Errorf("format %q: metadata was read", format)
		}
	}
}

func TestFilesOfEarlierFormatsAreReadAsTheyWere(t *testing.T) {
	for _, name := range []string{"testdata/format1.parquet", "testdata/format2.parquet"} {
		old, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, meta, err := result.ReadParquet(bytes.NewReader(old), int64(len(old)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(samples(), rows); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		var now bytes.Buffer
		if err := result.WriteParquet(&now, rows, meta); err != nil {
			t.Fatal(err)
		}
		for _, file := range [][]byte{old, now.Bytes()} {
			if got, err := result.CurrentParquet(file); err != nil || !bytes.Equal(got, now.Bytes()) {
				t.Errorf("%s: as it would be written today it has %d bytes, want %d (%v)", name, len(got), now.Len(), err)
			}
		}
	}
}

// Spark 3.5 takes texts in lists for others, or for empty ones, where their encoding is a
// delta one. See its setting spark.sql.parquet.enableNestedColumnVectorizedReader.
func TestNoTextInAListHasADeltaEncoding(t *testing.T) {
	var b bytes.Buffer
	if err := result.WriteParquet(&b, samples(), nil); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range f.Metadata().RowGroups {
		for _, c := range group.Columns {
			for _, e := range c.MetaData.Encoding {
				if strings.HasPrefix(e.String(), "DELTA") && len(c.MetaData.PathInSchema) > 1 {
					t.Errorf("%v has the encoding %v", c.MetaData.PathInSchema, e)
				}
			}
		}
	}
}

// A query engine's view of the file: of these columns, what is not NULL.
func TestWhatIsUnknownOfADeadLetterIsNULL(t *testing.T) {
	var b bytes.Buffer
	if err := result.WriteParquet(&b, samples(), nil); err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Camera   *string `parquet:"camera,optional"`
		Epoch    *string `parquet:"epoch,optional"`
		Sequence *int64  `parquet:"sequence,optional"`
		Captured *int64  `parquet:"captured,optional,timestamp(microsecond)"`
		Width    *int32  `parquet:"width,optional"`
		Height   *int32  `parquet:"height,optional"`
		Encoding *string `parquet:"encoding,optional"`
		Status   string  `parquet:"status"`
	}
	rows, err := parquet.Read[seen](bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range samples() {
		if i == 1 {
			if diff := cmp.Diff(seen{Status: "dead"}, rows[i]); diff != "" {
				t.Error(diff)
			}
			continue
		}
		status := string(want.Status)
		if diff := cmp.Diff(seen{&want.Camera, &want.Epoch, &want.Sequence, &want.Captured, &want.Width, &want.Height, &want.Encoding, status}, rows[i]); diff != "" {
			t.Error(diff)
		}
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := f.Lookup("framebeam.format"); !ok || v != "3" {
		t.Errorf("the file says format %q", v)
	}
}

func TestDamagedFilesGiveErrors(t *testing.T) {
	var b bytes.Buffer
	if err := result.WriteParquet(&b, samples(), nil); err != nil {
		t.Fatal(err)
	}
	for n := range b.Len() {
		if _, _, err := result.ReadParquet(bytes.NewReader(b.Bytes()[:n]), int64(n)); err == nil {
			t.Errorf("a file cut to %d of %d bytes was read", n, b.Len())
		}
	}
}

// FuzzReadParquet: damaged files give errors, never panics, and soon.
func FuzzReadParquet(f *testing.F) {
	for n := range samples() {
		var b bytes.Buffer
		if err := result.WriteParquet(&b, samples()[:n+1], map[string]string{"framebeam.lineage": "l"}); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, meta, err := result.ReadParquet(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		again, err := result.ReadParquetMeta(bytes.NewReader(b), int64(len(b)))
		if err != nil || !cmp.Equal(meta, again) {
			t.Errorf("metadata is %v with the rows and %v (%v) alone", meta, again, err)
		}
	})
}

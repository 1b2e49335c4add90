package historytest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

func write(t testing.TB, o Output) *output.Output {
	t.Helper()
	root := t.TempDir()
	if err := o.Write(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.OpenExisting(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheRowsOfAnOutputAreThoseThatAreSaid(t *testing.T) {
	o := Output{Rows: 1000, N: 64, Partitions: 2, Cameras: 5, Partial: true, Features: true}
	out := write(t, o)
	var got, want []result.Frame
	partial := 0
	if err := out.Each(t.Context(), func(_ string, rows []result.Frame, p bool) error {
		got = append(got, rows...)
		if p {
			partial++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	o.All(func(f result.Frame) bool {
		want = append(want, f)
		return true
	})
	if diff := cmp.Diff(want, got); diff != "" || partial != 2 || len(want) != 1000 {
		t.Errorf("%d rows, %d partial files: %s", len(want), partial, diff)
	}
}

func TestBytesAreThoseOfTheOutputsOwnWriter(t *testing.T) {
	o := Output{Rows: 600, N: 64, Partitions: 2}
	fast := write(t, o)
	o.Written = true
	whole := write(t, o)
	files, err := whole.Files(t.Context())
	if err != nil || len(files) != 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		a, err := fast.Folder().Read(t.Context(), f.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := whole.Folder().Read(t.Context(), f.Name)
		if err != nil {
			t.Fatal(err)
		}
		rows := func(o *output.Output) []result.Frame {
			rows, err := o.Rows(t.Context(), f.Name)
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		if len(a) != len(b) { // they name the digest of their states, and nothing else differs
			t.Errorf("%s: %d and %d bytes", f.Name, len(a), len(b))
		}
		if diff := cmp.Diff(rows(whole), rows(fast)); diff != "" {
			t.Error(diff)
		}
	}
	p, err := whole.Resume(t.Context(), chunk.Partition{Topic: "frames", ID: 1})
	if err != nil || p.From != 256 {
		t.Errorf("%+v, %v", p, err)
	}
}

// BenchmarkWrite writes a hundred files of 2048 rows.
func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		if err := (Output{Rows: 100 * 2048, Partitions: 4}).Write(b.Context(), b.TempDir()); err != nil {
			b.Fatal(err)
		}
	}
}

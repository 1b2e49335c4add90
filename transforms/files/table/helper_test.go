package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/iceberg"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/result"
)

const testN = 16 // offsets per chunk

// testBegin is when the first frame was captured, an hour before midnight.
var testBegin = time.Date(2024, 5, 1, 23, 0, 0, 0, time.UTC)

// testRow is the frame at an offset. Three cameras take turns; a chunk takes 32 minutes. Some
// frames come late, some are dead letters, and some have events.
func testRow(p int32, offset int64) result.Frame {
	f := result.Frame{
		Topic: "frames", Partition: p, Offset: offset, Timestamp: testBegin.UnixMilli() + offset*120_000, Sequence: -1,
		Bytes: 1000 + offset, Status: result.OK,
	}
	if offset%11 == 7 {
		f.Status, f.Reason, f.Detail = result.Dead, "truncated", "the image ends early"
		return f
	}
	f.Camera, f.Epoch, f.Sequence = fmt.Sprintf("camera%d", p*3+int32(offset%3)), "e1", offset
	f.Captured = testBegin.UnixMicro() + offset*120_000_000
	if offset%13 == 5 {
		f.Captured -= 3600_000_000
	}
	f.Width, f.Height, f.Encoding, f.Config = 640, 480, "image/jpeg", "c0ffee"
	f.Quality = &result.Quality{Brightness: float64(offset), Contrast: 2, Sharpness: 3}
	for i := range offset % 3 {
		f.Detections = append(f.Detections, result.Detection{Analysis: "motion", Label: "motion", X: int32(i), Width: 5, Height: 6, Score: 1})
	}
	for i := range offset % 2 {
		f.Events = append(f.Events, result.Event{
			ID: fmt.Sprintf("%032d", p*1_000_000+int32(offset*10+i)), Analysis: "lines", Type: result.EventLineCrossed, Rule: "gate", Snapshot: offset,
		})
	}
	if offset%5 == 0 {
		f.Features = []result.Feature{{Analysis: "histogram", Kind: "hist", Data: []byte{1, 2, byte(offset)}}}
	}
	return f
}

// testOutput is an output that chunks are written to.
type testOutput struct {
	*output.Output
	w    *output.Writer
	next map[int32]int64 // chunk
}

func openOutput(ctx context.Context, root, config string, partitions int32) (*testOutput, error) {
	folder, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	o, err := output.Open(ctx, folder, output.OpenConfig{N: testN, ConfigDigest: config})
	if err != nil {
		return nil, err
	}
	to := &testOutput{Output: o, next: map[int32]int64{}}
	for p := range partitions {
		if _, err := o.Begin(ctx, chunk.Partition{Topic: "frames", ID: p}, 0); err != nil {
			return nil, err
		}
	}
	to.w, err = output.OpenWriter(ctx, o.Spec())
	return to, err
}

func newOutput(t *testing.T, partitions int32) (*testOutput, *store.Folder) {
	t.Helper()
	root := t.TempDir()
	o, err := openOutput(t.Context(), root, "A", partitions)
	if err != nil {
		t.Fatal(err)
	}
	return o, o.Folder()
}

// write writes chunk k of a partition.
func (o *testOutput) write(ctx context.Context, p int32, k int64) error {
	id := chunk.ID{Partition: chunk.Partition{Topic: "frames", ID: p}, Index: k}
	end := chunk.End{ID: id, N: testN, Offsets: chunk.Span(k*testN, (k+1)*testN)}
	var rows []result.Frame
	last := map[string]int64{}
	for off := k * testN; off < (k+1)*testN; off++ {
		f := testRow(p, off)
		rows = append(rows, f)
		if f.Camera != "" {
			last[f.Camera] = off
		}
	}
	var states []element.State
	for i := range int32(3) {
		camera := fmt.Sprintf("camera%d", p*3+i)
		if off, ok := last[camera]; ok {
			end.Owed = append(end.Owed, camera)
			end.Cameras = append(end.Cameras, chunk.CameraOffset{Camera: camera, Last: off})
			states = append(states, element.State{Camera: camera, Position: chunk.EndPosition(k, testN)})
		}
	}
	_, err := o.w.Commit(ctx, end, rows, states, nil)
	return err
}

// add writes the next n chunks of a partition.
func (o *testOutput) add(t *testing.T, p int32, n int) {
	t.Helper()
	for range n {
		if err := o.write(t.Context(), p, o.next[p]); err != nil {
			t.Fatal(err)
		}
		o.next[p]++
	}
}

// clock is one that stands, and is moved on by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2024, 5, 10, 0, 0, 0, 0, time.UTC)} }

func update(t *testing.T, o *output.Output, root string, cfg Config) []Done {
	t.Helper()
	done, err := tryUpdate(t.Context(), o, root, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func tryUpdate(ctx context.Context, o *output.Output, root string, cfg Config) ([]Done, error) {
	ts, err := tryOpen(ctx, root, cfg)
	if err != nil {
		return nil, err
	}
	return ts.Update(ctx, o)
}

func tryOpen(ctx context.Context, root string, cfg Config) (*Tables, error) {
	folder, err := store.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	return Open(ctx, folder, cfg)
}

// opened are the tables in a folder.
func opened(t *testing.T, root string) *Tables {
	t.Helper()
	ts, err := tryOpen(t.Context(), root, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// contentOf are the rows of a table as it is now, and what is wrong with its files.
func contentOf[R any](t *testing.T, root, name string, partition func(R) iceberg.Partition, compare func(a, b *R) int) (rows []R) {
	t.Helper()
	folder, err := store.Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	k := kinds[slices.Index(Names(), name)]
	table, err := iceberg.Open(folder.Sub(name), k.definition())
	if err != nil {
		t.Fatal(err)
	}
	v, err := table.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = table.Files(t.Context(), v, func(f iceberg.File) error {
		in, err := openFile(t.Context(), table.Folder(), f)
		if err != nil {
			return err
		}
		r := parquet.NewGenericReader[R](in.File)
		of := make([]R, f.Rows)
		if n, err := r.Read(of); int64(n) != f.Rows || err != nil && !errors.Is(err, io.EOF) || in.NumRows() != f.Rows {
			return fmt.Errorf("%s: %d rows of %d, %w", f.Path, n, f.Rows, err)
		}
		for i := range of {
			if partition(of[i]) != f.Partition {
				t.Errorf("%s of %v has a row of %v", f.Path, f.Partition, partition(of[i]))
			}
			if i > 0 && compare(&of[i-1], &of[i]) >= 0 {
				t.Errorf("%s: row %d is out of order", f.Path, i)
			}
		}
		rows = append(rows, of...)
		return errors.Join(r.Close(), in.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func partitionOfRow(camera *string, day *int32) iceberg.Partition {
	p := iceberg.Partition{Day: iceberg.NoDay}
	if camera != nil {
		p.Camera = *camera
	}
	if day != nil {
		p.Day = iceberg.Day(*day)
	}
	return p
}

// holds fails unless the tables have all rows of the first chunks of each partition, each once.
func holds(t *testing.T, root string, chunks ...int64) {
	t.Helper()
	var wantFrames, wantEvents []string
	for p, n := range chunks {
		for off := range n * testN {
			f := testRow(int32(p), off)
			wantFrames = append(wantFrames, fmt.Sprintf("%d@%d %d %d %d %d", p, off, f.Captured, len(f.Detections), len(f.Events), len(f.Features)))
			for _, e := range f.Events {
				wantEvents = append(wantEvents, fmt.Sprintf("%s %d@%d %s", e.ID, p, off, f.Camera))
			}
		}
	}
	var gotFrames, gotEvents []string
	for _, r := range contentOf(t, root, "frames", func(r frameRow) iceberg.Partition { return partitionOfRow(r.Camera, r.Day) }, compareFrames) {
		gotFrames = append(gotFrames, fmt.Sprintf("%d@%d %d %d %d %d", r.Partition, r.Offset, r.Captured, len(r.Detections), len(r.Events), len(r.Features)))
	}
	for _, r := range contentOf(t, root, "events", func(r eventRow) iceberg.Partition { return partitionOfRow(r.Camera, r.Day) }, compareEvents) {
		camera := ""
		if r.Camera != nil {
			camera = *r.Camera
		}
		gotEvents = append(gotEvents, fmt.Sprintf("%s %d@%d %s", r.ID, r.Partition, r.Offset, camera))
	}
	sameRows(t, "frames", wantFrames, gotFrames)
	sameRows(t, "events", wantEvents, gotEvents)
}

func sameRows(t *testing.T, name string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%s: %d rows, want %d", name, len(got), len(want))
		for i := range min(len(want), len(got)) {
			if want[i] != got[i] {
				t.Errorf("row %d is %s, want %s", i, got[i], want[i])
				return
			}
		}
	}
}

// filesIn are the files below a folder, by name, with their contents where asked for.
func filesIn(t *testing.T, root string, of func(name string) bool) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(p, root+"/")
		if err != nil || d.IsDir() || !of(name) {
			return err
		}
		b, err := os.ReadFile(p)
		found[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// rowsNow are how many rows the tables have, by their names.
func rowsNow(t *testing.T, root string) map[string]int {
	t.Helper()
	return map[string]int{
		"frames": len(contentOf(t, root, "frames", func(r frameRow) iceberg.Partition { return partitionOfRow(r.Camera, r.Day) }, compareFrames)),
		"events": len(contentOf(t, root, "events", func(r eventRow) iceberg.Partition { return partitionOfRow(r.Camera, r.Day) }, compareEvents)),
	}
}

// rowsOf is how many rows a table has of the first chunks of a partition.
func rowsOf(name string, chunks int64) (n int) {
	for off := range chunks * testN {
		f := testRow(0, off)
		if name == "frames" {
			n++
		} else {
			n += len(f.Events)
		}
	}
	return n
}

package picture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"sync"
	"testing"
	"time"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
)

const (
	topic = "frames"
	n     = 32 // offsets per chunk
)

// memLog is one partition of one topic in memory, which gives few records at a time.
type memLog struct {
	first, end int64
	records    map[int64]frame.Record
	// shrinks deletes everything below an offset once a read has come that far.
	shrinks int64
	closed  int
}

var (
	logsMu sync.Mutex
	logs   = map[string]*memLog{}
)

func init() {
	log.Register("picture-test", func(_ context.Context, s log.Spec) (log.Log, error) {
		logsMu.Lock()
		defer logsMu.Unlock()
		if l, ok := logs[s.Root]; ok {
			return l, nil
		}
		return nil, fmt.Errorf("no log %s", s.Root)
	})
}

// spec keeps the log for the time of the test.
func (l *memLog) spec(t *testing.T) PackSpec {
	t.Helper()
	logsMu.Lock()
	defer logsMu.Unlock()
	logs[t.Name()] = l
	t.Cleanup(func() {
		logsMu.Lock()
		defer logsMu.Unlock()
		delete(logs, t.Name())
	})
	return PackSpec{Log: log.Spec{Kind: "picture-test", Root: t.Name()}}
}

func (l *memLog) Partitions(context.Context, string) ([]int32, error) { return []int32{0}, nil }
func (l *memLog) Close() error                                        { l.closed++; return nil }

func (l *memLog) Bounds(context.Context, chunk.Partition) (int64, int64, error) {
	return l.first, l.end, nil
}

func (l *memLog) OffsetAt(context.Context, chunk.Partition, time.Time) (int64, error) {
	panic("not asked for")
}

func (l *memLog) Read(_ context.Context, p chunk.Partition, from, to int64, _ int, _ time.Duration) ([]frame.Record, int64, error) {
	if l.shrinks > 0 && from+3 >= l.shrinks {
		l.first, l.shrinks = max(l.first, l.shrinks), 0
	}
	if from < l.first || from > l.end {
		return nil, 0, &log.DataLoss{Partition: p, Offset: from, First: l.first, End: l.end, What: "deleted"}
	}
	var recs []frame.Record
	next := from
	for ; next < min(to, l.end) && len(recs) < 3; next++ {
		if r, ok := l.records[next]; ok {
			recs = append(recs, r)
		}
	}
	return recs, next, nil
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// scene is a log of frames of two cameras with a bright square that moves, and
// the results that an analysis would give: a detection on every third frame.
func scene(t *testing.T, count int64) (*memLog, []result.Frame) {
	t.Helper()
	l := &memLog{end: count, records: map[int64]frame.Record{}}
	var rows []result.Frame
	for o := range count {
		m := image.NewRGBA(image.Rect(0, 0, 160, 120))
		for y := range 120 {
			for x := range 160 {
				c := color.RGBA{uint8(x), uint8(y), 90, 255}
				if x >= int(o)*3 && x < int(o)*3+20 && y > 40 && y < 60 {
					c = color.RGBA{220, 220, 220, 255}
				}
				m.SetRGBA(x, y, c)
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		f := frame.Frame{
			Camera: []string{"gate", "yard"}[o%2], Epoch: "e1", Sequence: o / 2, Captured: start.Add(time.Duration(o) * time.Second),
			Width: 160, Height: 120, Encoding: frame.JPEG, Data: b.Bytes(),
		}
		rec := f.CloudEvent()
		rec.Offset = o
		l.records[o] = rec
		row := result.Of(topic, 0, &rec)
		row.Describe(&f)
		if o%3 == 0 {
			row.Detections = []result.Detection{{Analysis: "motion", Label: "motion", X: int32(o) * 3, Y: 41, Width: 20, Height: 19, Area: 380, Score: 1}}
		}
		rows = append(rows, row)
	}
	return l, rows
}

// results writes the rows, of whole chunks, to an output.
func results(t *testing.T, rows []result.Frame) *output.Output {
	t.Helper()
	ctx := context.Background()
	folder, err := store.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(ctx, folder, output.OpenConfig{N: n, ConfigDigest: "d"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Begin(ctx, chunk.Partition{Topic: topic}, 0); err != nil {
		t.Fatal(err)
	}
	w, err := output.OpenWriter(ctx, out.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for k := int64(0); (k+1)*n <= int64(len(rows)); k++ {
		end := chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: topic}, Index: k}, N: n, UpTo: (k + 1) * n, Offsets: chunk.Span(k*n, (k+1)*n)}
		if _, err := w.Commit(ctx, end, rows[k*n:(k+1)*n], nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

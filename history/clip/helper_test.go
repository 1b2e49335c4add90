package clip

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"sync"
	"testing"
	"time"

	"gocv.io/x/gocv"

	"github.com/framebeam/framebeam/history/period"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/result"
)

const topic = "frames"

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// memLog is a topic of two partitions in memory, which gives few records at a time.
type memLog [2][]frame.Record

var (
	logsMu sync.Mutex
	logs   = map[string]log.Log{}
)

func init() {
	log.Register("clip-test", func(_ context.Context, s log.Spec) (log.Log, error) {
		logsMu.Lock()
		defer logsMu.Unlock()
		if l, ok := logs[s.Root]; ok {
			return l, nil
		}
		return nil, fmt.Errorf("no log %s", s.Root)
	})
}

func (l *memLog) spec(t *testing.T) log.Spec {
	t.Helper()
	logsMu.Lock()
	defer logsMu.Unlock()
	logs[t.Name()] = l
	return log.Spec{Kind: "clip-test", Root: t.Name()}
}

func (l *memLog) Partitions(context.Context, string) ([]int32, error) { return []int32{0, 1}, nil }
func (l *memLog) Close() error                                        { return nil }

func (l *memLog) Bounds(_ context.Context, p chunk.Partition) (int64, int64, error) {
	return 0, int64(len(l[p.ID])), nil
}

func (l *memLog) OffsetAt(_ context.Context, p chunk.Partition, t time.Time) (int64, error) {
	for i, r := range l[p.ID] {
		if r.Timestamp >= log.Timestamp(t) {
			return int64(i), nil
		}
	}
	return int64(len(l[p.ID])), nil
}

func (l *memLog) Read(_ context.Context, p chunk.Partition, from, to int64, _ int, _ time.Duration) ([]frame.Record, int64, error) {
	next := min(from+3, to, int64(len(l[p.ID])))
	recs := make([]frame.Record, 0, 3)
	return append(recs, l[p.ID][from:next]...), next, nil
}

// shot is a frame that a test puts into the log.
type shot struct {
	camera   string
	ms       int // after begin
	epoch    string
	sequence int64
	w, h     int // 0: 96 x 64
	damaged  bool
	lost     bool // no frame, but the collector's word that the source is lost
	events   []result.Event
}

// picture is what a shot shows: a bright square whose place says the number.
func (s shot) picture() gocv.Mat {
	w, h := s.size()
	m := gocv.NewMatWithSizeFromScalar(gocv.NewScalar(60, 90, 120, 0), h, w, gocv.MatTypeCV8UC3)
	x := int(s.sequence) * 5 % (w - 12)
	gocv.Rectangle(&m, image.Rect(x, 6, x+11, 17), color.RGBA{R: 230, G: 230, B: 230}, -1)
	return m
}

func (s shot) size() (w, h int) {
	if s.w == 0 {
		return 96, 64
	}
	return s.w, s.h
}

// logged puts shots into a log, each in the partition of its camera's key, and what an
// analysis would say of them into an output. Damaged ones are dead letters there.
func logged(t *testing.T, shots []shot) (*memLog, string) {
	t.Helper()
	ctx := t.Context()
	var l memLog
	rows := [2][]result.Frame{}
	for _, s := range shots {
		m := s.picture()
		b, err := encode(m, gocv.JPEGFileExt)
		m.Close()
		if err != nil {
			t.Fatal(err)
		}
		w, h := s.size()
		f := frame.Frame{
			Camera: s.camera, Epoch: s.epoch, Sequence: s.sequence, Captured: begin.Add(time.Duration(s.ms) * time.Millisecond),
			Width: w, Height: h, Encoding: frame.JPEG, Data: b,
		}
		rec := f.CloudEvent()
		if s.damaged {
			rec.Value = rec.Value[:len(rec.Value)/2]
		}
		change := frame.SourceChange{Camera: s.camera, State: frame.SourceLost, At: f.Captured, Epoch: s.epoch, Sequence: s.sequence}
		if s.lost {
			rec = change.CloudEvent()
		}
		id := keyPartition(s.camera, []int32{0, 1})
		rec.Offset = int64(len(l[id]))
		l[id] = append(l[id], rec)
		row := result.Of(topic, id, &rec)
		if row.Describe(&f); s.lost {
			row = result.Of(topic, id, &rec)
			row.DescribeSource(&change)
		}
		if s.damaged {
			row.Kill(&frame.Poison{Reason: frame.ReasonTruncated, Detail: "it ends early"})
		}
		row.Events, row.Config = s.events, "c"
		rows[id] = append(rows[id], row)
	}
	folder, err := store.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := output.Open(ctx, folder, output.OpenConfig{N: 1024, ConfigDigest: "d"})
	if err != nil {
		t.Fatal(err)
	}
	for id := range int32(2) {
		p := chunk.Partition{Topic: topic, ID: id}
		if _, err := out.Begin(ctx, p, 0); err != nil {
			t.Fatal(err)
		}
	}
	w, err := output.OpenWriter(ctx, out.Spec())
	if err != nil {
		t.Fatal(err)
	}
	for id := range int32(2) {
		n := int64(len(rows[id]))
		if n == 0 {
			continue
		}
		end := chunk.End{ID: chunk.ID{Partition: chunk.Partition{Topic: topic, ID: id}}, N: 1024, UpTo: n, Offsets: chunk.Span(0, n), Partial: true}
		if _, err := w.CommitPartial(ctx, end, rows[id], nil); err != nil {
			t.Fatal(err)
		}
	}
	return &l, folder.Root()
}

// steady are shots of a camera, ten a second.
func steady(camera string, n int) (shots []shot) {
	for i := range n {
		shots = append(shots, shot{camera: camera, ms: 100 * i, epoch: "e1", sequence: int64(i)})
	}
	return shots
}

func open(t *testing.T, l *memLog, out string) *Source {
	t.Helper()
	s, err := Open(t.Context(), Where{Log: l.spec(t), Topic: topic, Output: out})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// between is a cut of a camera, in milliseconds after begin.
func between(camera string, from, to int) Cut {
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	return Cut{Camera: camera, Period: period.Period{From: at(from), To: at(to)}}
}

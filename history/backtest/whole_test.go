package backtest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/framebeam/framebeam/testdata/film"
	"github.com/framebeam/framebeam/testdata/trial"
	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/config/params"
	"github.com/framebeam/framebeam/transforms/config/profiles"
	"github.com/framebeam/framebeam/transforms/element"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/files/store"
	"github.com/framebeam/framebeam/transforms/frame"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/perframe"
	"github.com/framebeam/framebeam/transforms/result"
	"github.com/framebeam/framebeam/transforms/sequence"
)

// whole is a live run by hand: what every frame of a partition gives, without Beam,
// engines or anything that is stored. It is what backtests are held against.
type whole struct {
	t       testing.TB
	stages  profiles.Stages
	n       int64
	frames  *perframe.Analyzer
	cameras map[string]*sequence.Camera
	last    map[string]int64
	rows    []result.Frame
	states  []element.State // at the end of the chunk that was finished last
}

func newWhole(t testing.TB, stages profiles.Stages, n int64) *whole {
	t.Helper()
	cfg := stages.PerFrame
	cfg.HandOver = false
	frames, err := perframe.NewAnalyzer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &whole{t: t, stages: stages, n: n, frames: frames, cameras: map[string]*sequence.Camera{}, last: map[string]int64{}}
	t.Cleanup(func() {
		if err := frames.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range w.cameras {
			c.Close()
		}
	})
	return w
}

// see analyses the partition's next record.
func (w *whole) see(p chunk.Partition, rec *frame.Record) {
	it, err := w.frames.Analyze(p, rec)
	if err != nil {
		w.t.Fatal(err)
	}
	k := chunk.Of(rec.Offset, w.n)
	if camera := rec.Camera(); camera != "" {
		c := w.cameras[camera]
		if c == nil {
			i := params.Select(camera, func(i int) string { return w.stages.Sequence.Profiles[i].Match }, len(w.stages.Sequence.Profiles))
			a, err := w.stages.Sequence.Profiles[i].Analyzer(w.stages.Sequence.StateLimit, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			c = a.Start()
			w.cameras[camera] = c
		}
		c.InChunk(k, w.stages.Sequence.Forget)
		if err := c.Next(&it); err != nil {
			w.t.Fatal(err)
		}
		w.last[camera] = rec.Offset
	}
	w.rows = append(w.rows, it.Result)
}

// end is the end of chunk k.
func (w *whole) end(p chunk.Partition, k int64, digest uint64) chunk.End {
	e := chunk.End{ID: chunk.ID{Partition: p, Index: k}, N: w.n, UpTo: (k + 1) * w.n, LastDigest: digest}
	w.states = nil
	for _, camera := range slices.Sorted(maps.Keys(w.cameras)) {
		switch age := k - chunk.Of(w.last[camera], w.n); {
		case age == 0:
			b, err := w.cameras[camera].Save()
			if err != nil {
				w.t.Fatal(err)
			}
			w.states = append(w.states, element.State{Camera: camera, Position: chunk.EndPosition(k, w.n), Bytes: b})
			e.Owed = append(e.Owed, camera)
		case age >= w.stages.Sequence.Forget:
			w.cameras[camera].Close()
			delete(w.cameras, camera)
			delete(w.last, camera)
			continue
		}
		e.Cameras = append(e.Cameras, chunk.CameraOffset{Camera: camera, Last: w.last[camera]})
	}
	return e
}

// all are the rows of all records of a partition.
func (w *whole) all(p chunk.Partition, recs []frame.Record) []result.Frame {
	for i := range recs {
		w.see(p, &recs[i])
		if o := recs[i].Offset + 1; o%w.n == 0 {
			w.end(p, chunk.Of(recs[i].Offset, w.n), recs[i].Digest())
		}
	}
	return w.rows
}

// write makes an output of whole runs: of each configuration up to its offset, which is
// the end of a chunk, and of the last up to the end of what there is.
func write(t testing.TB, root string, n int64, logs [][]frame.Record, upTo []int64, all ...profiles.Stages) {
	t.Helper()
	ctx := t.Context()
	folder, err := store.Open(ctx, root)
	if err != nil {
		t.Fatal(err)
	}
	before := make([]*whole, len(logs))
	for g, stages := range all {
		o, err := output.Open(ctx, folder, output.OpenConfig{N: n, ConfigDigest: stages.Digest, ConfigText: stages.Text})
		if err != nil {
			t.Fatal(err)
		}
		for i, recs := range logs {
			p := chunk.Partition{Topic: trial.Topic, ID: int32(i)}
			if _, err := o.Begin(ctx, p, 0); err != nil {
				t.Fatal(err)
			}
			out, err := output.OpenWriter(ctx, o.Spec())
			if err != nil {
				t.Fatal(err)
			}
			w := newWhole(t, stages, n)
			if b := before[i]; b != nil {
				w.takeOver(b)
			}
			before[i] = w
			from, to := int64(0), int64(len(recs))
			if g > 0 {
				from = min(upTo[g-1], to)
			}
			if g < len(upTo) {
				to = min(upTo[g], to)
			}
			for o := from; o < to; {
				end := min(o/n*n+n, to)
				w.rows = nil
				for ; o < end; o++ {
					w.see(p, &recs[o])
				}
				rows := w.rows
				if end%n != 0 {
					e := chunk.End{ID: chunk.ID{Partition: p, Index: chunk.Of(end, n)}, N: n, Partial: true, UpTo: end, Offsets: chunk.Span(end/n*n, end), LastDigest: recs[end-1].Digest()}
					if _, err := out.CommitPartial(ctx, e, rows, nil); err != nil {
						t.Fatal(err)
					}
					continue
				}
				e := w.end(p, chunk.Of(end-1, n), recs[end-1].Digest())
				e.Offsets = chunk.Span(end-n, end)
				if _, err := out.Commit(ctx, e, rows, w.states, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// takeOver goes on from where a run of another configuration ended.
func (w *whole) takeOver(b *whole) {
	for camera, c := range b.cameras {
		saved, err := c.Save()
		if err != nil {
			w.t.Fatal(err)
		}
		i := params.Select(camera, func(i int) string { return w.stages.Sequence.Profiles[i].Match }, len(w.stages.Sequence.Profiles))
		a, err := w.stages.Sequence.Profiles[i].Analyzer(w.stages.Sequence.StateLimit, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		if w.cameras[camera], err = a.Restore(saved); err != nil {
			w.t.Fatal(err)
		}
		w.last[camera] = b.last[camera]
	}
}

// logged gives records their offsets.
func logged(recs []frame.Record) []frame.Record {
	recs = slices.Clone(recs)
	for i := range recs {
		recs[i].Offset = int64(i)
	}
	return recs
}

// retimed stretches the time between frames, adds so many nanoseconds to each, and lets a
// camera's time jump every now and then.
func retimed(t testing.TB, recs []frame.Record, times int, more time.Duration, jumps int, jump time.Duration) []frame.Record {
	t.Helper()
	parser, err := frame.NewParser(frame.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	recs = slices.Clone(recs)
	for i := range recs {
		f, err := parser.Parse(&recs[i])
		if err != nil || f.Sequence < 0 {
			continue
		}
		f.Captured = film.Begin.Add(f.Captured.Sub(film.Begin)*time.Duration(times) + more)
		if jumps > 0 {
			f.Captured = f.Captured.Add(jump * time.Duration(f.Sequence/int64(jumps)))
		}
		recs[i] = f.CloudEvent()
	}
	return recs
}

// memory is a log in memory.
type memory struct{ logs [][]frame.Record }

var memories sync.Map // of memory, by log.Spec.Root

func init() {
	log.Register("memory", func(_ context.Context, s log.Spec) (log.Log, error) {
		m, _ := memories.Load(s.Root)
		return m.(*memory), nil
	})
}

func memoryOf(t testing.TB, logs [][]frame.Record) log.Spec {
	memories.Store("/"+t.Name(), &memory{logs})
	return log.Spec{Kind: "memory", Root: "/" + t.Name()}
}

func (m *memory) Close() error { return nil }

func (m *memory) Partitions(context.Context, string) (ids []int32, err error) {
	for i := range m.logs {
		ids = append(ids, int32(i))
	}
	return ids, nil
}

func (m *memory) Bounds(_ context.Context, p chunk.Partition) (int64, int64, error) {
	return 0, int64(len(m.logs[p.ID])), nil
}

func (m *memory) OffsetAt(_ context.Context, p chunk.Partition, t time.Time) (int64, error) {
	i := slices.IndexFunc(m.logs[p.ID], func(r frame.Record) bool { return r.Timestamp >= log.Timestamp(t) })
	if i < 0 {
		i = len(m.logs[p.ID])
	}
	return int64(i), nil
}

func (m *memory) Read(_ context.Context, p chunk.Partition, from, to int64, maxBytes int, _ time.Duration) (recs []frame.Record, next int64, err error) {
	to = min(to, int64(len(m.logs[p.ID])))
	for next = from; next < to && (maxBytes > 0 || len(recs) == 0); next++ {
		recs = append(recs, m.logs[p.ID][next])
		maxBytes -= len(m.logs[p.ID][next].Value)
	}
	return recs, next, nil
}

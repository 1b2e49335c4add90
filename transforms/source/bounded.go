package source

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/framebeam/framebeam/transforms/chunk"
)

func init() {
	beam.RegisterDoFn(&boundedFn{})
}

// boundedFn reads one partition per element, from its beginning to its end or
// to the end of a slice.
//
// It is no splittable DoFn although engines without streams know those too: a
// partition is never split anyway, and Spark would leave all restrictions where
// the list of tasks is, in one of its tasks. Emitted elements leave for the
// engine while the call goes on, so the worker holds one fetch.
type boundedFn struct{ reader }

// ProcessElement reads the task.
func (f *boundedFn) ProcessElement(ctx context.Context, task Task, emitRun func(beam.EventTime, chunk.Run), emitEnd func(beam.EventTime, chunk.End)) error {
	all := newRestriction(&task, f.Config.N)
	rt := NewTracker(all)
	c := f.begin(&task, rt, newWatermark(all.Next), emitRun, emitEnd)
	if _, err := c.process(ctx); err != nil {
		return err
	}
	if !rt.IsDone() && !c.slice.full() {
		return fmt.Errorf("kafka source: %v: reading stopped at offset %d, before the end", &task, rt.at().Next/2)
	}
	return nil
}

// slice counts what was emitted of a task, and says when that is enough.
type slice struct {
	limit int64 // bytes of values; 0: none
	done  int64 // of the chunks that have ended
	open  int64 // of the open chunk
	most  int64 // of the largest chunk that has ended
	ended bool  // a chunk has ended
}

func (s *slice) add(bytes int64) { s.open += bytes }

func (s *slice) closeChunk() {
	s.done += s.open
	s.most = max(s.most, s.open)
	s.open, s.ended = 0, true
}

// full reports whether another chunk would be too much. It changes only when a
// chunk ends.
func (s *slice) full() bool { return s.limit > 0 && s.ended && s.done+s.most > s.limit }

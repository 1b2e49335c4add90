package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/files/output"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
	"github.com/framebeam/framebeam/transforms/source"
)

// plan decides for every partition where to begin and to end.
func (j *Job) plan(ctx context.Context, l log.Log, out *output.Output) (parts []plan.Stretch, tasks []source.Task, err error) {
	l = only(l, j.Partitions)
	parts, err = plan.Topic(ctx, l, j.Topic, filled{j, l, out}, j.Until)
	problems := []error{err}
	for i := range parts {
		p := &parts[i]
		if j.bounded() {
			problems = append(problems, p.Reached())
		}
		if p.Gone != "" && !j.warned[p.Partition] {
			if j.warned == nil {
				j.warned = map[chunk.Partition]bool{}
			}
			j.warned[p.Partition] = true
			slog.WarnContext(ctx, "it is analysed again: "+p.Gone, "topic", p.Topic, "partition", p.Partition.ID)
		}
		if !p.Empty() {
			tasks = append(tasks, task(p, out))
		}
	}
	return parts, tasks, errors.Join(problems...)
}

func task(s *plan.Stretch, out *output.Output) source.Task {
	return source.Task{
		Partition: s.Partition, From: s.From, To: s.To, LogEnd: s.LogEnd,
		Cameras: s.Cameras, Identity: s.Identity, Generation: out.Spec().Generation,
	}
}

// filled is the output as it is filled from a log.
type filled struct {
	job *Job
	log log.Log
	out *output.Output
}

func (filled) Words() (folder, done string) { return "the output", "analysed" }

// Hold begins a partition where the job is told to start, which must lie in the log.
func (f filled) Hold(ctx context.Context, p chunk.Partition, first, end int64) (plan.Held, error) {
	pos, err := f.out.Resume(ctx, p)
	if err == nil && pos.Fresh {
		start, err := f.job.start(ctx, f.log, p, first, end)
		if err != nil {
			return plan.Held{}, err
		}
		if _, err := f.out.Begin(ctx, p, max(start, first)); err != nil {
			return plan.Held{}, err
		}
		pos, err = f.out.Resume(ctx, p)
		if err != nil {
			return plan.Held{}, err
		}
		if f.job.Seed == "" && start > first && start < end {
			f.job.noteFresh(p, start)
		}
	}
	return plan.Held{
		Base: pos.Base, From: pos.From, Last: pos.LastOffset, LastDigest: pos.LastDigest, Cameras: pos.Cameras, Gone: f.gone(&pos),
	}, err
}

// start is where the job is told to start in a partition, which must lie in the log.
func (j *Job) start(ctx context.Context, l log.Log, p chunk.Partition, first, end int64) (int64, error) {
	start, err := j.Start.Resolve(ctx, l, p, first, end)
	if err == nil && start > end {
		err = fmt.Errorf("%v: the start %d lies beyond the end of the log, %d", p, start, end)
	}
	return start, err
}

// gone says that complete files are missing that were there.
func (f filled) gone(pos *output.Position) string {
	if pos.Before <= pos.Chunk {
		return ""
	}
	n := f.out.N()
	return fmt.Sprintf("files of the output are gone that were there (offsets %d to %d are not complete any more): "+
		"framebeam repair makes them again, and framebeam retention --give-up-missing gives up those at the beginning", pos.From, pos.Before*n-1)
}

// partitions is a log of which only some partitions are to be read.
type partitions struct {
	log.Log
	only []int32
}

// only is the log of these partitions; nil: of all.
func only(l log.Log, ids []int32) log.Log {
	if ids == nil {
		return l
	}
	return partitions{l, ids}
}

func (p partitions) Partitions(context.Context, string) ([]int32, error) { return p.only, nil }

// Identity is what the whole log says.
func (p partitions) Identity(ctx context.Context, topic string) (string, error) {
	return log.Identity(ctx, p.Log, topic)
}

package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/framebeam/framebeam/transforms/chunk"
	"github.com/framebeam/framebeam/transforms/log"
	"github.com/framebeam/framebeam/transforms/plan"
)

// Task is what is to be archived of one partition, resolved once when the job is
// submitted.
type Task struct {
	Partition chunk.Partition
	N         int64 // offsets per chunk
	Base      int64 // the archive's first offset
	From      int64 // the first offset that is missing
	To        int64 // the exclusive end; chunk.None is never
	Follow    bool  // the log was not at To yet
	// Identity is what log.Identity said of the topic; another one
	// later is data loss. "": not compared.
	Identity string
}

func (t *Task) id(k int64) chunk.ID {
	return chunk.ID{Partition: t.Partition, Index: k}
}

// chunks returns the chunks [next, end) that the task is about.
func (t *Task) chunks() (next, end int64) {
	next = chunk.Of(t.From, t.N)
	switch {
	case t.To == chunk.None:
		return next, never
	case t.To <= t.From:
		return next, next
	}
	return next, chunk.Of(t.To-1, t.N) + 1
}

// piece is the file for chunk k, as far as the task goes.
func (t *Task) piece(k int64) Piece {
	s := ChunkSpan(t.id(k), t.N)
	if t.To != chunk.None {
		s.End = min(s.End, t.To)
	}
	return t.pieceOf(s)
}

func (t *Task) pieceOf(s Span) Piece {
	return Piece{s.Partition, s.N, max(s.Start, t.Base), s.End, t.Identity}
}

// Plan decides for every partition of the topic what is to be archived: from
// where the archive ends, or from start on if it has nothing of the partition
// yet, to until. Start is moved back to the beginning of its chunk as far as the log has
// it, so that only what the log no longer has can be missing in a chunk. What interrupted
// jobs left is removed. The error is that of [plan.Topic].
func Plan(ctx context.Context, l log.Log, f *Folder, topic string, start, until plan.Place) ([]Task, error) {
	stretches, err := plan.Topic(ctx, l, topic, filled{f, l, start}, until)
	var tasks []Task
	for _, s := range stretches {
		tasks = append(tasks, Task{
			Partition: s.Partition, N: f.layout.N, Base: s.Base, From: s.From, To: s.To,
			Follow: s.To == chunk.None || s.To > s.LogEnd, Identity: s.Identity,
		})
	}
	return tasks, err
}

// filled is an archive as it is filled from a log.
type filled struct {
	*Folder
	log   log.Log
	start plan.Place
}

func (f filled) Words() (folder, done string) {
	return "the archive " + f.files.Root(), "archived in " + f.files.Root()
}

// Hold begins a partition at the beginning of a chunk, and sweeps it.
func (f filled) Hold(ctx context.Context, p chunk.Partition, first, end int64) (plan.Held, error) {
	held, err := f.hold(ctx, p, first, end)
	if err != nil {
		return plan.Held{}, fmt.Errorf("plan %v: %w", p, err)
	}
	return held, nil
}

func (f filled) hold(ctx context.Context, p chunk.Partition, first, end int64) (plan.Held, error) {
	none := plan.Held{}
	at, err := f.start.Resolve(ctx, f.log, p, first, end)
	if err != nil {
		return none, err
	}
	at = max(first, min(at, end))
	if at, err = f.begin(ctx, p, max(first, chunk.Of(at, f.layout.N)*f.layout.N)); err != nil {
		return none, err
	}
	e, block, err := f.extent(ctx, p, 0)
	if err != nil {
		return none, err
	}
	if err := f.sweep(ctx, p, e, block); err != nil {
		return none, err
	}
	if e.Upto() == at && e.Beyond == chunk.None && at < first {
		// Nothing was archived yet, and the log has moved on since.
		if e.Base, err = f.rebase(ctx, p, first); err != nil {
			return none, err
		}
		e.End = e.Base
	}
	last, err := f.last(ctx, p, e)
	if err != nil {
		return none, err
	}
	if err := f.writeMark(ctx, p, e); err != nil {
		return none, err
	}
	held := plan.Held{Base: e.Base, From: e.Upto(), Last: last.Last, LastDigest: last.LastDigest}
	if e.Beyond != chunk.None {
		held.Gone = fmt.Sprintf("files of the archive are missing before chunk %d, which is there: framebeam retention --give-up-missing gives up those at "+
			"the beginning", e.Beyond)
	}
	return held, nil
}

// last is the summary of the last file that has records.
func (f *Folder) last(ctx context.Context, p chunk.Partition, e Extent) (Summary, error) {
	if e.Tail.End > e.End {
		if sum, err := f.Summary(ctx, e.Tail); err != nil || sum.Records > 0 {
			return sum, err
		}
	}
	for k := chunk.Of(e.End, f.layout.N) - 1; e.End > e.Base && k >= chunk.Of(e.Base, f.layout.N); k-- {
		sum, err := f.Summary(ctx, ChunkSpan(chunk.ID{Partition: p, Index: k}, f.layout.N))
		if err != nil || sum.Records > 0 {
			return sum, err
		}
	}
	return noRecords, nil
}

// Verify checks that the archive has everything of the tasks that have an end.
// An engine may end with success although it dropped elements.
func Verify(ctx context.Context, f *Folder, tasks []Task) error {
	var errs []error
	for _, t := range tasks {
		if t.To == chunk.None {
			continue
		}
		e, err := f.Extent(ctx, t.Partition)
		switch {
		case err != nil:
			errs = append(errs, err)
		case e.Upto() < t.To:
			missing := t.piece(chunk.Of(e.Upto(), t.N)).span()
			errs = append(errs, fmt.Errorf("%v: the archive ends at offset %d, not %d: %s is missing", t.Partition, e.Upto(), t.To, f.Path(missing)))
		}
	}
	return errors.Join(errs...)
}

// sameTopic checks that the topic is still the one of identity.
func sameTopic(ctx context.Context, l log.Log, p chunk.Partition, identity string, offset int64) error {
	if identity == "" {
		return nil
	}
	now, err := log.Identity(ctx, l, p.Topic)
	if err != nil || now == identity {
		return err
	}
	first, end, err := l.Bounds(ctx, p)
	if err != nil {
		return err
	}
	return &log.DataLoss{Partition: p, Offset: offset, First: first, End: end,
		What: "the topic was created anew while it was archived"}
}
